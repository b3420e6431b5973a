"""Computations between ``dequantize`` and ``quantize``: int8 or int16 by the rule ``onnx``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.arithmetic.onnx import VALUE_TYPES
from tinyseg_tvm.operators.arithmetic.onnx_functions import conv_multiplier
from tinyseg_tvm.relay_passes.computations import Computation
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Var, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import (
    computed_type,
    converted,
    emit_operator,
    limits_of,
    quantized_activation,
    quantized_constant,
    quantized_result,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite


@dataclass(frozen=True)
class QuantizedComputation(Computation):
    """A float call whose operands are dequantised and whose result is quantised, or a call on integers that copies.

    Where types differ, the operator computes in the wider one: operands are widened, and the result is narrowed.

    Attributes:
        result_type: element type of the result.
    """

    result_type: str

    @classmethod
    def of(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """From a ``quantize`` upwards."""
        result = quantized_result(value)
        call = None if result is None else rewrite.producing_call(result[0], *operators)
        if result is None or call is None:
            return None
        return cls(rewrite, call, rewrite.name(result[0], name), result[1], dtype_of(value))

    @classmethod
    def of_copies(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """On integers themselves."""
        if not is_call(value, *operators) or is_constant(value.args[0]) or dtype_of(value.args[0]) not in VALUE_TYPES:
            return None
        return cls(rewrite, value, name, rewrite.quantization.get(value.args[0]), dtype_of(value))

    @property
    def dtype(self) -> str:
        """The type that the operator computes in."""
        found = (quantized_activation(self.rewrite, operand) for operand in self.call.args)
        return computed_type(self.result_type, *(dtype_of(each[0]) for each in found if each is not None))

    def activation(self, index: int = 0) -> Expr | None:
        """Of the type that the operator computes in."""
        operand = self.call.args[index]
        if not is_constant(operand) and dtype_of(operand) in VALUE_TYPES:
            return operand
        found = quantized_activation(self.rewrite, operand)
        if found is None:
            return None
        return converted(self.rewrite, *found, self.dtype, f"{self.rewrite.name(found[0])}_wide")

    def finished(self, result: Expr) -> Expr:
        """Narrowed where the call's result is narrower than what was computed."""
        if self.quantization is None:
            return result
        return converted(self.rewrite, result, self.quantization, self.result_type, f"{self.name}_narrow")

    def constant(self, index: int) -> np.ndarray | None:
        """Its codes, where one scale is enough and the type holds them."""
        found = self._quantized_constant(index)
        return None if found is None else found[0]

    def _quantized_constant(self, index: int) -> tuple[np.ndarray, Quantization] | None:
        constant = quantized_constant(self.rewrite, self.call.args[index])
        if constant is None or constant.scales.size != 1:
            return None
        low, high = int(constant.values.min(initial=0)), int(constant.values.max(initial=0))
        least, most = limits_of(self.dtype)
        if high - low > most - least:
            return None
        zero_point = 0 if low >= least and high <= most else least - low
        return (constant.values + zero_point).astype(self.dtype), Quantization(float(constant.scales[0]), zero_point)

    def _before(self, index: int = 0) -> Quantization:
        """Quantisation of an operand that ``activation`` or ``constant`` found."""
        found = quantized_activation(self.rewrite, self.call.args[index]) or self._quantized_constant(index)
        assert found is not None
        return found[1]

    @property
    def _after(self) -> Quantization:
        assert self.quantization is not None
        return self.quantization

    def average(self) -> onnx.Average:
        """From the operand's to the result's quantisation."""
        before, after = self._before(), self._after
        return onnx.Average(before.scale, before.zero_point, after.scale, after.zero_point, dtype=self.dtype)

    def reduction(self) -> tuple[Expr, onnx.Average] | None:
        """Sums in integers."""
        activation = self.activation()
        return None if activation is None else (activation, self.average())

    def interpolation(self) -> onnx.Interpolation:
        """From the operand's to the result's quantisation."""
        before, after = self._before(), self._after
        return onnx.Interpolation(before.scale, before.zero_point, after.scale, after.zero_point, dtype=self.dtype)

    def product_sum(self) -> onnx.ProductSum:
        """Of both operands' quantisations."""
        lhs, rhs, after = self._before(0), self._before(1), self._after
        multiplier = float(conv_multiplier(lhs.scale, np.float32(rhs.scale), after.scale))
        numbers = (lhs.zero_point, rhs.zero_point, multiplier, after.zero_point)
        return onnx.ProductSum(*numbers, *limits_of(self.dtype), dtype=self.dtype)

    def binary(self) -> onnx.Binary:
        """Of both operands' quantisations."""
        lhs, rhs, after = self._before(0), self._before(1), self._after
        low, high = limits_of(self.dtype)
        return onnx.Binary(
            lhs_scale=lhs.scale,
            lhs_zero_point=lhs.zero_point,
            rhs_scale=rhs.scale,
            rhs_zero_point=rhs.zero_point,
            output_scale=after.scale,
            output_zero_point=after.zero_point,
            output_min=low,
            output_max=high,
            dtype=self.dtype,
        )

    def softmax(self) -> tuple[onnx.Softmax, dict[str, np.ndarray]]:
        """With the table of exponentials of the operand's scale, or with the scale alone."""
        if self.dtype != "int8":
            scale, after = self._before().scale, self._after
            return onnx.Softmax(after.scale, after.zero_point, input_scale=scale, dtype=self.dtype), {}
        table = np.exp(-np.arange(256, dtype=np.float64) * self._before().scale).astype(np.float32)
        return onnx.Softmax(self._after.scale, self._after.zero_point), {"table": table}

    def emit(
        self, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray] | None = None
    ) -> Expr | None:
        """With the result's quantisation."""
        return emit_operator(
            self.rewrite, operator, activations, constants or {}, name=self.name, quantization=self.quantization
        )

    def move(self, movement: Call, suffix: str) -> Var:
        """With the quantisation of what is moved."""
        moved = movement.args[0]
        activation = self.activation()
        if activation is not None and moved.same_as(activation):
            known = quantized_activation(self.rewrite, self.call.args[0])
            if known is not None:
                return self.rewrite.emit(movement, f"{self.name}_{suffix}", known[1])
        return super().move(movement, suffix)
