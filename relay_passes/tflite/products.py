"""The rule for BATCH_MATMUL."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Dense
from tinyseg_tvm.operators.arithmetic import float32, forms, tflite
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.tflite.calls import INT8_MAX, INT8_MIN, Lower, Operand, TfliteCall, UnsupportedError


def batch_matmul(found: TfliteCall) -> Expr:
    """Of int8, int16 or float32; options transpose the matrices of either operand, one of which may be constant."""
    lhs, rhs = found.operand(0), found.operand(1)
    types = (lhs.described.dtype, rhs.described.dtype)
    if len({*types}) > 1:
        raise UnsupportedError(
            f"it multiplies {types[0]} by {types[1]}, which no reference kernel computes. Remedy: write it as "
            "FULLY_CONNECTED"
        )
    if lhs.constant is not None and rhs.constant is not None:
        raise UnsupportedError("both of its operands are constant")
    if rhs.constant is not None:
        return found.shaped(_by_constant(found, lhs, rhs, _matrix(found, rhs, "adj_y"), found.option("adj_x")))
    if lhs.constant is not None:  # the product's transpose is that of the transposes, the other way round
        matrix = _matrix(found, lhs, "adj_x").T
        turned = _by_constant(found, rhs, lhs, matrix, not found.option("adj_y"))
        rank = len(found.result.shape)
        order = [*range(rank - 2), rank - 1, rank - 2]
        return found.moved(relax.op.permute_dims(turned, order))
    left = _transposed(found, lhs, "rows") if found.option("adj_x") else lhs.expression
    operator = Matmul(inside=False, rhs_inside=False, transposed=bool(found.option("adj_y")), arithmetic=_sum(found))
    return found.emit(operator, [left, rhs.expression])


def _matrix(found: TfliteCall, constant: Operand, transposed: str) -> np.ndarray:
    """The one matrix of a constant, not transposed."""
    values = constant.constant
    assert values is not None
    if values.ndim < 2 or any(extent != 1 for extent in values.shape[:-2]):
        raise UnsupportedError(f"a constant of several matrices {values.shape} is not supported. Remedy: split it")
    matrix = values.reshape(values.shape[-2:])
    return matrix.T if found.option(transposed) else matrix


def _by_constant(
    found: TfliteCall, operand: Operand, constant: Operand, matrix: np.ndarray, transposed: bool | int
) -> Expr:
    """Rows of an activation, or of its transpose, times a matrix (K, N): a dense layer. Ranks are the result's."""
    value = found.padded(operand)
    if transposed:
        rank = len(shape_of(value))
        order = [*range(rank - 2), rank - 1, rank - 2]
        value = found.move(relax.op.permute_dims(value, order), "columns", operand)
    *batches, rows, inner = shape_of(value)
    count = int(np.prod([*batches, rows], dtype=np.int64))
    if inner != matrix.shape[0]:
        raise UnsupportedError(f"matrices {operand.shape} and {constant.shape} do not fit")
    vectors = found.move(relax.op.reshape(value, (count, inner)), "vectors", operand)
    arithmetic, constants = _dense_arithmetic(found, operand, constant, matrix)
    made = found.emit(Dense(flatten=False, arithmetic=arithmetic), [vectors], constants)
    shape = (*batches, rows, matrix.shape[1])
    return found.rewrite.emit(relax.op.reshape(made, shape), f"{found.name}_product", found.result_quantization)


def _dense_arithmetic(
    found: TfliteCall, operand: Operand, constant: Operand, matrix: np.ndarray
) -> tuple[forms.WeightedSum, dict[str, np.ndarray]]:
    """The sums of ``_sum``, of weights (N, K)."""
    weight = np.ascontiguousarray(matrix.T)
    if found.is_float:
        bias = np.zeros(len(weight), np.float32)
        return float32.WeightedSum(-float32.FLOAT32_MAX, float32.FLOAT32_MAX), {"weight": weight, "bias": bias}
    product = _sum(found)
    assert isinstance(product, tflite.ProductSum)
    dtype = product.dtype
    free = weight.astype(np.int32) - constant.quantization.zero_point
    least, most = int(free.min()), int(free.max())
    if least < np.iinfo(np.int16).min or most > np.iinfo(np.int16).max:
        raise UnsupportedError("its constant leaves int16 without its zero point")
    narrow = least >= INT8_MIN and most <= INT8_MAX
    multiplier, shift = (np.full(len(weight), number, np.int32) for number in product.fixed_point)
    arithmetic = tflite.WeightedSum(
        *(operand.quantization.zero_point, product.output_zero_point, product.output_min, product.output_max),
        dtype=dtype,
        rounds_once=dtype == "int16",
    )
    bias = np.zeros(len(weight), np.int64 if dtype == "int16" else np.int32)
    stored = free.astype(np.int8 if narrow else np.int16)
    return arithmetic, {"weight": stored, "bias": bias, "multiplier": multiplier, "shift": shift}


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
