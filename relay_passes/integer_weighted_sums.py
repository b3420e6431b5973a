"""Rules for convolution, transposed convolution and fully connected layers: int8 by int8 to int32 to int8."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense
from tinyseg_tvm.operators.arithmetic.onnx import conv_multiplier
from tinyseg_tvm.relay_passes.expressions import Call, Expr, is_call, shape_of
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import (
    INT8_MAX,
    INT8_MIN,
    QuantizedConstant,
    emit_operator,
    float_constant,
    in_nhwc,
    node_name,
    quantized_activation,
    quantized_constant,
    quantized_result,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

logger = logging.getLogger(__name__)

# A stored bias scale may be float32(s_x * s_w) computed elsewhere, in another precision or order.
_BIAS_SCALE_TOLERANCE = 1e-5
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class WeightedSum:
    """``quantize(f(dequantize(x), dequantize(weight)) + bias)``, taken apart."""

    call: Call  # the convolution or matmul
    name: str
    activation: Expr
    input: Quantization
    weight: QuantizedConstant
    bias: Expr  # float32 expression of a constant, or None
    output: Quantization


def rewrite_conv2d(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Conv, any grouping, with or without bias."""
    found = _match(rewrite, value, "nn.conv2d")
    if found is None:
        return None
    attributes = found.call.attrs
    if attributes.out_layout not in ("", None, attributes.data_layout):
        return None
    channel_axis = str(attributes.kernel_layout).index("O")
    constants = _constants(rewrite, found, found.weight.values, str(attributes.kernel_layout), channel_axis)
    if constants is None:
        return None
    operator = Conv2d(
        strides=_pair(attributes.strides),
        padding=_padding(attributes.padding),
        dilation=_pair(attributes.dilation),
        groups=int(attributes.groups),
        input_zero_point=found.input.zero_point,
        output_zero_point=found.output.zero_point,
        output_min=INT8_MIN,
        output_max=INT8_MAX,
    )
    return in_nhwc(
        rewrite,
        operator,
        found.activation,
        constants,
        name=found.name,
        quantization=found.output,
        layout=str(attributes.data_layout),
    )


def rewrite_conv2d_transpose(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """ConvTranspose; weights per output channel."""
    found = _match(rewrite, value, "nn.conv2d_transpose")
    if found is None or str(found.call.attrs.kernel_layout) != "IOHW":
        return None
    attributes = found.call.attrs
    groups = int(attributes.groups)
    values, weight = found.weight.values, found.weight
    inputs, per_group, height, width = values.shape
    if weight.scales.size > 1 and (weight.axis != 1):
        return None  # scales per input channel have no place in an integer sum
    # (I, O / groups, KH, KW) to (O, KH, KW, I / groups)
    grouped = values.reshape(groups, inputs // groups, per_group, height, width).transpose(0, 2, 3, 4, 1)
    ohwi = grouped.reshape(groups * per_group, height, width, inputs // groups)
    scales = np.tile(weight.scales, groups) if weight.scales.size > 1 else weight.scales
    constants = _constants_of_ohwi(rewrite, found, ohwi, scales)
    if constants is None:
        return None
    operator = Conv2dTranspose(
        strides=_pair(attributes.strides),
        padding=_padding(attributes.padding),
        output_padding=_pair(attributes.output_padding),
        dilation=_pair(attributes.dilation),
        groups=groups,
        input_zero_point=found.input.zero_point,
        output_zero_point=found.output.zero_point,
        output_min=INT8_MIN,
        output_max=INT8_MAX,
    )
    return in_nhwc(
        rewrite,
        operator,
        found.activation,
        constants,
        name=found.name,
        quantization=found.output,
        layout=str(attributes.data_layout),
    )


def rewrite_dense(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """MatMul and Gemm with a constant right operand (I, O)."""
    found = _match(rewrite, value, "matmul")
    if found is None or found.weight.values.ndim != 2 or len(shape_of(found.activation)) < 2:
        return None
    constants = _constants(rewrite, found, found.weight.values, "IO", 1)
    if constants is None:
        return None
    operator = Dense(
        flatten=False,
        input_zero_point=found.input.zero_point,
        output_zero_point=found.output.zero_point,
        output_min=INT8_MIN,
        output_max=INT8_MAX,
    )
    return emit_operator(rewrite, operator, [found.activation], constants, name=found.name, quantization=found.output)


def _match(rewrite: Rewrite, value: Expr, operator: str) -> WeightedSum | None:
    result = quantized_result(value)
    if result is None:
        return None
    expression, output = result
    compute, bias = expression, None
    addition = rewrite.producing_call(expression, "add")
    if addition is not None:
        for candidate, other in (addition.args, reversed(addition.args)):
            if rewrite.producing_call(candidate, operator) is not None and float_constant(rewrite, other) is not None:
                compute, bias = candidate, other
                break
    call = rewrite.producing_call(compute, operator)
    if call is None or (bias is not None and shape_of(compute) != shape_of(expression)):
        return None
    activation = quantized_activation(rewrite, call.args[0])
    weight = quantized_constant(rewrite, call.args[1])
    if activation is None or weight is None:
        return None
    name = node_name(rewrite, compute, expression)
    return WeightedSum(call, name, activation[0], activation[1], weight, bias, output)


def _constants(
    rewrite: Rewrite, found: WeightedSum, values: np.ndarray, layout: str, channel_axis: int
) -> dict[str, np.ndarray] | None:
    """Operator constants of weights in ``layout``: O first, then what is left of H, W, I."""
    if found.weight.scales.size > 1 and found.weight.axis != channel_axis:
        return None
    order = [layout.index(axis) for axis in "OHWI" if axis in layout]
    return _constants_of_ohwi(rewrite, found, values.transpose(order), found.weight.scales)


def _constants_of_ohwi(
    rewrite: Rewrite, found: WeightedSum, values: np.ndarray, scales: np.ndarray
) -> dict[str, np.ndarray] | None:
    channels = values.shape[0]
    scales = np.broadcast_to(scales, (channels,)).astype(np.float32)
    multiplier = conv_multiplier(found.input.scale, scales, found.output.scale)
    bias = np.zeros(channels, np.int64)
    if found.bias is not None:
        quantized = _bias(rewrite, found, scales, values, multiplier)
        if quantized is None:
            return None
        bias, multiplier = quantized
    narrow = values.min(initial=0) >= INT8_MIN and values.max(initial=0) <= INT8_MAX
    return {
        "weight": values.astype(np.int8 if narrow else np.int16),
        "bias": bias.astype(np.int32),
        "multiplier": multiplier,
    }


def _bias(
    rewrite: Rewrite, found: WeightedSum, weight_scales: np.ndarray, weights: np.ndarray, multiplier: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The bias in units of the accumulator, and the multiplier.

    An int32 bias whose scale is ``s_x * s_w`` is taken as it is, as ONNX Runtime does. Any other (float, or of another
    scale) is ``round_half_even(b / (s_x * s_w))``, which moves a result by at most half a unit of the accumulator. A
    channel whose weights are all 0 keeps its stored bias exactly, whatever its scale: the multiplier is made to fit.
    """
    channels = weights.shape[0]
    real = float_constant(rewrite, found.bias)
    if real is None or not _is_per_channel(real.shape, found, channels):
        return None
    constant = quantized_constant(rewrite, found.bias)
    accumulator_scales = np.float64(found.input.scale) * weight_scales.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        bias = np.rint(np.broadcast_to(real.reshape(-1), (channels,)).astype(np.float64) / accumulator_scales)
    if constant is not None:
        stored = np.broadcast_to(constant.values.reshape(-1), (channels,))
        scales = np.broadcast_to(constant.scales, (channels,))
        fits = np.abs(scales - accumulator_scales) <= _BIAS_SCALE_TOLERANCE * accumulator_scales
        silent = ~fits & (weights.reshape(channels, -1) == 0).all(axis=1)
        bias = np.where(fits | silent, stored, bias)
        multiplier = np.where(silent, scales / np.float32(found.output.scale), multiplier).astype(np.float32)
    if not np.isfinite(bias).all() or bias.min() < _INT32.min or bias.max() > _INT32.max:
        logger.warning("%s stays in floating point: its bias leaves int32 in units of input x weight scale", found.name)
        return None
    return bias.astype(np.int64), multiplier


def _is_per_channel(shape: tuple[int, ...], found: WeightedSum, channels: int) -> bool:
    """True where a bias of ``shape`` broadcasts along the output channels alone."""
    elements = int(np.prod(shape, dtype=np.int64))
    if elements == 1:
        return True
    rank = len(shape_of(found.call))
    layout = "" if is_call(found.call, "matmul") else str(found.call.attrs.data_layout)
    axis = layout.index("C") if layout else rank - 1
    padded = (1,) * (rank - len(shape)) + tuple(shape)
    return elements == channels and len(padded) == rank and padded[axis] == channels


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _padding(values: Sequence[int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = (int(value) for value in values)
    return top, left, bottom, right
