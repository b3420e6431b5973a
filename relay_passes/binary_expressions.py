"""Binary operators written as expressions, which broadcast along any axes; bit for bit the same."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.operators import Elementwise, ElementwiseConstant, Pointwise
from tinyseg_tvm.operators.arithmetic import float32, onnx
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize
from tinyseg_tvm.relay_passes.expression_writer import ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall

Binary = Elementwise | ElementwiseConstant


def write_float(writer: ExpressionWriter, operator: Binary, lhs: Ref, rhs: Ref) -> Ref:
    """The result of an operator of float32."""
    arithmetic = cast(float32.Binary, operator.arithmetic)
    return writer.clamped(writer(operator.function, lhs, rhs), arithmetic.output_min, arithmetic.output_max)


def as_pointwise(call: OperatorCall, other: np.ndarray | None = None) -> OperatorCall | None:
    """The call of an expression that computes the same: of float32, or of integers by the rule ``onnx``; else None.

    ``other``: the constant operand, of the rank of the result.
    """
    operator = cast(Binary, call.operator)
    arithmetic = operator.arithmetic
    writer = ExpressionWriter()
    operands: list[Ref | np.ndarray] = [writer.activation(each) for each in call.activations]
    if isinstance(operator, ElementwiseConstant):
        assert other is not None
        operands.insert(0 if operator.constant_is_lhs else 1, other)
    if isinstance(arithmetic, float32.Binary):
        write_float(writer, operator, *(_constant(writer, each) for each in operands))
    elif isinstance(arithmetic, onnx.Binary):
        _write_integer(writer, operator, arithmetic, operands)
    else:
        return None
    expression = Pointwise(writer.text, arithmetic.dtype)
    return OperatorCall(expression, tuple(writer.activations), writer.named_constants)


def _constant(writer: ExpressionWriter, operand: Ref | np.ndarray) -> Ref:
    return operand if isinstance(operand, str) else writer.constant(operand, operand.ndim)


def _write_integer(
    writer: ExpressionWriter, operator: Binary, arithmetic: onnx.Binary, operands: list[Ref | np.ndarray]
) -> None:
    """Operands dequantised, the result clamped and quantised."""
    quantizations = (
        (arithmetic.lhs_scale, arithmetic.lhs_zero_point),
        (arithmetic.rhs_scale, arithmetic.rhs_zero_point),
    )
    real = [
        writer("dequantize", operand, scale, str(zero))
        if isinstance(operand, str)
        else _constant(writer, dequantize(operand, scale, zero))
        for operand, (scale, zero) in zip(operands, quantizations, strict=True)
    ]
    made = writer(operator.function, *real)
    scale, zero = np.float32(arithmetic.output_scale), arithmetic.output_zero_point
    limits = np.iinfo(arithmetic.dtype)
    if (arithmetic.output_min, arithmetic.output_max) != (limits.min, limits.max):
        low, high = (float(np.float32(each - zero) * scale) for each in (arithmetic.output_min, arithmetic.output_max))
        made = writer.clamped(made, low, high)
    writer("quantize", made, float(scale), str(zero))
