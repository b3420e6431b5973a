"""Transposed convolution by the kernels of ordinary ones for the DSP and vector extensions, one per remainder."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import of_onnx, sum_parameters
from tinyseg_tvm.codegen.operators.convolution_window import convolution_fields
from tinyseg_tvm.codegen.operators.direct_convolution import declare_direct_dsp, direct_dsp_cycles, direct_segment_taps
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.mve_packing import (
    WIDEST_PIXEL,
    channel_pair_bytes,
    convolution_cost,
    convolution_scratch,
    pack_channel_pairs,
    vectors,
    windows_lie_together,
)
from tinyseg_tvm.codegen.operators.pair_packing import (
    can_join,
    one_more,
    pack_pairs,
    pair_bytes,
    pair_cost,
    pair_scratch,
)
from tinyseg_tvm.codegen.operators.transposed_geometry import (
    Part,
    declare_phase_lines,
    part_columns,
    parts,
    suits_phases,
)
from tinyseg_tvm.codegen.operators.transposed_tiles import TILES
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def _suits(view: NodeView[Conv2dTranspose]) -> bool:
    return of_onnx(view) and view.constants["weight"].dtype == np.int8 and suits_phases(view)


def _suits_dsp(view: NodeView[Conv2dTranspose]) -> bool:
    return view.core.has_dsp and _suits(view)


def _group_channels(view: NodeView[Conv2dTranspose]) -> list[int]:
    return [view.inputs[0].shape[3] // view.operator.groups]


def _segment_taps(view: NodeView[Conv2dTranspose], part: Part) -> int:
    return part.window.taps if view.operator.groups == 1 and part.window.dilation == 1 else 1


def _direct_segment_taps(view: NodeView[Conv2dTranspose], part: Part) -> int:
    window = part.window
    return direct_segment_taps(window.rows, window.taps, [view.inputs[0].shape[3]], window.dilation)


def _pixels(view: NodeView[Conv2dTranspose]) -> float:
    """Output pixels of a step."""
    return view.outputs[0].elements / view.outputs[0].shape[3] / max(view.access.steps, 1)


def _dsp_cost(view: NodeView[Conv2dTranspose]) -> Cost:
    operator = view.operator
    channels = [view.constants["weight"].shape[3]]
    scratch = max(pair_scratch(part.weight, channels, _segment_taps(view, part), padded=True) for part in parts(view))
    rows = -(-int(view.constants["weight"].shape[1]) // operator.strides[0])
    return pair_cost(view, scratch, _pixels(view), operator.groups, rows)


def _suits_direct_dsp(view: NodeView[Conv2dTranspose]) -> bool:
    return _suits_dsp(view) and view.operator.groups == 1


def _direct_dsp_cost(view: NodeView[Conv2dTranspose]) -> Cost:
    channels, outputs = view.inputs[0].shape[3], view.outputs[0].shape[3]
    windows = [part.window for part in parts(view)]
    pixels = _pixels(view) / len(windows)
    cycles = [direct_dsp_cycles(view, w.rows, w.taps, [channels], w.dilation, pixels, outputs) for w in windows]
    return Cost(0, sum(cycles) + 200 * view.operator.strides[1])


def _suits_mve(view: NodeView[Conv2dTranspose]) -> bool:
    narrow = view.outputs[0].shape[3] * view.operator.strides[1] <= WIDEST_PIXEL
    suits = view.core.has_mve and narrow and _suits(view)
    return suits and not any(variant.supports(view) for variant in TILES)


def _lies_together(view: NodeView[Conv2dTranspose], part: Part) -> bool:
    return windows_lie_together(part.weight, view.operator.groups, 1, part.window.dilation)


def _mve_cost(view: NodeView[Conv2dTranspose]) -> Cost:
    operator = view.operator
    width = view.inputs[0].shape[2]
    scratch = 0
    for part in parts(view):
        down, across = part.down, part.across
        pixels = -(-(view.outputs[0].shape[2] - part.column) // operator.strides[1])
        inside = across.first >= 0 and across.first + (len(across.taps) - 1) * across.dilation + pixels <= width
        padded = not inside or view.outputs[0].lines > view.inputs[0].lines * operator.strides[0]
        padded = padded or len(down.taps) > 1 or down.first != 0
        scratch = max(scratch, convolution_scratch(part.weight, direct=_lies_together(view, part), padded=padded))
    return convolution_cost(view, scratch, _pixels(view), operator.groups)


def _emit_dsp(view: NodeView[Conv2dTranspose], out: FunctionWriter) -> None:
    _emit_phases(view, out, f"dsp{_plain_suffix(view)}")


def _emit_mve(view: NodeView[Conv2dTranspose], out: FunctionWriter) -> None:
    _emit_phases(view, out, "mve")


def _emit_direct_dsp(view: NodeView[Conv2dTranspose], out: FunctionWriter) -> None:
    _emit_phases(view, out, f"direct_dsp{_plain_suffix(view)}")


def _emit_phases(view: NodeView[Conv2dTranspose], out: FunctionWriter, family: str) -> None:
    """One ordinary convolution per remainder of the output row and column by the strides.

    ``family``: dsp, mve, or direct_dsp of the kernel without scratch; those of dsp may end with _plain.
    """
    operator = view.operator
    stride = operator.strides
    arguments = out.scratch or "NULL"
    out.modules.add(f"tinyseg_conv2d_{family}")
    if family.startswith("direct_dsp"):
        windows, channels = [part.window for part in parts(view)], [view.inputs[0].shape[3]]
        arguments = declare_direct_dsp(out, windows, channels, operator.arithmetic.operand_zero, padded=True)
    flat = ",\n    ".join(_phase_struct(view, out, part, family) for part in parts(view))
    table = f"{out.symbol}_phases"
    out.definitions.append(f"static const {_struct_of(family)} {table}[{stride[0] * stride[1]}] = {{\n    {flat},\n}};")
    declare_phase_lines(view, out)
    phase = "0u" if stride[0] == 1 else f"step % {stride[0]}u"
    out.write(
        f"const uint32_t phase = {phase};",
        f"for (uint32_t x = 0; x < {stride[1]}u; ++x) {{",
        f"    tinyseg_conv2d_{family}_line(&{table}[phase * {stride[1]}u + x], lines, {arguments},",
        f"        {out.output()} + x * {view.outputs[0].shape[3]}u);",
        "}",
    )


def _phase_struct(view: NodeView[Conv2dTranspose], out: FunctionWriter, part: Part, family: str) -> str:
    """Initialiser of the convolution of one remainder of row and column."""
    groups, weight = view.operator.groups, part.weight
    channels = view.inputs[0].shape[3]
    layout: dict[str, Field]
    if family == "mve":
        words = pack_channel_pairs(weight, groups, _group_channels(view))
        layout = {"blocks": vectors(int(np.prod(weight.shape[1:]))), "direct": int(_lies_together(view, part))}
    else:
        taps = (_direct_segment_taps if family.startswith("direct_dsp") else _segment_taps)(view, part)
        joined = not family.endswith("_plain")
        words, pairs = pack_pairs(weight, groups, _group_channels(view), taps, joined=joined)
        layout = {"pairs": pairs, "segment_taps": taps}
    suffix = f"{part.row}_{part.column}"
    columns = part_columns(view, part.column, part.across)
    return out.struct_value(
        view,
        _struct_of(family),
        {
            "weight": out.constant(f"weight_{suffix}", words),
            **sum_parameters(view, out, arrange=one_more, bias=_bias(view, part), bias_name=f"bias_{suffix}"),
            **convolution_fields(columns, part.window, [channels], weight.shape[0], out),
            **layout,
            "groups": groups,
            "output_step": weight.shape[0] * view.operator.strides[1],
        },
    )


def _bias(view: NodeView[Conv2dTranspose], part: Part) -> np.ndarray:
    """With the operand's zero point folded in: each remainder has weights of its own."""
    return folded_bias(view.constants["bias"], part.weight, view.operator.arithmetic.operand_zero)


def _struct_of(family: str) -> str:
    return "tinyseg_conv2d_dsp" if "dsp" in family else f"tinyseg_conv2d_{family}"


def _plain_suffix(view: NodeView[Conv2dTranspose]) -> str:
    """What the name of the DSP kernel of all remainders ends with."""
    joined = all(can_join(part.weight, _bias(view, part), view.operator.groups) for part in parts(view))
    return "" if joined else "_plain"


def _other_biases(view: NodeView[Conv2dTranspose]) -> int:
    """Bytes of the biases of all remainders but one: the zero point is folded into each."""
    return int(view.constants["bias"].nbytes) * (len(parts(view)) - 1)


def _mve_bytes(view: NodeView[Conv2dTranspose]) -> int:
    return _other_biases(view) + sum(channel_pair_bytes(part.weight, view.operator.groups) for part in parts(view))


def _pair_bytes(view: NodeView[Conv2dTranspose]) -> int:
    groups, channels = view.operator.groups, _group_channels(view)
    packed = sum(pair_bytes(part.weight, groups, channels, _segment_taps(view, part)) for part in parts(view))
    return _other_biases(view) + packed


def _direct_pair_bytes(view: NodeView[Conv2dTranspose]) -> int:
    channels = view.inputs[0].shape[3]
    packed = sum(pair_bytes(part.weight, 1, [channels], _direct_segment_taps(view, part)) for part in parts(view))
    return channels + _other_biases(view) + packed


VARIANTS: tuple[Variant[Conv2dTranspose], ...] = (
    Variant("conv2d_transpose mve", _suits_mve, _mve_cost, _emit_mve, packed_weight(_mve_bytes)),
    Variant("conv2d_transpose dsp", _suits_dsp, _dsp_cost, _emit_dsp, packed_weight(_pair_bytes)),
    Variant(
        "conv2d_transpose direct dsp",
        _suits_direct_dsp,
        _direct_dsp_cost,
        _emit_direct_dsp,
        packed_weight(_direct_pair_bytes),
    ),
)
