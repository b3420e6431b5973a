"""Int32 accumulators of weighted sums: types, exact matrix products in NumPy, and the proof that none overflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.tensor_type import TensorType

_INT32 = np.iinfo(np.int32)
_EXACT_FLOAT32 = 1 << 24  # integers up to here are exact in float32, so are sums whose parts all stay below


def expect_int8(inputs: Sequence[TensorType]) -> None:
    """Raises ValueError unless every operand is int8."""
    for index, operand in enumerate(inputs):
        if operand.dtype != "int8":
            raise ValueError(f"operand {index} is {operand.dtype}, int8 is needed")


def expect_clamp(output_min: int, output_max: int) -> None:
    """Raises ValueError unless the clamp is an int8 interval."""
    if not -128 <= output_min <= output_max <= 127:
        raise ValueError(f"the clamp [{output_min}, {output_max}] is no interval of int8")


def expect_weighted_sum_constants(constants: Mapping[str, TensorType], rank: int) -> int:
    """Output channels of ``weight``, ``bias`` and ``multiplier``; ValueError where they do not go together."""
    weight, bias, multiplier = constants["weight"], constants["bias"], constants["multiplier"]
    if weight.dtype not in ("int8", "int16") or len(weight.shape) != rank:
        raise ValueError(f"the weight is {weight.dtype} {weight.shape}; int8 or int16 of rank {rank} is needed")
    channels = weight.shape[0]
    if bias.dtype != "int32" or bias.shape != (channels,):
        raise ValueError(f"the bias is {bias.dtype} {bias.shape}; int32 ({channels},) is needed")
    if multiplier.dtype != "float32" or multiplier.shape != (channels,):
        raise ValueError(f"the multiplier is {multiplier.dtype} {multiplier.shape}; float32 ({channels},) is needed")
    return channels


def check_weighted_sum(constants: Mapping[str, np.ndarray], input_zero_point: int) -> None:
    """Proves that no accumulator of ``bias + sum((x - zero_point) * weight)`` can leave int32.

    Covers every order of summation, and the zero point subtracted from ``x`` or folded into the bias: a partial sum
    of either is the full sum with some ``x`` at 0 or at the zero point, both int8 values.

    Raises:
        ValueError: an accumulator can overflow, or a multiplier is negative or not finite.
    """
    multiplier = constants["multiplier"]
    bad = np.flatnonzero(~(np.isfinite(multiplier) & (multiplier >= 0)))
    if bad.size:
        raise ValueError(
            f"the requantisation multiplier of output channel {bad[0]} is {multiplier[bad[0]]}; "
            "it must be finite and not negative (check the scales)"
        )
    weight = constants["weight"].reshape(constants["weight"].shape[0], -1).astype(np.int64)
    positive = np.maximum(weight, 0).sum(axis=1)
    negative = np.minimum(weight, 0).sum(axis=1)
    low, high = -128 - input_zero_point, 127 - input_zero_point
    least = positive * low + negative * high
    most = positive * high + negative * low
    bias = constants["bias"].astype(np.int64)
    unbiased = 128 * (positive - negative)  # sum(x * weight) alone, before a folded bias is added
    most = np.maximum.reduce([most + bias, most, unbiased])
    least = np.minimum.reduce([least + bias, least, -unbiased])
    bad = np.flatnonzero((most > _INT32.max) | (least < _INT32.min))
    if bad.size:
        channel = bad[0]
        raise ValueError(
            f"the accumulator of output channel {channel} can reach {max(most[channel], -least[channel])}, "
            f"beyond int32 ({_INT32.max}): bias {bias[channel]}, sum of |weight| {(positive - negative)[channel]}. "
            "Quantise with larger input or weight scales"
        )


def exact_float_type(weight: npt.NDArray[np.integer]) -> type[np.float32] | type[np.float64]:
    """The narrowest float type in which products of ``weight`` (O, K) with ``x - zero_point`` sum exactly."""
    largest = np.abs(weight.astype(np.int64)).sum(axis=1).max(initial=0) * 255
    return np.float32 if largest < _EXACT_FLOAT32 else np.float64
