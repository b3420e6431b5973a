"""Rules for convolutions, transposed ones and fully connected layers: int8 by int8 to int32 to int8, or in float32.

What a call says of windows and weights is read once (``sum_shape``), whatever its arithmetic; that follows from
quantised operands, or is float32's. Arithmetic per channel after a sum in float32 goes into its weights.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense, Operator
from tinyseg_tvm.operators.arithmetic import accumulators, float32, forms, onnx
from tinyseg_tvm.operators.arithmetic.onnx_functions import conv_multiplier, requantize
from tinyseg_tvm.relay_passes import float_operands, quantized_operands
from tinyseg_tvm.relay_passes.expressions import Call, Expr, array_of, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.float_operands import is_float, is_float_call, per_channel, undone
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import (
    QuantizedConstant,
    computed_type,
    converted,
    data_movement_above,
    float_constant,
    limits_of,
    move_alike,
    node_name,
    quantized_activation,
    quantized_constant,
    quantized_result,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

logger = logging.getLogger(__name__)

SUMS = ("nn.conv2d", "nn.conv2d_transpose", "matmul")
_FREE = float32.WeightedSum(-float32.FLOAT32_MAX, float32.FLOAT32_MAX)

# A stored bias scale may be float32(s_x * s_w) computed elsewhere, in another precision or order.
_BIAS_SCALE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Shape:
    """What a call says of the operator that it becomes.

    Attributes:
        operator: the operator, given its arithmetic.
        ordered: the constant operand in the order of the operator's weight, output channels first.
        channel_axis: of the constant operand, along which output channels lie.
        groups: how often that axis is repeated in them.
        layout: of the maps; empty where operands are none.
    """

    operator: Callable[[forms.WeightedSum], Operator]
    ordered: Callable[[np.ndarray], np.ndarray]
    channel_axis: int
    groups: int
    layout: str


def sum_shape(call: Call, weight_rank: int) -> Shape | None:
    """Of one of ``SUMS``; None where no operator computes it."""
    if is_call(call, "nn.conv2d"):
        return _conv2d(call)
    if is_call(call, "nn.conv2d_transpose"):
        return _conv2d_transpose(call)
    if weight_rank != 2 or len(shape_of(call.args[0])) < 2:
        return None
    return Shape(lambda arithmetic: Dense(flatten=False, arithmetic=arithmetic), lambda w: w.T, 1, 1, "")


def _conv2d(call: Call) -> Shape | None:
    """Conv, any grouping."""
    attributes = call.attrs
    layout, kernel_layout = str(attributes.data_layout), str(attributes.kernel_layout)
    if attributes.out_layout not in ("", None, attributes.data_layout) or sorted(kernel_layout) != sorted("OIHW"):
        return None
    order = [kernel_layout.index(axis) for axis in "OHWI"]

    def operator(arithmetic: forms.WeightedSum) -> Operator:
        return Conv2d(
            strides=_pair(attributes.strides),
            padding=_padding(attributes.padding),
            dilation=_pair(attributes.dilation),
            groups=int(attributes.groups),
            arithmetic=arithmetic,
        )

    return Shape(operator, lambda w: w.transpose(order), order[0], 1, layout)


def _conv2d_transpose(call: Call) -> Shape | None:
    """ConvTranspose, any grouping."""
    attributes = call.attrs
    if str(attributes.kernel_layout) != "IOHW":
        return None
    groups = int(attributes.groups)

    def ordered(weight: np.ndarray) -> np.ndarray:
        """(I, O / groups, KH, KW) to (O, KH, KW, I / groups)."""
        inputs, per_group, height, width = weight.shape
        grouped = weight.reshape(groups, inputs // groups, per_group, height, width).transpose(0, 2, 3, 4, 1)
        return np.asarray(grouped.reshape(groups * per_group, height, width, inputs // groups))

    def operator(arithmetic: forms.WeightedSum) -> Operator:
        return Conv2dTranspose(
            strides=_pair(attributes.strides),
            padding=_padding(attributes.padding),
            output_padding=_pair(attributes.output_padding),
            dilation=_pair(attributes.dilation),
            groups=groups,
            arithmetic=arithmetic,
        )

    return Shape(operator, ordered, 1, groups, str(attributes.data_layout))


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _padding(values: Sequence[int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = (int(value) for value in values)
    return top, left, bottom, right


def lower_weighted_sum(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """In float32, with constant weights; a bias is folded by ``fold_into_weights``."""
    if not is_float_call(value, *SUMS) or not is_constant(value.args[1]):
        return None
    weight = array_of(value.args[1])
    shape = sum_shape(value, weight.ndim)
    if shape is None:
        return None
    weight = shape.ordered(weight)
    constants = {"weight": weight, "bias": np.zeros(weight.shape[0], np.float32)}
    operator, operands = shape.operator(_FREE), [value.args[0]]
    if not shape.layout:
        return float_operands.emit_operator(rewrite, operator, operands, constants, name=name)
    return float_operands.in_nhwc(rewrite, operator, operands, constants, name=name, layout=shape.layout)


def fold_into_weights(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Addition of, subtraction of or multiplication by a constant per output channel after a sum that only it reads."""
    if not is_call(value, "add", "subtract", "multiply") or not is_float(value):
        return None
    for variable, constant in (value.args, reversed(value.args)):
        if is_constant(constant) and not is_constant(variable):
            break
    else:
        return None
    if shape_of(variable) != shape_of(value) or (is_call(value, "subtract") and not variable.same_as(value.args[0])):
        return None
    path = data_movement_above(rewrite, variable)
    source = operator_call(rewrite.producer(path[-1]))
    if source is None or any(rewrite.uses(moved) > 1 for moved in path):
        return None
    operator = source.operator
    if not isinstance(operator, (Conv2d, Conv2dTranspose, Dense)) or operator.arithmetic != _FREE:
        return None
    factor = per_channel(undone(rewrite, path, array_of(constant)))
    if factor is None:
        return None
    weight, bias = source.constants["weight"], source.constants["bias"]
    if is_call(value, "multiply"):
        weight = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        bias = bias * factor
    else:
        bias = bias - factor if is_call(value, "subtract") else bias + factor
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return None
    own = node_name(rewrite, path[-1], variable)
    own = name if own.startswith(f"{name}_") else own
    constants = {"weight": np.asarray(weight, np.float32), "bias": np.asarray(bias, np.float32)}
    folded = float_operands.emit_operator(rewrite, operator, source.activations, constants, name=own)
    return None if folded is None else move_alike(rewrite, path, folded)


@dataclass(frozen=True)
class QuantizedSum:
    """``quantize(f(dequantize(x), dequantize(weight)) + bias)``, taken apart.

    Where the types of activation and result differ, the sum is one of the wider, and the activation is in that here.
    """

    call: Call  # the convolution or matmul
    name: str
    activation: Expr
    input: Quantization
    weight: QuantizedConstant
    bias: Expr  # float32 expression of a constant, or None
    output: Quantization
    result_type: str

    @property
    def dtype(self) -> str:
        """The type of the values that are summed, and of the results of the sum."""
        return dtype_of(self.activation)


def rewrite_weighted_sum(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Of int8 or int16, with or without bias; weights quantised as a whole or per output channel."""
    found = _match(rewrite, value)
    shape = None if found is None else sum_shape(found.call, found.weight.values.ndim)
    if found is None or shape is None:
        return None
    constants = integer_constants(rewrite, found, shape)
    if constants is None:
        return None
    zero_points = (found.input.zero_point, found.output.zero_point)
    arithmetic = onnx.WeightedSum(*zero_points, *limits_of(found.dtype), dtype=found.dtype)
    operator, name, output = shape.operator(arithmetic), found.name, found.output
    if shape.layout:
        result = quantized_operands.in_nhwc(
            rewrite, operator, found.activation, constants, name=name, quantization=output, layout=shape.layout
        )
    else:
        operands = [found.activation]
        result = quantized_operands.emit_operator(
            rewrite, operator, operands, constants, name=name, quantization=output
        )
    return None if result is None else converted(rewrite, result, output, found.result_type, f"{name}_narrow")


def _match(rewrite: Rewrite, value: Expr) -> QuantizedSum | None:
    result = quantized_result(value)
    if result is None:
        return None
    expression, output = result
    compute, bias = expression, None
    addition = rewrite.producing_call(expression, "add")
    if addition is not None:
        for candidate, other in (addition.args, reversed(addition.args)):
            if rewrite.producing_call(candidate, *SUMS) is not None and float_constant(rewrite, other) is not None:
                compute, bias = candidate, other
                break
    call = rewrite.producing_call(compute, *SUMS)
    if call is None or (bias is not None and shape_of(compute) != shape_of(expression)):
        return None
    activation = quantized_activation(rewrite, call.args[0])
    weight = quantized_constant(rewrite, call.args[1])
    if activation is None or weight is None:
        return None
    name, dtype = node_name(rewrite, compute, expression), computed_type(dtype_of(activation[0]), dtype_of(value))
    operand = converted(rewrite, *activation, dtype, f"{rewrite.name(activation[0])}_wide")
    return QuantizedSum(call, name, operand, activation[1], weight, bias, output, dtype_of(value))


def integer_constants(rewrite: Rewrite, found: QuantizedSum, shape: Shape) -> dict[str, np.ndarray] | None:
    """The operator's, in units of the accumulator; None where they are not per output channel or leave int32."""
    scales = found.weight.scales
    if scales.size > 1:
        if found.weight.axis != shape.channel_axis:
            return None  # scales per input channel have no place in an integer sum
        scales = np.tile(scales, shape.groups)
    values = shape.ordered(found.weight.values)
    channels = values.shape[0]
    scales = np.broadcast_to(scales, (channels,)).astype(np.float32)
    multiplier = conv_multiplier(found.input.scale, scales, found.output.scale)
    bias = np.zeros(channels, np.int64)
    if found.bias is not None:
        quantized = _bias(rewrite, found, scales, values, multiplier)
        if quantized is None:
            return None
        bias, multiplier = quantized
        if found.dtype == "int8":
            values, bias, multiplier = _constant_channels(found, values, bias, multiplier)
    bias_type = _narrowest(bias, "int32", "int64")
    if bias_type != "int32" and found.dtype == "int8":
        logger.warning("%s stays in floating point: its bias leaves int32 in units of input x weight scale", found.name)
        return None
    weight_type = _narrowest(values, "int8", "int16")
    if weight_type is None or bias_type is None:
        logger.warning("%s stays in floating point: its weights without zero points leave int16", found.name)
        return None
    return {"weight": values.astype(weight_type), "bias": bias.astype(bias_type), "multiplier": multiplier}


def _narrowest(values: np.ndarray, *dtypes: str) -> str | None:
    """The first type that holds all of the integers."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    limits = ((dtype, *limits_of(dtype)) for dtype in dtypes)
    return next((dtype for dtype, least, most in limits if least <= low and high <= most), None)


def _bias(
    rewrite: Rewrite, found: QuantizedSum, weight_scales: np.ndarray, weights: np.ndarray, multiplier: np.ndarray
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
    if not np.isfinite(bias).all():
        logger.warning("%s stays in floating point: its bias leaves int32 in units of input x weight scale", found.name)
        return None
    # nothing as large as the bounds is exact before it is rounded
    return np.clip(bias, -accumulators.LARGEST_BIAS, accumulators.LARGEST_BIAS).astype(np.int64), multiplier


def _constant_channels(
    found: QuantizedSum, weights: np.ndarray, bias: np.ndarray, multiplier: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Channels whose sum could leave int32, but whose result no input changes, as that result alone.

    Quantisers give a channel of tiny weights a tiny scale; in its units the bias is near or beyond int32's limits. As
    results grow with the sum, such a channel is constant where its least and its most sum give the same.
    """
    zero_point = found.output.zero_point
    wide = accumulators.can_overflow(weights, bias, found.input.zero_point)
    ends = accumulators.extreme_accumulators(weights, bias, found.input.zero_point)
    least, most = (requantize(end, multiplier, zero_point).astype(np.int64) for end in ends)
    constant = wide & (least == most)
    silenced = np.where(constant.reshape(-1, *(1,) * (weights.ndim - 1)), 0, weights)
    return (
        silenced,
        np.where(constant, least - zero_point, bias),
        np.where(constant, np.float32(1), multiplier).astype(np.float32),
    )


def _is_per_channel(shape: tuple[int, ...], found: QuantizedSum, channels: int) -> bool:
    """True where a bias of ``shape`` broadcasts along the output channels alone."""
    elements = int(np.prod(shape, dtype=np.int64))
    if elements == 1:
        return True
    rank = len(shape_of(found.call))
    layout = "" if is_call(found.call, "matmul") else str(found.call.attrs.data_layout)
    axis = layout.index("C") if layout else rank - 1
    padded = (1,) * (rank - len(shape)) + tuple(shape)
    return elements == channels and len(padded) == rank and padded[axis] == channels
