"""Recurrent layers over time (ONNX LSTM, GRU, RNN), in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.arithmetic.cell_functions import FUNCTIONS, Activation
from tinyseg_tvm.operators.arithmetic.float32_functions import fused_multiply_add
from tinyseg_tvm.operators.base import LineAccess, Lines, Operator
from tinyseg_tvm.operators.tensor_type import TensorType

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Rows of weights per unit, in ONNX's order: input, output, forget, cell; update, reset, hidden; the state itself."""
FUNCTION_COUNT = {"lstm": 3, "gru": 2, "rnn": 1}
_ONE = np.float32(1)


@dataclass(frozen=True)
class Recurrent(Operator):
    """A line is a time step: of the operand (T, batch * inputs), of the result (T, batch * units).

    Every sum starts from its bias, takes the products with the operand's values in their order, then those with the
    units' states, each by a fused multiply-add: ``s = bias + W x + R h``, limited to [-clip, clip] where ``clip`` is
    positive. With the functions f, g, h in that order, per unit:

    * lstm: ``i = f(s_i + P_i c)``, ``o = f(s_o + P_o c')``, ``f = f(s_f + P_f c)`` (``1 - i`` where ``coupled``),
      ``c' = fma(f, c, i * g(s_c))``, ``h' = o * h(c')``; products with peepholes P are fused, too;
    * gru: ``z = f(s_z)``, ``r = f(s_r)``, ``n = g(s_n)`` with states ``r * h`` in place of h, or, with ``reset_after``,
      ``n = g(b_n + W x + r * (b_R + R h))``; ``h' = fma(z, h, (1 - z) * n)``;
    * rnn: ``h' = f(s)``.

    With ``quantized`` a weight is ``float32(integer) * scale`` of its row, rounded.

    Constants: ``weight`` (gates * units, inputs), ``recurrence`` (gates * units, units), ``bias`` (gates * units,); for
    ``quantized`` ``weight_scale`` and ``recurrence_scale`` (gates * units,); for gru with ``reset_after``
    ``recurrent_bias`` (units,); with ``peephole`` ``peepholes`` (3, units), of input, output and forget gate; where
    ``initial`` is "constant" ``initial_states`` (states, batch * units), hidden ones first.

    Attributes:
        cell: "lstm", "gru" or "rnn".
        units, batch: how many.
        reverse: time runs backwards: step i takes line T - 1 - i, and makes line i.
        sequence: the result has a line for every step, else only that of the last.
        states: of lstm, the cells' states follow those of the units in each line.
        initial: the states before the first step: "zero", "constant", or further operands (1, batch * units).
        functions: names of the activations; alphas, betas: their parameters.
        clip: limit of the sums, 0 for none.
        coupled, reset_after, quantized, peephole: see above.
    """

    kind: ClassVar[str] = "recurrent"
    onnx: ClassVar[tuple[str, ...]] = ("LSTM", "GRU", "RNN")

    cell: str
    units: int
    batch: int
    reverse: bool
    sequence: bool
    states: bool
    initial: str
    functions: tuple[str, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    clip: float
    coupled: bool
    reset_after: bool
    quantized: bool
    peephole: bool

    @property
    def constant_names(self) -> tuple[str, ...]:
        """Those that the cell has."""
        names = ["weight", "recurrence", "bias"]
        names += ["weight_scale", "recurrence_scale"] if self.quantized else []
        names += ["recurrent_bias"] if self.reset_after else []
        names += ["peepholes"] if self.peephole else []
        return (*names, *(["initial_states"] if self.initial == "constant" else []))

    @property
    def rows(self) -> int:
        """Rows of the weights."""
        return GATES[self.cell] * self.units

    @property
    def state_count(self) -> int:
        """How many states a unit has."""
        return 2 if self.cell == "lstm" else 1

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The cell's functions."""
        return tuple(map(Activation, self.functions, self.alphas, self.betas))

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(T, batch * units), twice as many with ``states``; T is 1 without ``sequence``."""
        if self.cell not in GATES or any(name not in FUNCTIONS for name in self.functions):
            raise ValueError(f"{self.cell} with {self.functions} is no known cell")
        if {len(self.functions), len(self.alphas), len(self.betas)} != {FUNCTION_COUNT[self.cell]}:
            raise ValueError(f"{self.cell} has {FUNCTION_COUNT[self.cell]} functions, not {self.functions}")
        if (self.states or self.coupled or self.peephole) and self.cell != "lstm":
            raise ValueError(f"{self.cell} has no cells")
        count = 1 + (self.state_count if self.initial == "operand" else 0)
        if len(inputs) != count or any(operand.dtype != "float32" for operand in inputs):
            raise ValueError(f"{count} operands of float32 are needed, not {inputs}")
        shape = inputs[0].shape
        width = constants["weight"].shape[-1]
        if len(shape) != 2 or shape[1] != self.batch * width:
            raise ValueError(f"the weight {constants['weight'].shape} does not fit an operand {shape}")
        if any(operand.shape != (1, self.batch * self.units) for operand in inputs[1:]):
            raise ValueError(f"initial states are (1, {self.batch * self.units}), not {inputs[1:]}")
        weights = "int8" if self.quantized else "float32"
        expected = {
            "weight": ((self.rows, width), weights),
            "recurrence": ((self.rows, self.units), weights),
            "bias": ((self.rows,), "float32"),
            "weight_scale": ((self.rows,), "float32"),
            "recurrence_scale": ((self.rows,), "float32"),
            "recurrent_bias": ((self.units,), "float32"),
            "peepholes": ((3, self.units), "float32"),
            "initial_states": ((self.state_count, self.batch * self.units), "float32"),
        }
        for name in self.constant_names:
            if constants[name] != TensorType(*expected[name]):
                raise ValueError(f"{name} is {constants[name]}; {TensorType(*expected[name])} is needed")
        lines = shape[0] if self.sequence else 1
        return (TensorType((lines, self.batch * self.units * (2 if self.states else 1)), "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Step by step, all units at once."""
        lines = inputs[0].reshape(len(inputs[0]), self.batch, -1)
        if self.initial == "operand":
            held = [array.reshape(self.batch, self.units) for array in inputs[1:]]
        elif self.initial == "constant":
            held = list(constants["initial_states"].reshape(self.state_count, self.batch, self.units))
        else:
            held = [np.zeros((self.batch, self.units), np.float32)] * self.state_count
        made = []
        for line in lines[::-1] if self.reverse else lines:
            held = self._step(line, held, constants)
            kept = held if self.states else held[:1]
            made.append(np.concatenate([array.reshape(-1) for array in kept]))
        return (np.stack(made if self.sequence else made[-1:]),)

    def _weights(self, constants: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        weight = constants[name].astype(np.float32)
        return weight * constants[f"{name}_scale"][:, np.newaxis] if self.quantized else weight

    def _limited(self, sums: np.ndarray) -> np.ndarray:
        if not self.clip > 0:
            return sums
        high = np.float32(self.clip)
        sums = np.where(sums > -high, sums, -high)
        return np.where(sums < high, sums, high)

    def _step(
        self, line: np.ndarray, held: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        """The states after a step."""
        weight, recurrence = self._weights(constants, "weight"), self._weights(constants, "recurrence")
        state, units, functions = held[0], self.units, self.activations
        sums = _added(np.broadcast_to(constants["bias"], (self.batch, self.rows)), line, weight)
        if self.cell == "rnn":
            return [functions[0](self._limited(_added(sums, state, recurrence)))]
        if self.cell == "gru":
            gates = _added(sums[:, : 2 * units], state, recurrence[: 2 * units])
            update, reset = np.split(functions[0](self._limited(gates)), 2, axis=1)
            if self.reset_after:
                inner = np.broadcast_to(constants["recurrent_bias"], state.shape)
                inner = _added(inner, state, recurrence[2 * units :])
                hidden = fused_multiply_add(reset, inner, sums[:, 2 * units :])
            else:
                hidden = _added(sums[:, 2 * units :], reset * state, recurrence[2 * units :])
            hidden = functions[1](self._limited(hidden))
            return [fused_multiply_add(update, state, (_ONE - update) * hidden)]
        cells = held[1]
        enter, leave, forget, inner = np.split(_added(sums, state, recurrence), 4, axis=1)
        if self.peephole:
            enter = fused_multiply_add(constants["peepholes"][0], cells, enter)
            forget = fused_multiply_add(constants["peepholes"][2], cells, forget)
        enter = functions[0](self._limited(enter))
        forget = _ONE - enter if self.coupled else functions[0](self._limited(forget))
        cells = fused_multiply_add(forget, cells, enter * functions[1](self._limited(inner)))
        if self.peephole:
            leave = fused_multiply_add(constants["peepholes"][1], cells, leave)
        leave = functions[0](self._limited(leave))
        return [leave * functions[2](cells), cells]

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """A line per step; initial states in the first; the result in each, or in the last."""
        steps = inputs[0].lines
        lines = each_line(steps)
        first: tuple[Lines, ...] = ((0,), *((),) * (steps - 1))
        return LineAccess(
            steps,
            (lines[::-1] if self.reverse else lines, *[first] * (len(inputs) - 1)),
            (lines if self.sequence else (*((),) * (steps - 1), (0,)),),
            (False,) * len(inputs),
            (False,),
            4 * self.state_count * self.batch * self.units,
        )

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight, step and batch."""
        weights = constants["weight"].size + constants["recurrence"].size
        return int(weights) * inputs[0].lines * self.batch


def _added(sums: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``sums`` (B, R) and the products of values (B, K) and weights (R, K), in the order of K."""
    for k in range(weights.shape[1]):
        sums = fused_multiply_add(values[:, k, np.newaxis], weights[:, k], sums)
    return sums
