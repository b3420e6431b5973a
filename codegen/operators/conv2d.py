"""Convolution: dense, grouped and depthwise kernels."""

from __future__ import annotations

from collections.abc import Callable

from tinyseg_tvm.codegen.operators import conv2d_dsp, conv2d_mve, depthwise_mve
from tinyseg_tvm.codegen.operators.arithmetic import (
    is_integer,
    line_kernel,
    of_float32,
    of_values,
    requantize_cycles,
    sum_parameters,
)
from tinyseg_tvm.codegen.operators.conv2d_tiles import TILES
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_fields,
    convolution_window,
    declare_lines,
    is_depthwise,
    piece_channels,
    pixels_inside,
    window_fields,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.expressed_sums import expressed_variant, target
from tinyseg_tvm.codegen.operators.int16_extensions import EXTENSIONS, Extension
from tinyseg_tvm.codegen.operators.narrow_convolution import CONVOLUTION as NARROW
from tinyseg_tvm.codegen.operators.pair_packing import portable_cost
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, convolution_of
from tinyseg_tvm.codegen.operators.scheduled_depthwise import VARIANTS as DEPTHWISE
from tinyseg_tvm.codegen.operators.sum_costs import float_sum_cost, sum_cost
from tinyseg_tvm.codegen.operators.weight_packing import (
    Interleave,
    interleave,
    overlapping_blocks,
    pack_convolution,
)
from tinyseg_tvm.codegen.operators.wide_channels import beside_wide_channels
from tinyseg_tvm.codegen.operators.winograd import WINOGRAD
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d


def _is_depthwise(view: NodeView[Conv2d]) -> bool:
    # a map of one channel is no reason for the depthwise kernel in float32
    some = is_integer(view.operator.arithmetic) or view.operator.groups > 1
    return some and is_depthwise(view)


def _emit_conv2d(
    view: NodeView[Conv2d], out: FunctionWriter, family: str = "", interleave: Interleave = interleave
) -> None:
    groups, weight = view.operator.groups, view.constants["weight"]
    kernel = line_kernel("conv2d", view, out, family)
    blocks = weight if is_integer(view.operator.arithmetic) else overlapping_blocks(weight, groups)
    channels = piece_channels(view)
    columns, window = convolution_columns(view), convolution_window(view)
    parameters = out.parameters(
        view,
        kernel.struct,
        {
            "weight": out.constant("weight", pack_convolution(blocks, groups, channels, interleave)),
            **sum_parameters(view, out),
            **convolution_fields(columns, window, channels, weight.shape[0], out),
            "groups": groups,
        },
    )
    declare_lines(view, out)
    out.write(f"{kernel.function}({parameters}, lines, {target(view, out)});")


def _portable_cost(view: NodeView[Conv2d]) -> Cost:
    segments = view.constants["weight"].shape[1] * len(view.inputs)
    outputs = view.constants["weight"].shape[0] // view.operator.groups
    fours = outputs // 4 * 4  # channels by four share the values that they multiply; the others are on their own
    return portable_cost(sum_cost((2.2 * fours + 6.0 * (outputs - fours)) / outputs, view, 40.0 + 8.0 * segments), view)


def _emit_depthwise(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    weight = view.constants["weight"]
    kernel = line_kernel("depthwise", view, out)
    parameters = out.parameters(
        view,
        kernel.struct,
        {
            "weight": out.constant("weight", weight[:, :, :, 0].transpose(1, 2, 0)),
            **sum_parameters(view, out),
            "channels": weight.shape[0],
            **window_fields(convolution_columns(view), convolution_window(view)),
        },
    )
    declare_lines(view, out)
    out.write(f"{kernel.function}({parameters}, lines, {out.output()});")


NARROW_PIXELS = 20  # of lines that runtime/portable/tinyseg_depthwise_body.h copies to planes


def _portable_depthwise_cost(view: NodeView[Conv2d]) -> Cost:
    operator = view.operator
    channels, rows, taps, _ = view.constants["weight"].shape
    pixels, inside = view.outputs[0].shape[2], pixels_inside(view)
    inside = inside if inside >= 4 else 0
    neighbours = taps == 3 and operator.strides[1] == operator.dilation[1] == 1
    narrow = neighbours and rows == 3 and pixels <= NARROW_PIXELS
    width, fours = view.inputs[0].shape[2], -(-pixels // 4)
    if not view.core.has_wide_multiply:
        results = (requantize_cycles(view.core) + 12) * pixels
        planes = channels * (160 + 14 * rows * width + 210 * fours + results) + 100
        return Cost(0, planes) if narrow else sum_cost(3.0, view)
    if narrow:
        return Cost(0, round(channels * (260 + 8 * rows * width + fours * 4 * (20 + 2.2 * rows * taps))) + 100)
    each = (20 + 2.2 * rows * taps) if neighbours else (58 + 2.5 * rows * taps)
    # four pixels at a time, those at the sides one by one
    channel = 200 * (inside > 0) + -(-inside // 4) * 4 * each + (pixels - inside) * (60 + 13 * rows * taps)
    return Cost(0, round(channels * channel) + 100)


def _float_cost(view: NodeView[Conv2d]) -> Cost:
    return float_sum_cost(2.2, view)


def _float_depthwise_cost(view: NodeView[Conv2d]) -> Cost:
    return float_sum_cost(2.8, view, 8.0)


def _supports(computes: Callable[[NodeView[Conv2d]], bool], *, depthwise: bool) -> Callable[[NodeView[Conv2d]], bool]:
    return lambda view: computes(view) and _is_depthwise(view) == depthwise


def _extended(extension: Extension) -> Variant[Conv2d]:
    """The kernel of int16 for cores with an extension."""

    def suits(view: NodeView[Conv2d]) -> bool:
        runs = [channels // view.operator.groups for channels in piece_channels(view)]
        return not _is_depthwise(view) and extension.suits(view, runs)

    def cost(view: NodeView[Conv2d]) -> Cost:
        outputs, rows, _, _ = view.constants["weight"].shape
        cycles = extension.cycles_per_product(view, outputs // view.operator.groups)
        return sum_cost(cycles, view, 40.0 + 8.0 * rows * len(view.inputs))

    def emit(view: NodeView[Conv2d], out: FunctionWriter) -> None:
        _emit_conv2d(view, out, extension.family, extension.interleaved)

    return Variant(f"conv2d int16 {extension.name}", suits, cost, emit)


def _whole(view: NodeView[Conv2d]) -> tuple[Call, ...]:
    """The node as one convolution, of any groups."""
    return (
        Call(
            convolution_of(
                view,
                [view.constants["weight"]],
                piece_channels(view),
                convolution_columns(view),
                convolution_window(view),
                padded=any(view.operator.padding),
                output_step=view.outputs[0].shape[3],
            )
        ),
    )


_OF_INTEGERS: tuple[Variant[Conv2d], ...] = (
    *depthwise_mve.VARIANTS,
    *conv2d_mve.VARIANTS,
    *conv2d_dsp.VARIANTS,
    WINOGRAD,
    *TILES,
    *DEPTHWISE,
    NARROW,
    Variant("depthwise portable", _supports(of_values, depthwise=True), _portable_depthwise_cost, _emit_depthwise),
    Variant("conv2d portable", _supports(of_values, depthwise=False), _portable_cost, _emit_conv2d),
)

VARIANTS: tuple[Variant[Conv2d], ...] = (
    *_OF_INTEGERS,
    *(_extended(extension) for extension in EXTENSIONS),
    *beside_wide_channels(_OF_INTEGERS, _whole, declare_lines),
    expressed_variant("conv2d expressed", _portable_cost, _emit_conv2d, pixels=2),
    Variant(
        "depthwise float32",
        _supports(of_float32, depthwise=True),
        _float_depthwise_cost,
        _emit_depthwise,
    ),
    Variant(
        "conv2d float32", _supports(of_float32, depthwise=False), lambda view: float_sum_cost(2.2, view), _emit_conv2d
    ),
)
