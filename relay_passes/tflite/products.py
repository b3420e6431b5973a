"""The rule for BATCH_MATMUL."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators.arithmetic import float32, forms, tflite
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import Lower, Operand, TfliteCall, UnsupportedError


def batch_matmul(found: TfliteCall) -> Expr:
    """Of two activations of int8, int16 or float32; options transpose the matrices of either."""
    lhs, rhs = found.operand(0), found.operand(1)
    if lhs.constant is not None or rhs.constant is not None:
        raise UnsupportedError("a constant operand is not supported. Remedy: write it as FULLY_CONNECTED")
    left = _transposed(found, lhs, "rows") if found.option("adj_x") else lhs.expression
    operator = Matmul(inside=False, rhs_inside=False, transposed=bool(found.option("adj_y")), arithmetic=_sum(found))
    return found.emit(operator, [left, rhs.expression])


def _sum(found: TfliteCall) -> forms.ProductSum:
    if found.is_float:
        found.expect_types("float32", operands=(0, 1))
        return float32.ProductSum(-float32.FLOAT32_MAX, float32.FLOAT32_MAX)
    found.expect_types("int8", "int16", operands=(0, 1))
    lhs, rhs, after = found.operand(0).quantization, found.operand(1).quantization, found.result.quantization
    product = np.float64(np.float32(lhs.scale)) * np.float64(np.float32(rhs.scale))
    multiplier = float(product / np.float64(np.float32(after.scale)))
    numbers = (lhs.zero_point, rhs.zero_point, multiplier, after.zero_point, *found.result.limits)
    return tflite.ProductSum(*numbers, dtype=found.result.relax_dtype)


def _transposed(found: TfliteCall, operand: Operand, suffix: str) -> Expr:
    rank = len(operand.shape)
    if rank < 2:
        raise UnsupportedError(f"matrices are needed, not {operand.shape}")
    order = [*range(rank - 2), rank - 1, rank - 2]
    return found.move(relax.op.permute_dims(operand.expression, order), suffix, operand)


RULES: dict[str, Lower] = {"BATCH_MATMUL": batch_matmul}
