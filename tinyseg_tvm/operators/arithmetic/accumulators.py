"""Accumulators of weighted sums in integers: types, exact sums of products in NumPy, and the proof that none overflows.

Sums of int8 values are int32, and a model in which one could leave that is refused. Those of int16 values are int32
where that is proved to be enough, else int64. What rules of integers share; how a sum becomes a result is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.tensor_type import TensorType

_INT32 = np.iinfo(np.int32)
_EXACT_FLOAT32 = 1 << 24  # integers up to here are exact in float32, so are sums whose parts all stay below
_EXACT_FLOAT64 = 1 << 53  # the same in float64
LARGEST_BIAS = 1 << 62
"""Of a sum in int64: leaves as much room for the products."""


def expect_integer_weights(constants: Mapping[str, TensorType], rank: int, dtype: str = "int8") -> int:
    """Output channels of ``weight`` and ``bias``, for values of ``dtype``; ValueError where they do not go together."""
    weight, bias = constants["weight"], constants["bias"]
    if weight.dtype not in ("int8", "int16") or len(weight.shape) != rank:
        raise ValueError(f"the weight is {weight.dtype} {weight.shape}; int8 or int16 of rank {rank} is needed")
    channels = weight.shape[0]
    allowed = ("int32",) if dtype == "int8" else ("int32", "int64")
    if bias.dtype not in allowed or bias.shape != (channels,):
        raise ValueError(f"the bias is {bias.dtype} {bias.shape}; {' or '.join(allowed)} ({channels},) is needed")
    return channels


def extreme_accumulators(
    weight: np.ndarray, bias: np.ndarray, input_zero_point: int, dtype: str = "int8"
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that ``bias + sum((x - zero_point) * weight)`` can be, per output channel, as int64.

    ``x`` are values of ``dtype``; the bias is at most ``LARGEST_BIAS``.
    """
    flat = weight.reshape(weight.shape[0], -1).astype(np.int64)
    positive, negative = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
    limits = np.iinfo(dtype)
    low, high, wide = limits.min - input_zero_point, limits.max - input_zero_point, bias.astype(np.int64)
    return positive * low + negative * high + wide, positive * high + negative * low + wide


def can_overflow(
    weight: np.ndarray, bias: np.ndarray, input_zero_point: int, dtype: str = "int8"
) -> npt.NDArray[np.bool_]:
    """Per output channel, whether a sum that begins with the bias can leave int32, in any order of summation."""
    least, most = extreme_accumulators(weight, bias, input_zero_point, dtype)
    return np.asarray((most > _INT32.max) | (least < _INT32.min))


def _reach(weight: np.ndarray, bias: np.ndarray, input_zero_point: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that any accumulator of ``bias + sum((x - zero_point) * weight)`` can be, per channel.

    Covers every order of summation, the bias first or last, and the zero point subtracted from ``x`` or folded into
    the bias: a partial sum of either is the full sum with some ``x`` at 0 or at the zero point, both values of ``x``.
    """
    flat = np.abs(weight.reshape(weight.shape[0], -1).astype(np.int64))
    least, most = extreme_accumulators(weight, np.zeros_like(bias), input_zero_point, dtype)
    wide = bias.astype(np.int64)
    unbiased = -int(np.iinfo(dtype).min) * flat.sum(axis=1)  # sum(x * weight) alone, before a folded bias is added
    return np.minimum.reduce([least + wide, least, -unbiased]), np.maximum.reduce([most + wide, most, unbiased])


def check_no_overflow(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> None:
    """Proves that no accumulator of ``bias + sum((x - zero_point) * weight)`` of int8 values can leave int32.

    Raises:
        ValueError: an accumulator can overflow.
    """
    least, most = _reach(weight, bias, input_zero_point, "int8")
    bad = np.flatnonzero((most > _INT32.max) | (least < _INT32.min))
    if bad.size:
        channel = bad[0]
        magnitude = np.abs(weight.reshape(weight.shape[0], -1).astype(np.int64)).sum(axis=1)
        raise ValueError(
            f"the accumulator of output channel {channel} can reach {max(most[channel], -least[channel])}, "
            f"beyond int32 ({_INT32.max}): bias {bias[channel]}, sum of |weight| {magnitude[channel]}. "
            "Quantise with larger input or weight scales"
        )


def check_bias(bias: np.ndarray) -> None:
    """Raises ValueError where a bias leaves no room beside it for the products of a sum in int64."""
    bad = np.flatnonzero((bias > LARGEST_BIAS) | (bias < -LARGEST_BIAS))
    if bad.size:
        raise ValueError(f"the bias of output channel {bad[0]} is {bias[bad[0]]}, beyond 2^62")


def accumulator_dtype(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> str:
    """int32 where it is proved that no accumulator of int16 values, and no bias with the zero point folded into it,
    can leave that; else int64.
    """
    least, most = _reach(weight, bias, input_zero_point, "int16")
    folded = folded_bias(bias, weight, input_zero_point)
    least, most = np.minimum(least, folded), np.maximum(most, folded)
    narrow = bool(((most <= _INT32.max) & (least >= _INT32.min)).all())
    return "int32" if narrow else "int64"


def folded_bias(bias: np.ndarray, weight: np.ndarray, input_zero_point: int) -> npt.NDArray[np.int64]:
    """``bias - zero_point * sum(weight)`` per output channel."""
    sums = weight.reshape(weight.shape[0], -1).astype(np.int64).sum(axis=1)
    return np.asarray(bias.astype(np.int64) - input_zero_point * sums)


def exact_accumulators(
    weight: np.ndarray, bias: np.ndarray, shape: tuple[int, ...], dtype: str = "int8"
) -> npt.NDArray[np.number]:
    """Accumulators (..., O) that hold ``bias``, in the narrowest type in which no partial sum is rounded.

    That is a float type, whose matrix products are fast; int64 where there is none.
    """
    limits = np.iinfo(dtype)
    magnitude = np.abs(weight.reshape(weight.shape[0], -1).astype(np.int64)).sum(axis=1)
    largest = int((magnitude * (limits.max - limits.min) + np.abs(bias.astype(np.int64))).max(initial=0))
    exact = np.float32 if largest < _EXACT_FLOAT32 else np.float64 if largest < _EXACT_FLOAT64 else np.int64
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
