"""Convolution: dense, grouped and depthwise kernels."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.convolution_window import declare_lines, geometry, pieces, pixels_inside
from tinyseg_tvm.codegen.operators.direct_convolution import (
    Columns,
    DirectConvolution,
    Window,
    declare_direct_dsp,
    direct_dsp_cost,
    direct_mve_cycles,
    direct_segment_taps,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight, requantize_cycles
from tinyseg_tvm.codegen.operators.mve_packing import (
    WIDEST_PIXEL,
    channel_pair_bytes,
    convolution_cost,
    convolution_scratch,
    depthwise_lanes,
    depthwise_scratch,
    needs_spread,
    pack_channel_pairs,
    pack_depthwise_vectors,
    vectors,
    windows_lie_together,
)
from tinyseg_tvm.codegen.operators.narrow_convolution import CONVOLUTION as NARROW
from tinyseg_tvm.codegen.operators.pair_packing import (
    can_join,
    one_more,
    pack_pairs,
    pair_bytes,
    pair_cost,
    pair_scratch,
    portable_cost,
)
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.operators.scheduled_depthwise import VARIANTS as DEPTHWISE
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias, pack_convolution
from tinyseg_tvm.codegen.operators.winograd import emit_winograd, suits_winograd, winograd_bytes, winograd_cost
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose
from tinyseg_tvm.operators.dense import Dense

ARMV6M_FACTOR = 2.3  # what products of the portable kernels take on Armv6-M, of what they take elsewhere
DEPTHWISE_STACK = 320  # bytes at the most that a depthwise kernel takes of the stack in place of scratch


def requantization(operator: Conv2d | Conv2dTranspose | Dense) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_output``."""
    return (str(operator.output_zero_point), str(operator.output_min), str(operator.output_max))


def weight_suffix(weight: np.ndarray) -> str:
    """What a kernel's name ends with for this type of weights."""
    return "_w16" if weight.dtype == np.int16 else ""


def sum_cost(cycles_per_mac: float, view: NodeView, wide_overhead: float = 0.0) -> Cost:
    """Products, and a requantisation per result."""
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    if not view.core.has_wide_multiply:
        cycles_per_mac *= ARMV6M_FACTOR
    cycles = cycles_per_mac * view.macs_per_step + (requantize_cycles(view.core) + 12 + wide_overhead) * outputs
    return Cost(0, round(cycles) + 100)


def _is_depthwise(view: NodeView) -> bool:
    operator = cast(Conv2d, view.operator)
    channels = view.inputs[0].shape[3]
    return operator.groups == channels and view.outputs[0].shape[3] == channels and len(view.inputs) == 1


def _emit_conv2d(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    channels = [piece.shape[3] for piece in view.inputs]
    suffix = weight_suffix(weight)
    out.modules.add(f"tinyseg_conv2d{suffix}")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d",
        {
            "weight": out.constant("weight", pack_convolution(weight, operator.groups, channels)),
            "bias": out.constant("bias", folded_bias(view.constants["bias"], weight, operator.input_zero_point)),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            **pieces(view, out),
            "groups": operator.groups,
            **geometry(view),
            "output_channels": weight.shape[0],
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_conv2d_line{suffix}({parameters}, lines, {out.output()});")


def _portable_cost(view: NodeView) -> Cost:
    segments = view.constants["weight"].shape[1] * len(view.inputs)
    outputs = view.constants["weight"].shape[0] // cast(Conv2d, view.operator).groups
    fours = outputs // 4 * 4  # channels by four share the values that they multiply; the others are on their own
    return portable_cost(sum_cost((2.2 * fours + 6.0 * (outputs - fours)) / outputs, view, 40.0 + 8.0 * segments), view)


def _emit_depthwise(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    suffix = weight_suffix(weight)
    out.modules.add(f"tinyseg_depthwise{suffix}")
    parameters = out.parameters(
        view,
        "tinyseg_depthwise",
        {
            "weight": out.constant("weight", weight[:, :, :, 0].transpose(1, 2, 0)),
            "bias": out.constant("bias", folded_bias(view.constants["bias"], weight, operator.input_zero_point)),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            "channels": weight.shape[0],
            **geometry(view),
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_depthwise_line{suffix}({parameters}, lines, {out.output()});")


def _portable_depthwise_cost(view: NodeView) -> Cost:
    if not view.core.has_wide_multiply:
        return sum_cost(3.0, view)
    operator = cast(Conv2d, view.operator)
    channels, rows, taps, _ = view.constants["weight"].shape
    pixels, inside = view.outputs[0].shape[2], pixels_inside(view)
    inside = inside if inside >= 4 else 0
    neighbours = taps == 3 and operator.strides[1] == operator.dilation[1] == 1
    each = (20 + 2.2 * rows * taps) if neighbours else (58 + 2.5 * rows * taps)
    # four pixels at a time, those at the sides one by one
    channel = 200 * (inside > 0) + -(-inside // 4) * 4 * each + (pixels - inside) * (60 + 13 * rows * taps)
    return Cost(0, round(channels * channel) + 100)


def _suits_dsp(view: NodeView) -> bool:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    return view.core.has_dsp and weight.dtype == np.int8 and (operator.groups == 1 or weight.shape[3] >= 4)


def _segment_taps(view: NodeView) -> int:
    operator = cast(Conv2d, view.operator)
    taps = int(view.constants["weight"].shape[2])
    return taps if operator.groups == 1 and operator.dilation[1] == 1 else 1


def _emit_dsp(view: NodeView, out: FunctionWriter) -> None:
    parameters = _dsp_parameters(view, out, _segment_taps(view))
    kernel = f"tinyseg_conv2d_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    declare_lines(view, out)
    out.write(f"{kernel}_line({parameters}, lines, {out.scratch}, {out.output()});")


def _suits_direct_dsp(view: NodeView) -> bool:
    return _suits_dsp(view) and cast(Conv2d, view.operator).groups == 1


def _direct_dsp_cost(view: NodeView) -> Cost:
    operator = cast(Conv2d, view.operator)
    return direct_dsp_cost(view, [piece.shape[3] for piece in view.inputs], operator.dilation[1])


def _emit_direct_dsp(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2d, view.operator)
    _, rows, taps, _ = view.constants["weight"].shape
    channels = [piece.shape[3] for piece in view.inputs]
    dilation = operator.dilation[1]
    parameters = _dsp_parameters(view, out, direct_segment_taps(rows, taps, channels, dilation))
    declare_lines(view, out)
    window = Window(rows, taps, dilation)
    padded = any(operator.padding)
    arguments = declare_direct_dsp(out, [window], channels, operator.input_zero_point, padded=padded)
    kernel = f"tinyseg_conv2d_direct_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"{kernel}_line({parameters}, lines, {arguments}, {out.output()});")


def _plain_suffix(view: NodeView) -> str:
    """What the name of the DSP kernel ends with."""
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    return "" if can_join(weight, bias, operator.groups) else "_plain"


def _dsp_parameters(view: NodeView, out: FunctionWriter, taps: int) -> str:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    channels = [piece.shape[3] for piece in view.inputs]
    joined = not _plain_suffix(view)
    words, pairs = pack_pairs(weight, operator.groups, [c // operator.groups for c in channels], taps, joined=joined)
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    return out.parameters(
        view,
        "tinyseg_conv2d_dsp",
        {
            "weight": out.constant("weight", words),
            "bias": out.constant("bias", one_more(bias)),
            "multiplier": out.constant("multiplier", one_more(view.constants["multiplier"])),
            **pieces(view, out),
            "groups": operator.groups,
            "pairs": pairs,
            **geometry(view),
            "output_channels": weight.shape[0],
            "output_step": weight.shape[0],
            "segment_taps": taps,
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )


def _dsp_cost(view: NodeView) -> Cost:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    channels = [piece.shape[3] // operator.groups for piece in view.inputs]
    scratch = pair_scratch(weight, channels, _segment_taps(view), padded=any(operator.padding))
    pixels = view.outputs[0].elements / weight.shape[0] / max(view.access.steps, 1)
    return pair_cost(view, scratch, pixels, operator.groups)


def _lies_together(view: NodeView) -> bool:
    operator = cast(Conv2d, view.operator)
    return windows_lie_together(view.constants["weight"], operator.groups, len(view.inputs), operator.dilation[1])


def _suits_mve(view: NodeView) -> bool:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    dense = operator.groups == 1 or weight.shape[3] >= 4
    narrow = weight.shape[0] <= WIDEST_PIXEL
    return view.core.has_mve and weight.dtype == np.int8 and dense and narrow and not _is_depthwise(view)


def _suits_laid_out_mve(view: NodeView) -> bool:
    """Windows are laid out where there are no tiles: for several groups, and for more windows than tiles list."""
    return _suits_mve(view) and not any(variant.supports(view) for variant in TILES)


def _mve_cost(view: NodeView) -> Cost:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    scratch = convolution_scratch(weight, direct=_lies_together(view), padded=any(operator.padding))
    pixels = view.outputs[0].elements / weight.shape[0] / max(view.access.steps, 1)
    return convolution_cost(view, scratch, pixels, operator.groups)


def _emit_mve(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    channels = [piece.shape[3] for piece in view.inputs]
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    used = [c // operator.groups for c in channels]
    out.modules.add("tinyseg_conv2d_mve")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_mve",
        {
            "weight": out.constant("weight", pack_channel_pairs(weight, operator.groups, used)),
            "bias": out.constant("bias", one_more(bias)),
            "multiplier": out.constant("multiplier", one_more(view.constants["multiplier"])),
            **pieces(view, out),
            "groups": operator.groups,
            "blocks": vectors(int(np.prod(weight.shape[1:]))),
            "direct": int(_lies_together(view)),
            **geometry(view),
            "output_channels": weight.shape[0],
            "output_step": weight.shape[0],
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_conv2d_mve_line({parameters}, lines, {out.scratch or 'NULL'}, {out.output()});")


def _suits_direct_mve(view: NodeView) -> bool:
    return _suits_mve(view) and cast(Conv2d, view.operator).groups == 1


def _direct_mve_cost(view: NodeView) -> Cost:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    pixels = view.outputs[0].elements / weight.shape[0] / max(view.access.steps, 1)
    channels = [piece.shape[3] for piece in view.inputs]
    return Cost(0, direct_mve_cycles(weight, channels, pixels, operator.dilation[1]))


def _emit_direct_mve(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    convolution = DirectConvolution(
        weight,
        view.constants["bias"],
        view.constants["multiplier"],
        tuple(piece.shape[3] for piece in view.inputs),
        Columns(view.inputs[0].shape[2], view.outputs[0].shape[2], operator.strides[1], operator.padding[1]),
        dilation=operator.dilation[1],
        zero_point=operator.input_zero_point,
        padded=any(operator.padding),
        output=requantization(operator),
    )
    out.modules.add("tinyseg_conv2d_direct_mve")
    parameters = out.parameters(view, "tinyseg_conv2d_direct_mve", convolution.parameters(out))
    declare_lines(view, out)
    out.write(
        f"tinyseg_segment_of_three segments[{convolution.segments}];",
        f"tinyseg_conv2d_direct_mve_line({parameters}, lines, segments, {out.output()});",
    )


def _calls(view: NodeView) -> tuple[Call, ...]:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    if operator.groups != 1:
        return ()
    convolution = Convolution(
        (weight,),
        (folded_bias(view.constants["bias"], weight, operator.input_zero_point),),
        view.constants["multiplier"],
        tuple(piece.shape[3] for piece in view.inputs),
        Columns(view.inputs[0].shape[2], view.outputs[0].shape[2], operator.strides[1], operator.padding[1]),
        Window(weight.shape[1], weight.shape[2], operator.dilation[1]),
        operator.input_zero_point,
        (operator.output_zero_point, operator.output_min, operator.output_max),
        padded=bool(operator.padding[0] or operator.padding[2]),
        output_step=weight.shape[0],
    )
    return (Call(convolution),)


def _suits_depthwise_mve(view: NodeView) -> bool:
    return view.core.has_mve and _is_depthwise(view) and view.constants["weight"].dtype == np.int8


def _depthwise_mve_cost(view: NodeView) -> Cost:
    weight = view.constants["weight"]
    blocks = vectors(weight.shape[0])
    pixels = view.outputs[0].shape[2]
    taps = weight.shape[1] * weight.shape[2] * (2 if needs_spread(weight) else 1)
    at_sides = pixels - pixels_inside(view)
    found = min(pixels, at_sides + 1) * (20 + 70 * weight.shape[1])  # places of taps
    return Cost(depthwise_scratch(weight), blocks * (pixels * (12 * taps + 60) + found) + 100)


def _suits_stack_mve(view: NodeView) -> bool:
    return _suits_depthwise_mve(view) and depthwise_scratch(view.constants["weight"]) <= DEPTHWISE_STACK


def _stack_mve_cost(view: NodeView) -> Cost:
    return Cost(0, _depthwise_mve_cost(view).cycles_per_step + 1)


def _emit_depthwise_mve(view: NodeView, out: FunctionWriter) -> None:
    _write_depthwise_mve(view, out, str(out.scratch))


def _emit_stack_mve(view: NodeView, out: FunctionWriter) -> None:
    out.write(f"int32_t table[{depthwise_scratch(view.constants['weight']) // 4}];")
    _write_depthwise_mve(view, out, "table")


def _write_depthwise_mve(view: NodeView, out: FunctionWriter, memory: str) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    packed = pack_depthwise_vectors(weight)
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    out.modules.add("tinyseg_depthwise_block_mve")
    parameters = out.parameters(
        view,
        "tinyseg_depthwise_block_mve",
        {
            "weight": out.constant("weight", packed),
            "bias": out.constant("bias", depthwise_lanes(bias)),
            "multiplier": out.constant("multiplier", depthwise_lanes(view.constants["multiplier"])),
            "channels": weight.shape[0],
            "taps": packed.shape[1],
            "spread": int(needs_spread(weight)),
            **geometry(view),
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_depthwise_block_mve_line({parameters}, lines, {memory}, {out.output()});")


def _pair_bytes(view: NodeView, segment_taps: int) -> int:
    groups = cast(Conv2d, view.operator).groups
    channels = [piece.shape[3] // groups for piece in view.inputs]
    return pair_bytes(view.constants["weight"], groups, channels, segment_taps)


def _direct_pair_bytes(view: NodeView) -> int:
    _, rows, taps, _ = view.constants["weight"].shape
    channels = [piece.shape[3] for piece in view.inputs]
    dilation = cast(Conv2d, view.operator).dilation[1]
    return _pair_bytes(view, direct_segment_taps(rows, taps, channels, dilation)) + max(channels)


def _direct_mve_bytes(view: NodeView) -> int:
    weight = view.constants["weight"]
    padding = weight.shape[2] * max(piece.shape[3] for piece in view.inputs)
    return int(weight.nbytes + (padding if any(cast(Conv2d, view.operator).padding) else 0))


def _mve_bytes(view: NodeView) -> int:
    return channel_pair_bytes(view.constants["weight"], cast(Conv2d, view.operator).groups)


_DEPTHWISE_MVE_FLASH = packed_weight(lambda view: pack_depthwise_vectors(view.constants["weight"]).nbytes)

TILES = scheduled_variants("conv2d", _calls, declare_lines)
VARIANTS = (
    Variant("depthwise mve", _suits_depthwise_mve, _depthwise_mve_cost, _emit_depthwise_mve, _DEPTHWISE_MVE_FLASH),
    Variant("depthwise stack mve", _suits_stack_mve, _stack_mve_cost, _emit_stack_mve, _DEPTHWISE_MVE_FLASH),
    Variant("conv2d mve", _suits_laid_out_mve, _mve_cost, _emit_mve, packed_weight(_mve_bytes)),
    Variant(
        "conv2d direct mve", _suits_direct_mve, _direct_mve_cost, _emit_direct_mve, packed_weight(_direct_mve_bytes)
    ),
    Variant(
        "conv2d dsp",
        lambda view: _suits_dsp(view) and not _is_depthwise(view),
        _dsp_cost,
        _emit_dsp,
        packed_weight(lambda view: _pair_bytes(view, _segment_taps(view))),
    ),
    Variant(
        "conv2d direct dsp", _suits_direct_dsp, _direct_dsp_cost, _emit_direct_dsp, packed_weight(_direct_pair_bytes)
    ),
    Variant("conv2d winograd", suits_winograd, winograd_cost, emit_winograd, packed_weight(winograd_bytes)),
    *TILES,
    *DEPTHWISE,
    NARROW,
    Variant("depthwise portable", _is_depthwise, _portable_depthwise_cost, _emit_depthwise),
    Variant("conv2d portable", lambda view: not _is_depthwise(view), _portable_cost, _emit_conv2d),
)
