"""A ``relax.tflite`` call taken apart, and what rules make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Var, array_of, is_constant, is_variable, shape_of
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite

PREFIX = "relax.tflite."
INT8_MIN, INT8_MAX = -128, 127
UINT8_SHIFT = 128
"""What the frontend took from codes of uint8."""


class UnsupportedError(Exception):
    """An operator cannot be computed; the message says why, and what to do."""


@dataclass(frozen=True)
class Described:
    """What the file says of an operand or a result.

    Attributes:
        dtype: the file's; Relax has int8 where that is uint8.
        shape: the file's.
        scales: float32, none where it is not quantised.
        zero_points: as many, shifted with the values where the file has uint8.
        axis: of the scales, where there are several.
    """

    dtype: str
    shape: tuple[int, ...]
    scales: np.ndarray
    zero_points: np.ndarray
    axis: int

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Described | None:
        """From an entry of a call's attributes; None where it is empty."""
        if not described:
            return None
        return cls(
            str(described["dtype"]),
            tuple(int(extent) for extent in described["shape"]),
            np.array([float(scale) for scale in described.get("scales", ())], np.float32),
            np.array([int(zero_point) for zero_point in described.get("zero_points", ())], np.int64),
            int(described.get("axis", 0)),
        )

    @property
    def relax_dtype(self) -> str:
        """In Relax: uint8 is shifted to int8."""
        return "int8" if self.dtype == "uint8" else self.dtype

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest code, in Relax."""
        held = np.iinfo(self.relax_dtype)
        return int(held.min), int(held.max)

    @property
    def quantization(self) -> Quantization:
        """Of the tensor. Raises UnsupportedError where it has none, or one for each channel."""
        if self.scales.size != 1:
            raise UnsupportedError(
                f"one scale and zero point are needed for a tensor of {self.dtype}, not {self.scales.size}"
            )
        return Quantization(float(self.scales[0]), int(self.zero_points[0]))


@dataclass(frozen=True)
class Operand:
    """An operand: a variable or constant, and what the file says of it."""

    expression: Expr
    described: Described

    @property
    def constant(self) -> np.ndarray | None:
        """Its values, where it is constant."""
        return array_of(self.expression) if is_constant(self.expression) else None

    @property
    def quantization(self) -> Quantization:
        """Of the tensor."""
        return self.described.quantization

    @property
    def shape(self) -> tuple[int, ...]:
        """In Relax."""
        return shape_of(self.expression)


@dataclass(frozen=True)
class TfliteCall:
    """A call under a rule.

    Attributes:
        rewrite: the function under construction.
        call: the Relax call, operands already rewritten.
        name: of the binding.
        item: which of several results is wanted.
    """

    rewrite: Rewrite
    call: Call
    name: str
    item: int = 0

    @property
    def kind(self) -> str:
        """The operator, as TensorFlow Lite spells it."""
        return kind_of(self.call)

    @cached_property
    def operands(self) -> tuple[Operand | None, ...]:
        """In the file's order; None where one is absent."""
        arguments = iter(self.call.args)
        described = [Described.of(entry) for entry in self.call.attrs["operands"]]
        return tuple(None if entry is None else Operand(next(arguments), entry) for entry in described)

    @cached_property
    def result(self) -> Described:
        """The wanted result."""
        found = Described.of(self.call.attrs["results"][self.item])
        assert found is not None
        return found

    def operand(self, index: int = 0) -> Operand:
        """An operand that must be there."""
        if index >= len(self.operands) or self.operands[index] is None:
            raise UnsupportedError(f"operand {index} is missing")
        found = self.operands[index]
        assert found is not None
        return found

    def optional(self, index: int) -> Operand | None:
        """An operand that may be absent."""
        return self.operands[index] if index < len(self.operands) else None

    def constant(self, index: int, what: str) -> np.ndarray:
        """The values of an operand that must be constant."""
        found = self.operand(index).constant
        if found is None:
            raise UnsupportedError(f"its {what} must be constant")
        return found

    def option(self, name: str) -> int:
        """An option that is a number."""
        return int(self.call.attrs["options"][name])

    def option_float(self, name: str) -> float:
        """An option that is a number with a fraction."""
        return float(self.call.attrs["options"][name])

    def option_name(self, name: str) -> str:
        """An option that is one of several names."""
        return str(self.call.attrs["options"][name])

    @property
    def is_float(self) -> bool:
        """Whether it computes in float32."""
        return self.operand().described.dtype == "float32"

    def expect_types(self, *dtypes: str, operands: Sequence[int] = (0,)) -> None:
        """Raises UnsupportedError unless operands and result are of one of the file's types."""
        for described in (*(self.operand(index).described for index in operands), self.result):
            if described.dtype not in dtypes:
                raise UnsupportedError(f"it is of {described.dtype}; {', '.join(dtypes)} are supported")
            if described.dtype == "int16" and described.zero_points.any():
                raise UnsupportedError("a zero point of int16 is not 0. Remedy: convert the model anew")

    @property
    def result_quantization(self) -> Quantization | None:
        """Of the wanted result; None where it has none."""
        return None if self.result.scales.size != 1 else self.result.quantization

    def activation_range(self) -> tuple[int, int]:
        """The clamp of a fused activation, in codes."""
        return activation_range(
            self.option_name("fused_activation_function"), self.result.quantization, self.result.limits
        )

    def emit(
        self, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray] | None = None
    ) -> Var:
        """Binds the operator's result, of the wanted quantisation. Raises UnsupportedError where it is refused."""
        try:
            accepted = accepted_call(operator, activations, constants or {})
        except ValueError as error:
            raise UnsupportedError(str(error)) from None
        return self.rewrite.emit(accepted, self.name, self.result_quantization)

    def known(self, value: Expr) -> Quantization | None:
        """What is known of the quantisation of a value of this function."""
        return self.rewrite.quantization.get(value) if is_variable(value) else None

    def move(self, movement: Call, suffix: str, source: Operand | None = None) -> Var:
        """Binds a movement of an operand under ``<name>_<suffix>``."""
        source = self.operand() if source is None else source
        known = source.quantization if source.described.scales.size == 1 else None
        return self.rewrite.emit(movement, f"{self.name}_{suffix}", known)

    def moved(self, movement: Expr) -> Var:
        """Binds a movement as the result."""
        return self.rewrite.emit(movement, self.name, self.result_quantization)

    def shaped(self, value: Expr) -> Expr:
        """The value in the result's shape."""
        if shape_of(value) == self.result.shape:
            return value
        return self.moved(relax.op.reshape(value, self.result.shape))

    def padded(self, operand: Operand) -> Expr:
        """An operand with as many dimensions as the result, further ones ahead."""
        shape, rank = operand.shape, len(self.result.shape)
        if len(shape) == rank:
            return operand.expression
        return self.move(relax.op.reshape(operand.expression, (1,) * (rank - len(shape)) + shape), "padded", operand)

    def float_clamp(self) -> tuple[float, float]:
        """The clamp of a fused activation in float32."""
        activation = self.option_name("fused_activation_function")
        if activation not in _FLOAT_CLAMPS:
            raise UnsupportedError(f"its fused activation {activation} is not supported")
        return _FLOAT_CLAMPS[activation]


_FLOAT_CLAMPS: dict[str, tuple[float, float]] = {
    "NONE": (-FLOAT32_MAX, FLOAT32_MAX),
    "RELU": (0.0, FLOAT32_MAX),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""Bounds of fused activations in float32."""


def activation_range(
    activation: str, quantization: Quantization, limits: tuple[int, int] = (INT8_MIN, INT8_MAX)
) -> tuple[int, int]:
    """The codes between which a fused activation leaves results of a type of these limits."""
    (least, most), scale, zero_point = limits, np.float32(quantization.scale), quantization.zero_point

    def code(real: float) -> int:
        quotient = np.float32(real) / scale
        return int(zero_point + np.trunc(quotient + np.copysign(np.float32(0.5), quotient)))

    bounds = {
        "NONE": (least, most),
        "RELU": (max(least, code(0.0)), most),
        "RELU6": (max(least, code(0.0)), min(most, code(6.0))),
        "RELU_N1_TO_1": (max(least, code(-1.0)), min(most, code(1.0))),
    }
    if activation not in bounds:
        raise UnsupportedError(f"its fused activation {activation} is not supported")
    low, high = bounds[activation]
    return min(low, most), max(min(high, most), min(low, most))


def is_tflite_call(expression: Expr | None) -> TypeGuard[Call]:
    """True for a call of a ``relax.tflite`` operator."""
    return (
        isinstance(expression, relax.Call)
        and isinstance(expression.op, tvm.ir.Op)
        and expression.op.name.startswith(PREFIX)
    )


def kind_of(call: Call) -> str:
    """The operator of a ``relax.tflite`` call, as TensorFlow Lite spells it."""
    return str(call.op.name).removeprefix(PREFIX).upper()


Lower: TypeAlias = Callable[[TfliteCall], Expr]
"""Gives what stands for the wanted result; raises UnsupportedError."""
