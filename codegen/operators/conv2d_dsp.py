"""Convolution by the DSP extension: windows laid out in scratch memory as pairs of values, or read where they lie."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import of_fixed_point, sum_bias, sum_parameters
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_fields,
    convolution_window,
    declare_lines,
    is_depthwise,
    piece_channels,
)
from tinyseg_tvm.codegen.operators.direct_convolution import declare_direct_dsp, direct_dsp_cost, direct_segment_taps
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.pair_packing import (
    can_join,
    one_more,
    pack_pairs,
    pair_bytes,
    pair_cost,
    pair_scratch,
)
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d


def _suits(view: NodeView[Conv2d]) -> bool:
    if not (view.core.has_dsp and of_fixed_point(view)):
        return False
    weight = view.constants["weight"]
    return weight.dtype == np.int8 and (view.operator.groups == 1 or weight.shape[3] >= 4)


def _suits_laid_out(view: NodeView[Conv2d]) -> bool:
    return _suits(view) and not is_depthwise(view)


def _suits_direct(view: NodeView[Conv2d]) -> bool:
    return _suits(view) and view.operator.groups == 1


def _group_channels(view: NodeView[Conv2d]) -> list[int]:
    return [channels // view.operator.groups for channels in piece_channels(view)]


def _segment_taps(view: NodeView[Conv2d]) -> int:
    taps = int(view.constants["weight"].shape[2])
    return taps if view.operator.groups == 1 and view.operator.dilation[1] == 1 else 1


def _direct_segment_taps(view: NodeView[Conv2d]) -> int:
    window = convolution_window(view)
    return direct_segment_taps(window.rows, window.taps, piece_channels(view), window.dilation)


def _plain_suffix(view: NodeView[Conv2d]) -> str:
    """What the name of the kernel ends with."""
    return "" if can_join(view.constants["weight"], sum_bias(view), view.operator.groups) else "_plain"


def _parameters(view: NodeView[Conv2d], out: FunctionWriter, taps: int) -> str:
    groups, weight = view.operator.groups, view.constants["weight"]
    words, pairs = pack_pairs(weight, groups, _group_channels(view), taps, joined=not _plain_suffix(view))
    columns, window = convolution_columns(view), convolution_window(view)
    return out.parameters(
        view,
        "tinyseg_conv2d_dsp",
        {
            "weight": out.constant("weight", words),
            **sum_parameters(view, out, arrange=one_more),
            **convolution_fields(columns, window, piece_channels(view), weight.shape[0], out),
            "groups": groups,
            "pairs": pairs,
            "output_step": weight.shape[0],
            "segment_taps": taps,
        },
    )


def _cost(view: NodeView[Conv2d]) -> Cost:
    weight = view.constants["weight"]
    padded = any(view.operator.padding)
    scratch = pair_scratch(weight, _group_channels(view), _segment_taps(view), padded=padded)
    pixels = view.outputs[0].elements / weight.shape[0] / max(view.access.steps, 1)
    return pair_cost(view, scratch, pixels, view.operator.groups)


def _emit(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    parameters = _parameters(view, out, _segment_taps(view))
    kernel = f"tinyseg_conv2d_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    declare_lines(view, out)
    out.write(f"{kernel}_line({parameters}, lines, {out.scratch}, {out.output()});")


def _direct_cost(view: NodeView[Conv2d]) -> Cost:
    return direct_dsp_cost(view, piece_channels(view), view.operator.dilation[1])


def _emit_direct(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    operator = view.operator
    parameters = _parameters(view, out, _direct_segment_taps(view))
    declare_lines(view, out)
    arguments = declare_direct_dsp(
        out,
        [convolution_window(view)],
        piece_channels(view),
        operator.arithmetic.operand_zero,
        padded=any(operator.padding),
    )
    kernel = f"tinyseg_conv2d_direct_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"{kernel}_line({parameters}, lines, {arguments}, {out.output()});")


def _bytes(view: NodeView[Conv2d]) -> int:
    return pair_bytes(view.constants["weight"], view.operator.groups, _group_channels(view), _segment_taps(view))


def _direct_bytes(view: NodeView[Conv2d]) -> int:
    channels = piece_channels(view)
    return pair_bytes(view.constants["weight"], 1, channels, _direct_segment_taps(view)) + max(channels)


VARIANTS: tuple[Variant[Conv2d], ...] = (
    Variant("conv2d dsp", _suits_laid_out, _cost, _emit, packed_weight(_bytes)),
    Variant("conv2d direct dsp", _suits_direct, _direct_cost, _emit_direct, packed_weight(_direct_bytes)),
)
