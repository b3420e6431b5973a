"""Float32 arithmetic of the contract in NumPy: the fused multiply-add, the clamp, and what operands must be.

Every operation rounds once to float32, half to even. ``fused_multiply_add`` rounds the exact ``x * y + z`` once, as
VFMA of Arm cores and C's ``fmaf`` do. NaN and infinite values are outside of the contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.operators.tensor_type import TensorType

FLOAT32_MAX = float(np.finfo(np.float32).max)
"""The largest finite float32; a clamp at it and its negative clamps no finite value."""

_BELOW_FLOAT32 = np.int64((1 << 29) - 1)  # bits of a float64's significand that a float32 lacks
_HALF = np.int64(1 << 28)  # of the last place of a float32
_SMALL = 2.0**-125  # below this a float32 may be subnormal, with fewer bits


def fused_multiply_add(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """``x * y + z`` of float32 arrays, rounded once.

    The product is exact in float64. The sum in float64 is rounded a second time on its way to float32, which matters
    only where the first rounding ends in the middle between two float32 values; there the sum is made odd first.
    """
    product = x.astype(np.float64) * y.astype(np.float64)
    wide = z.astype(np.float64)
    with np.errstate(all="ignore"):
        total = np.asarray(product + wide)
        doubtful = (total.view(np.int64) & _BELOW_FLOAT32) == _HALF
        doubtful |= np.abs(total) < _SMALL
        if doubtful.any():
            shape = total.shape
            total[doubtful] = _odd_sum(
                np.broadcast_to(product, shape)[doubtful], np.broadcast_to(wide, shape)[doubtful]
            )
        return np.asarray(total.astype(np.float32))


def _odd_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a + b`` in float64, rounded to odd: where it is inexact, the neighbour with an odd significand."""
    total: np.ndarray = np.asarray(a + b)
    part = total - a
    error = (a - (total - part)) + (b - part)  # Knuth's TwoSum: total + error is exact
    bits = total.view(np.int64)
    inexact = (error < 0) | (error > 0)
    even = (bits & 1) == 0
    outwards = np.where((error > 0) == (total > 0), 1, -1)
    bits += np.where(inexact & even, outwards, 0)
    return total


def clamp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """``v > low ? v : low``, then ``v < high ? v : high`` with float32 bounds."""
    values = np.where(values > np.float32(low), values, np.float32(low))
    return np.where(values < np.float32(high), values, np.float32(high))


def expect_float32(inputs: Sequence[TensorType], count: int | None = None) -> None:
    """Raises ValueError unless every operand is float32, and there are ``count`` of them."""
    for index, operand in enumerate(inputs):
        if operand.dtype != "float32":
            raise ValueError(f"operand {index} is {operand.dtype}, float32 is needed")
    if count is not None and len(inputs) != count:
        raise ValueError(f"{count} operands are needed, not {[operand.shape for operand in inputs]}")


def expect_map(inputs: Sequence[TensorType]) -> tuple[int, ...]:
    """Shape of the only operand, a float32 map (1, H, W, C); ValueError where it is none."""
    expect_float32(inputs, 1)
    shape = inputs[0].shape
    if len(shape) != 4 or shape[0] != 1:
        raise ValueError(f"a map (1, H, W, C) is needed, not {shape}")
    return shape


def expect_bounds(low: float, high: float) -> None:
    """Raises ValueError unless the clamp is an interval of finite float32 values."""
    if not -FLOAT32_MAX <= low <= high <= FLOAT32_MAX:
        raise ValueError(f"the clamp [{low}, {high}] is no interval of finite float32 values")


def expect_float_weights(constants: Mapping[str, TensorType], rank: int) -> int:
    """Output channels of ``weight`` and ``bias``; ValueError where they do not go together."""
    weight, bias = constants["weight"], constants["bias"]
    if weight.dtype != "float32" or len(weight.shape) != rank:
        raise ValueError(f"the weight is {weight.dtype} {weight.shape}; float32 of rank {rank} is needed")
    if bias.dtype != "float32" or bias.shape != (weight.shape[0],):
        raise ValueError(f"the bias is {bias.dtype} {bias.shape}; float32 ({weight.shape[0]},) is needed")
    return weight.shape[0]
