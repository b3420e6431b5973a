"""Rules for CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense
from tinyseg_tvm.operators.arithmetic import float32, forms, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import (
    INT8_MAX,
    INT8_MIN,
    UINT8_SHIFT,
    Described,
    Lower,
    Operand,
    TfliteCall,
    UnsupportedError,
)
from tinyseg_tvm.relay_passes.tflite.windows import same_padding

logger = logging.getLogger(__name__)

_INT32 = np.iinfo(np.int32)


def conv_2d(found: TfliteCall) -> Expr:
    """Any grouping: a weight (O, KH, KW, I / groups)."""
    weight = _weights(found, 1)
    channels = found.operand().shape[-1]
    if weight.ndim != 4 or channels % weight.shape[3]:
        raise UnsupportedError(f"a weight {weight.shape} does not fit {channels} channels")
    return _convolution(found, weight, channels // weight.shape[3], channel_axis=0)


def depthwise_conv_2d(found: TfliteCall) -> Expr:
    """A weight (1, KH, KW, O); channel ``o`` reads input ``o // multiplier``."""
    weight = _weights(found, 1)
    channels = found.operand().shape[-1]
    if weight.ndim != 4 or weight.shape[0] != 1 or weight.shape[3] % channels:
        raise UnsupportedError(f"a weight {weight.shape} does not fit {channels} channels")
    return _convolution(found, weight.transpose(3, 1, 2, 0), channels, channel_axis=3)


def _convolution(found: TfliteCall, weight: np.ndarray, groups: int, channel_axis: int) -> Expr:
    strides = (found.option("stride_h"), found.option("stride_w"))
    dilation = (found.option("dilation_h_factor"), found.option("dilation_w_factor"))
    padding = same_padding(found, weight.shape[1:3], strides, dilation)
    arithmetic, constants = _arithmetic(found, weight, found.optional(2), channel_axis)
    operator = Conv2d(strides, padding, dilation, groups, arithmetic)
    return found.emit(operator, [found.operand().expression], constants)


def transpose_conv(found: TfliteCall) -> Expr:
    """Operands: the result's shape, the weight (O, KH, KW, I), the map, the bias."""
    return _transposed(found, source=2, bias=3)


def transpose_conv_bias(found: TfliteCall) -> Expr:
    """MediaPipe's custom operator, of float32. Operands: the map, the weight (O, KH, KW, I), the bias."""
    if not found.is_float:
        raise UnsupportedError(f"it is of {found.operand().described.dtype}; float32 is supported")
    return _transposed(found, source=0, bias=2)


def _transposed(found: TfliteCall, *, source: int, bias: int) -> Expr:
    weight, operand = _weights(found, 1), found.operand(source)
    if not len(operand.shape) == len(found.result.shape) == weight.ndim == 4:
        raise UnsupportedError(f"a map (N, H, W, C) and a weight of 4 axes are needed, not {operand.shape}")
    strides = (found.option("stride_h"), found.option("stride_w"))
    before, after, more = [], [], []
    for axis in (0, 1):
        kernel, stride, size = weight.shape[1 + axis], strides[axis], found.result.shape[1 + axis]
        if stride < 1:
            raise UnsupportedError(f"its stride {stride} is not positive")
        # TensorFlow Lite pads as the convolution from the result to the operand would be padded.
        windows = -(-size // stride) if found.option_name("padding") == "SAME" else -(-(size - kernel + 1) // stride)
        start = max((windows - 1) * stride + kernel - size, 0) // 2
        end = (operand.shape[1 + axis] - 1) * stride + kernel - start - size
        before.append(start)
        after.append(max(end, 0))
        more.append(max(-end, 0))
    arithmetic, constants = _arithmetic(found, weight, found.optional(bias), 0, source)
    operator = Conv2dTranspose(
        strides, (before[0], before[1], after[0], after[1]), (more[0], more[1]), (1, 1), 1, arithmetic
    )
    return found.emit(operator, [operand.expression], constants)


def fully_connected(found: TfliteCall) -> Expr:
    """A weight (O, I); the operand is read as vectors of I values."""
    if found.option("weights_format"):
        raise UnsupportedError("its weights are in a shuffled format. Remedy: convert the model without it")
    weight, source = _weights(found, 1), found.operand()
    elements = int(np.prod(source.shape, dtype=np.int64))
    if weight.ndim != 2 or elements % weight.shape[1]:
        raise UnsupportedError(f"a weight {weight.shape} does not fit an operand {source.shape}")
    arithmetic, constants = _arithmetic(found, weight, found.optional(2), 0)
    vectors = (elements // weight.shape[1], weight.shape[1])
    operand = source.expression
    if source.shape != vectors:
        operand = found.move(relax.op.reshape(operand, vectors), "vectors")
    result = found.emit(Dense(flatten=False, arithmetic=arithmetic), [operand], constants)
    return found.shaped(result)


def _weights(found: TfliteCall, index: int) -> np.ndarray:
    """The stored weight; integers free of their zero point, or dequantised where the operand is float32."""
    weight, described = found.constant(index, "weight"), found.operand(index).described
    if weight.dtype == np.float32:
        return weight
    source = found.operand(2 if found.kind == "TRANSPOSE_CONV" else 0)
    if source.described.dtype == "float32":
        logger.warning("%s multiplies float32 by stored integers: its weights are dequantised at import", found.name)
        if described.dtype == "uint8":  # what the kernels for such weights take as int8, symmetric about 0
            weight = (weight.astype(np.int16) + UINT8_SHIFT).astype(np.uint8).view(np.int8)
            described = replace(described, zero_points=np.zeros_like(described.zero_points))
        return dequantized(weight, described)
    zero_points = described.zero_points
    if not zero_points.any():
        return weight
    if zero_points.size > 1 and np.ptp(zero_points):
        raise UnsupportedError("its weight has several zero points")
    return np.asarray(weight.astype(np.int16) - np.int16(zero_points[0]))


def dequantized(stored: np.ndarray, described: Described) -> np.ndarray:
    """The float32 values of a quantised constant."""
    if described.scales.size == 0:
        raise UnsupportedError(f"its constant of {described.dtype} has no scale")
    along = [described.scales.size if axis == described.axis else 1 for axis in range(stored.ndim)]
    scales, zero_points = described.scales, described.zero_points
    if scales.size > 1:
        scales, zero_points = scales.reshape(along), zero_points.reshape(along)
    return np.asarray((stored.astype(np.int64) - zero_points).astype(np.float32) * scales, np.float32)


def _arithmetic(
    found: TfliteCall,
    weight: np.ndarray,
    bias: Operand | None,
    channel_axis: int,
    source: int = 0,
) -> tuple[forms.WeightedSum, dict[str, np.ndarray]]:
    """How sums become results, and the constants.

    Args:
        found: the call.
        weight: (O, ...).
        bias: the bias' operand.
        channel_axis: of the stored weight, along which scales lie.
        source: index of the operand that is multiplied.
    """
    channels = weight.shape[0]
    if bias is not None and bias.constant is None:
        raise UnsupportedError("its bias must be constant")
    if found.operand(source).described.dtype == "float32":
        return _float_sum(found, weight, None if bias is None else bias.constant)
    found.expect_types("int8", "uint8", "int16", operands=(source,))
    before, after = found.operand(source).quantization, found.result.quantization
    described = found.operand(1).described
    if described.scales.size == 0:
        raise UnsupportedError("its weight has no scale. Remedy: convert the model with full integer quantisation")
    if described.scales.size > 1 and described.axis != channel_axis:
        raise UnsupportedError(f"its weight has scales along axis {described.axis}, not along the output channels")
    scales = np.broadcast_to(described.scales, (channels,)).astype(np.float32)
    if found.operand(source).described.dtype == "uint8":  # rounded to float32
        product = (np.float32(before.scale) * scales).astype(np.float64)
    else:
        product = np.float64(before.scale) * scales.astype(np.float64)
    multiplier, shift = quantize_multiplier(product / np.float64(np.float32(after.scale)))
    low, high = found.activation_range()
    dtype = found.result.relax_dtype
    biases = _bias(bias, channels, dtype)
    arithmetic = tflite.WeightedSum(
        before.zero_point, after.zero_point, low, high, dtype=dtype, rounds_once=_rounds_once(found, dtype, bias)
    )
    narrow = weight.min(initial=0) >= INT8_MIN and weight.max(initial=0) <= INT8_MAX
    return arithmetic, {
        "weight": weight.astype(np.int8 if narrow else np.int16),
        "bias": biases,
        "multiplier": multiplier,
        "shift": shift,
    }


def _rounds_once(found: TfliteCall, dtype: str, bias: Operand | None) -> bool:
    """Sums of 64 bits are. They are of int16 values, unless a kernel that knows biases of 32 bits has such."""
    narrow = bias is not None and bias.described.dtype == "int32" and found.kind in ("CONV_2D", "FULLY_CONNECTED")
    return dtype == "int16" and not narrow


def _bias(bias: Operand | None, channels: int, dtype: str) -> np.ndarray:
    """Of int16 values in 32 or 64 bits, as stored; of int8 in 32."""
    stored = np.zeros(channels, np.int32) if bias is None else bias.constant
    assert stored is not None
    if stored.dtype not in (np.int32, np.int64) or stored.size != channels:
        raise UnsupportedError(f"its bias is {stored.dtype} of {stored.size}; int32 of {channels} is needed")
    if dtype == "int16":
        return stored.reshape(-1)
    if stored.min(initial=0) < _INT32.min or stored.max(initial=0) > _INT32.max:
        raise UnsupportedError("its bias leaves int32")
    return stored.reshape(-1).astype(np.int32)


def _float_sum(
    found: TfliteCall, weight: np.ndarray, bias: np.ndarray | None
) -> tuple[forms.WeightedSum, dict[str, np.ndarray]]:
    if weight.dtype != np.float32:
        raise UnsupportedError(f"its weight is {weight.dtype} and its operand float32")
    biases = np.zeros(weight.shape[0], np.float32) if bias is None else bias.reshape(-1).astype(np.float32)
    return float32.WeightedSum(*found.float_clamp()), {"weight": weight, "bias": biases}


RULES: dict[str, Lower] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "CUSTOM_CONVOLUTION2D_TRANSPOSE_BIAS": transpose_conv_bias,
    "FULLY_CONNECTED": fully_connected,
}
