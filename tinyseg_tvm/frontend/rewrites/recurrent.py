"""LSTM, GRU and RNN as layers of one direction over lines of time.

Each direction becomes one node ``Recurrent`` of our own domain, whose operand is (T, batch * inputs) and whose result
(T, batch * units): all that is computed from step to step, and nothing of layouts. Directions are joined, and states
taken from lines, by ONNX's operators. ``converters.py`` hands the node on as a call of ``tinyseg.recurrent``.

Source: ONNX operators LSTM, GRU and RNN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.frontend.graph import OWN_DOMAIN, Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

CELLS = {
    "LSTM": ("lstm", 4, ("Sigmoid", "Tanh", "Tanh")),
    "GRU": ("gru", 3, ("Sigmoid", "Tanh")),
    "RNN": ("rnn", 1, ("Tanh",)),
}
"""By operator: its cell, gates and functions."""
# Functions, and their parameters where the model gives none.
_DEFAULTS: dict[str, tuple[float, float]] = {
    "sigmoid": (0, 0),
    "tanh": (0, 0),
    "relu": (0, 0),
    "softsign": (0, 0),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01, 0),
    "thresholdedrelu": (1, 0),
    "elu": (1, 0),
    "affine": (1, 0),
    "scaledtanh": (1, 1),
}
_ALPHA = ("hardsigmoid", "leakyrelu", "thresholdedrelu", "elu", "affine", "scaledtanh")
_BETA = ("hardsigmoid", "affine", "scaledtanh")


class _RefusedError(Exception):
    """Why a layer cannot be computed, and what can be done."""


def spell_recurrent(graph: Graph) -> None:
    """Replace every LSTM, GRU and RNN; refuse those whose weights or lengths are computed. Types must be inferred."""
    readers = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs)

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type not in CELLS or node.domain or graph.shape(node.inputs[0]) is None:
            return None
        try:
            return _Layer.of(graph, node).spelled({name for name in node.outputs if name in readers})
        except _RefusedError as refusal:
            graph.refuse(node, *refusal.args)
            return None

    graph.expand(rewrite)


@dataclass
class _Layer:
    """A recurrent node: its operands in one layout, (T, batch, ...) and (directions, batch, units)."""

    spelling: Spelling
    cell: str
    gates: int
    functions: list[tuple[str, float, float]]  # of all directions
    directions: list[bool]  # whether each runs backwards
    units: int
    steps: int
    length: int  # steps that are computed: the sequence may be shorter than the tensor
    batch: int
    inputs: int
    batch_first: bool

    @staticmethod
    def of(graph: Graph, node: Node) -> _Layer:
        """What the node says."""
        attributes = node.attributes
        cell, gates, defaults = CELLS[node.op_type]
        direction = str(attributes.get("direction", "forward")).lower()
        directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
        batch_first = bool(attributes.get("layout", 0))
        shape = graph.types[node.inputs[0]].shape
        steps, batch = (shape[1], shape[0]) if batch_first else shape[:2]
        recurrence = graph.shape(node.inputs[2]) or (1, 1, 1)
        names = [str(name).lower() for name in attributes.get("activations", defaults * len(directions))]
        if unknown := [name for name in names if name not in _DEFAULTS]:
            raise _RefusedError(f"its activation {unknown[0]!r} is unknown", "use Sigmoid, Tanh or Relu")
        alphas, betas = iter(attributes.get("activation_alpha", [])), iter(attributes.get("activation_beta", []))
        functions = [
            (
                name,
                float(next(alphas, _DEFAULTS[name][0])) if name in _ALPHA else 0.0,
                float(next(betas, _DEFAULTS[name][1])) if name in _BETA else 0.0,
            )
            for name in names
        ]
        lengths = graph.constant(node.input(4)) if node.input(4) else np.full(batch, steps)
        if lengths is None or len(set(lengths.reshape(-1).tolist())) != 1:
            raise _RefusedError(
                "its sequences' lengths differ or are computed", "give sequences of one constant length"
            )
        length = min(int(lengths.reshape(-1)[0]), steps)
        if length < 1:
            raise _RefusedError("its sequences have no elements", "give sequences of a positive length")
        spelling = Spelling(graph, node)
        return _Layer(
            spelling, cell, gates, functions, directions, recurrence[-1], steps, length, batch, shape[-1], batch_first
        )

    def spelled(self, wanted: set[str]) -> list[Node]:
        """The nodes that make the results that are ``wanted``."""
        add, node = self.spelling.add, self.spelling.node
        data = node.inputs[0]
        if self.batch_first:
            data = self.spelling.transpose("time_first", data, [1, 0, 2])
        if self.length < self.steps:
            data = self._cut("begin", data, 0, 0, self.length)
        data = self._shaped("operand", data, self.length, self.batch * self.inputs)
        y, hidden, cells = ([*node.outputs, "", "", ""][index] for index in range(3))
        sequence, states = y in wanted, cells in wanted
        lines = [
            self._direction(index, data, sequence=sequence, states=states) for index in range(len(self.directions))
        ]
        width = self.batch * self.units
        if sequence:
            parts = []
            for index, made in enumerate(lines):
                part = self._cut(f"hidden_of_{index}", made, 1, 0, width) if states else made
                if self.directions[index]:
                    part = self._reversed(f"in_time_{index}", part)
                parts.append(self._shaped(f"part_{index}", part, self.length, 1, self.batch, self.units))
            joined = parts[0] if len(parts) == 1 else add("joined", "Concat", parts, axis=1)
            if self.length < self.steps:
                pads = [0, 0, 0, 0, self.steps - self.length, 0, 0, 0]
                joined = add("padded", "Pad", [joined, self.spelling.constant("pads", pads, np.int64)])
            if self.batch_first:
                joined = self.spelling.transpose("batch_first", joined, [2, 0, 1, 3])
            add("", "Identity", [joined], y)
        last = [
            self._cut(f"last_{index}", made, 0, self.length - 1, self.length) if sequence else made
            for index, made in enumerate(lines)
        ]
        if hidden in wanted:
            self._states("hidden", last, 0 if states else None, hidden)
        if states:
            self._states("cells", last, width, cells)
        return self.spelling.nodes

    def _states(self, suffix: str, last: list[str], begin: int | None, result: str) -> None:
        """States after the last step, of all directions, from where they begin in its lines."""
        parts = []
        for index, line in enumerate(last):
            width = self.batch * self.units
            part = line if begin is None else self._cut(f"{suffix}_cut_{index}", line, 1, begin, begin + width)
            parts.append(self._shaped(f"{suffix}_{index}", part, 1, self.batch, self.units))
        joined = parts[0] if len(parts) == 1 else self.spelling.add(f"{suffix}_joined", "Concat", parts, axis=0)
        if self.batch_first:
            joined = self.spelling.transpose(f"{suffix}_batch_first", joined, [1, 0, 2])
        self.spelling.add(f"{suffix}_states", "Identity", [joined], result)

    def _direction(self, index: int, data: str, *, sequence: bool, states: bool) -> str:
        """The lines of one direction, in the order of its steps."""
        node, graph = self.spelling.node, self.spelling.graph
        operands = {"x": data, "weight": self._weight(1, index), "recurrence": self._weight(2, index)}
        rows = self.gates * self.units
        both = self._numbers(3, index, (2, rows), np.zeros((2, rows), np.float32))
        after = self.cell == "gru" and bool(node.attributes.get("linear_before_reset", 0))
        own, recurrent = both
        if after:
            operands["recurrent_bias"] = self.spelling.constant("recurrent_bias", recurrent[2 * self.units :])
            recurrent = np.concatenate([recurrent[: 2 * self.units], np.zeros(self.units, np.float32)])
        operands["bias"] = self.spelling.constant("bias", own + recurrent)
        peephole = self.cell == "lstm" and bool(node.input(7))
        if peephole:
            operands["peepholes"] = self.spelling.constant("peepholes", self._numbers(7, index, (3, self.units)))
        initial = self._initial(index, operands)
        count = len(self.functions) // len(self.directions)
        functions = self.functions[index * count : (index + 1) * count]
        lines = self.length if sequence else 1
        fields: dict[str, Any] = {
            "cell": self.cell,
            "units": self.units,
            "batch": self.batch,
            "reverse": self.directions[index],
            "sequence": sequence,
            "states": states,
            "initial": initial,
            "functions": [name for name, _, _ in functions],
            "alphas": [alpha for _, alpha, _ in functions],
            "betas": [beta for _, _, beta in functions],
            "clip": float(node.attributes.get("clip", 0.0)),
            "coupled": bool(node.attributes.get("input_forget", 0)),
            "reset_after": after,
            "peephole": peephole,
        }
        result = graph.fresh(f"{node.name}.lines")
        name = self.spelling.name("backwards" if self.directions[index] else "lines")
        attributes = {
            "shape": [lines, self.batch * self.units * (2 if states else 1)],
            "operands": list(operands),
            "fields": fields,
        }
        self.spelling.nodes.append(
            Node(name, "Recurrent", list(operands.values()), [result], attributes, domain=OWN_DOMAIN)
        )
        return result

    def _initial(self, index: int, operands: dict[str, str]) -> str:
        """Where states before the first step come from; adds them to the operands."""
        node, graph = self.spelling.node, self.spelling.graph
        names = [node.input(5), node.input(6)] if self.cell == "lstm" else [node.input(5)]
        values = [graph.constant(name) for name in names]
        shape = (self.batch, self.units)
        if all(not name or (value is not None and not value.any()) for name, value in zip(names, values, strict=True)):
            return "zero"
        if all(not name or value is not None for name, value in zip(names, values, strict=True)):
            known = [np.zeros(shape, np.float32) if v is None else self._of_direction(v, index) for v in values]
            flat = np.stack([value.reshape(-1) for value in known])
            operands["initial_states"] = self.spelling.constant("initial_states", flat)
            return "constant"
        for key, name in zip(("hidden", "cells"), names, strict=False):
            given = name or self.spelling.constant(f"no_{key}", np.zeros((len(self.directions), *shape)))
            if self.batch_first and name:
                given = self.spelling.transpose(f"{key}_{index}_turned", given, [1, 0, 2])
            if len(self.directions) > 1:
                given = self._cut(f"{key}_{index}", given, 0, index, index + 1)
            operands[key] = self._shaped(f"{key}_{index}_line", given, 1, self.batch * self.units)
        return "operand"

    def _of_direction(self, states: np.ndarray, index: int) -> np.ndarray:
        return states[:, index] if self.batch_first else states[index]

    def _numbers(self, position: int, index: int, shape: tuple[int, ...], default: Any = None) -> np.ndarray:
        """A constant operand of one direction."""
        name = self.spelling.node.input(position)
        value = self.spelling.graph.constant(name)
        if not name:
            return np.asarray(default)
        if value is None:
            raise _RefusedError("its biases or peepholes are computed", "give them as constants")
        return np.asarray(value[index], np.float32).reshape(shape)

    def _weight(self, position: int, index: int) -> str:
        """The weights of one direction: a constant, or a DequantizeLinear of one."""
        graph = self.spelling.graph
        name = self.spelling.node.inputs[position]
        value = graph.constant(name)
        if value is not None:
            return self.spelling.constant("weight", value[index])
        maker = graph.producers().get(name)
        parameters = [] if maker is None else [graph.constant(each) for each in maker.inputs]
        if maker is None or maker.op_type != "DequantizeLinear" or any(each is None for each in parameters):
            raise _RefusedError("its weights are computed", "give them as constants")
        stored, scale, zero = (np.asarray(each) for each in parameters)
        axis = int(maker.attributes.get("axis", 0)) if scale.size > 1 else 0
        if scale.size > 1 and axis == 0:
            scale, zero = scale[index], zero[index]
        operands = [
            self.spelling.constant("integers", stored[index], stored.dtype),
            self.spelling.constant("scale", scale),
            self.spelling.constant("zero_point", zero, zero.dtype),
        ]
        along: dict[str, Any] = {"axis": axis - 1} if scale.ndim else {}
        kind = "weight" if position == 1 else "recurrence"
        return self.spelling.add(f"{kind}_{index}", "DequantizeLinear", operands, **along)

    def _cut(self, suffix: str, value: str, axis: int, begin: int, end: int) -> str:
        bounds = [self.spelling.constant("bound", [bound], np.int64) for bound in (begin, end, axis)]
        return self.spelling.add(suffix, "Slice", [value, *bounds])

    def _reversed(self, suffix: str, value: str) -> str:
        bounds = [self.spelling.constant("bound", [bound], np.int64) for bound in (-1, -(1 << 31), 0, -1)]
        return self.spelling.add(suffix, "Slice", [value, *bounds])

    def _shaped(self, suffix: str, value: str, *shape: int) -> str:
        return self.spelling.add(suffix, "Reshape", [value, self.spelling.constant("shape", shape, np.int64)])
