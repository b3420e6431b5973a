"""Convolution by the vector extension: windows laid out in scratch memory, or read where they lie."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import of_onnx, sum_parameters
from tinyseg_tvm.codegen.operators.conv2d_tiles import TILES
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_fields,
    convolution_window,
    declare_lines,
    is_depthwise,
    piece_channels,
)
from tinyseg_tvm.codegen.operators.direct_convolution import direct_mve_cycles, most_segments, pack_plain
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.mve_packing import (
    WIDEST_PIXEL,
    channel_pair_bytes,
    convolution_cost,
    convolution_scratch,
    pack_channel_pairs,
    vectors,
    windows_lie_together,
)
from tinyseg_tvm.codegen.operators.pair_packing import one_more
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d


def _suits(view: NodeView[Conv2d]) -> bool:
    if not (view.core.has_mve and of_onnx(view)):
        return False
    weight = view.constants["weight"]
    dense = view.operator.groups == 1 or weight.shape[3] >= 4
    return bool(weight.dtype == np.int8 and dense and weight.shape[0] <= WIDEST_PIXEL and not is_depthwise(view))


def _suits_laid_out(view: NodeView[Conv2d]) -> bool:
    """Windows are laid out where there are no tiles: for several groups, and for more windows than tiles list."""
    return _suits(view) and not any(variant.supports(view) for variant in TILES)


def _suits_direct(view: NodeView[Conv2d]) -> bool:
    return _suits(view) and view.operator.groups == 1


def _lies_together(view: NodeView[Conv2d]) -> bool:
    operator = view.operator
    return windows_lie_together(view.constants["weight"], operator.groups, len(view.inputs), operator.dilation[1])


def _pixels(view: NodeView[Conv2d]) -> float:
    """Output pixels of a step."""
    return view.outputs[0].elements / view.outputs[0].shape[3] / max(view.access.steps, 1)


def _cost(view: NodeView[Conv2d]) -> Cost:
    padded = any(view.operator.padding)
    scratch = convolution_scratch(view.constants["weight"], direct=_lies_together(view), padded=padded)
    return convolution_cost(view, scratch, _pixels(view), view.operator.groups)


def _emit(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    groups, weight = view.operator.groups, view.constants["weight"]
    channels = piece_channels(view)
    columns, window = convolution_columns(view), convolution_window(view)
    out.modules.add("tinyseg_conv2d_mve")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_mve",
        {
            "weight": out.constant("weight", pack_channel_pairs(weight, groups, [c // groups for c in channels])),
            **sum_parameters(view, out, arrange=one_more),
            **convolution_fields(columns, window, channels, weight.shape[0], out),
            "groups": groups,
            "blocks": vectors(int(np.prod(weight.shape[1:]))),
            "direct": int(_lies_together(view)),
            "output_step": weight.shape[0],
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_conv2d_mve_line({parameters}, lines, {out.scratch or 'NULL'}, {out.output()});")


def _direct_cost(view: NodeView[Conv2d]) -> Cost:
    dilation = view.operator.dilation[1]
    return Cost(0, direct_mve_cycles(view.constants["weight"], piece_channels(view), _pixels(view), dilation))


def _emit_direct(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    operator, weight = view.operator, view.constants["weight"]
    channels = piece_channels(view)
    columns, window = convolution_columns(view), convolution_window(view)
    padding = np.full(window.taps * max(channels), operator.arithmetic.operand_zero, np.int8)
    out.modules.add("tinyseg_conv2d_direct_mve")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_direct_mve",
        {
            "weight": out.constant("weight", pack_plain(weight, channels)),
            **sum_parameters(view, out, arrange=one_more, padding=False),
            "padding": out.constant("padding", padding) if any(operator.padding) else "NULL",
            **convolution_fields(columns, window, channels, weight.shape[0], out),
            "values": int(np.prod(weight.shape[1:])),
            "output_step": weight.shape[0],
        },
    )
    declare_lines(view, out)
    out.write(
        f"tinyseg_segment_of_three segments[{most_segments(columns, window, channels)}];",
        f"tinyseg_conv2d_direct_mve_line({parameters}, lines, segments, {out.output()});",
    )


def _bytes(view: NodeView[Conv2d]) -> int:
    return channel_pair_bytes(view.constants["weight"], view.operator.groups)


def _direct_bytes(view: NodeView[Conv2d]) -> int:
    weight = view.constants["weight"]
    padding = weight.shape[2] * max(piece_channels(view))
    return int(weight.nbytes + (padding if any(view.operator.padding) else 0))


VARIANTS: tuple[Variant[Conv2d], ...] = (
    Variant("conv2d mve", _suits_laid_out, _cost, _emit, packed_weight(_bytes)),
    Variant("conv2d direct mve", _suits_direct, _direct_cost, _emit_direct, packed_weight(_direct_bytes)),
)
