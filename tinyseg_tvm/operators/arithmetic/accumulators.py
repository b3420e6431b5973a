"""Int32 accumulators of weighted sums: types, exact sums of products in NumPy, and the proof that none overflows.

What rules of integers share; how a sum becomes a result is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.tensor_type import TensorType

_INT32 = np.iinfo(np.int32)
_EXACT_FLOAT32 = 1 << 24  # integers up to here are exact in float32, so are sums whose parts all stay below


def expect_integer_weights(constants: Mapping[str, TensorType], rank: int) -> int:
    """Output channels of ``weight`` and ``bias``; ValueError where they do not go together."""
    weight, bias = constants["weight"], constants["bias"]
    if weight.dtype not in ("int8", "int16") or len(weight.shape) != rank:
        raise ValueError(f"the weight is {weight.dtype} {weight.shape}; int8 or int16 of rank {rank} is needed")
    channels = weight.shape[0]
    if bias.dtype != "int32" or bias.shape != (channels,):
        raise ValueError(f"the bias is {bias.dtype} {bias.shape}; int32 ({channels},) is needed")
    return channels


def extreme_accumulators(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that ``bias + sum((x - zero_point) * weight)`` can be, per output channel, as int64."""
    flat = weight.reshape(weight.shape[0], -1).astype(np.int64)
    positive, negative = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
    low, high, wide = -128 - input_zero_point, 127 - input_zero_point, bias.astype(np.int64)
    return positive * low + negative * high + wide, positive * high + negative * low + wide


def can_overflow(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> np.ndarray:
    """Per output channel, whether a sum that begins with the bias can leave int32, in any order of summation."""
    least, most = extreme_accumulators(weight, bias, input_zero_point)
    return np.asarray((most > _INT32.max) | (least < _INT32.min))


def check_no_overflow(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> None:
    """Proves that no accumulator of ``bias + sum((x - zero_point) * weight)`` can leave int32.

    Covers every order of summation, and the zero point subtracted from ``x`` or folded into the bias: a partial sum
    of either is the full sum with some ``x`` at 0 or at the zero point, both int8 values.

    Raises:
        ValueError: an accumulator can overflow.
    """
    flat = weight.reshape(weight.shape[0], -1).astype(np.int64)
    positive = np.maximum(flat, 0).sum(axis=1)
    negative = np.minimum(flat, 0).sum(axis=1)
    least, most = extreme_accumulators(weight, np.zeros_like(bias), input_zero_point)
    wide = bias.astype(np.int64)
    unbiased = 128 * (positive - negative)  # sum(x * weight) alone, before a folded bias is added
    most = np.maximum.reduce([most + wide, most, unbiased])
    least = np.minimum.reduce([least + wide, least, -unbiased])
    bad = np.flatnonzero((most > _INT32.max) | (least < _INT32.min))
    if bad.size:
        channel = bad[0]
        raise ValueError(
            f"the accumulator of output channel {channel} can reach {max(most[channel], -least[channel])}, "
            f"beyond int32 ({_INT32.max}): bias {bias[channel]}, sum of |weight| {(positive - negative)[channel]}. "
            "Quantise with larger input or weight scales"
        )


def exact_accumulators(weight: np.ndarray, bias: np.ndarray, shape: tuple[int, ...]) -> npt.NDArray[np.floating]:
    """Accumulators (..., O) that hold ``bias``, in the narrowest float type in which no partial sum is rounded."""
    sums = np.abs(weight.reshape(weight.shape[0], -1).astype(np.int64)).sum(axis=1) * 255
    largest = (sums + np.abs(bias.astype(np.int64))).max(initial=0)
    exact = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    return np.array(np.broadcast_to(bias, shape), exact, order="C")


def add_exact_products(accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
    """Adds ``values`` (..., G, K) times ``weights`` (G, N, K) to ``accumulators`` (..., G, N), in the type of these."""
    exact = accumulators.dtype
    groups, outputs, depth = weights.shape
    if depth == 1:
        accumulators += values.astype(exact) * weights[..., 0].astype(exact)
        return
    for group in range(groups):
        pixels = np.ascontiguousarray(values[..., group, :], exact).reshape(-1, depth)
        product = pixels @ weights[group].T.astype(exact)
        accumulators[..., group, :] += product.reshape(*values.shape[:-2], outputs)
