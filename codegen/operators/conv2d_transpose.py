"""Transposed convolution, gathered per output line: no accumulators beyond registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.conv2d import requantization, sum_cost, weight_suffix
from tinyseg_tvm.codegen.operators.direct_convolution import (
    Columns,
    DirectConvolution,
    Window,
    declare_direct_dsp,
    direct_dsp_cycles,
    direct_mve_cycles,
    direct_segment_taps,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, packed_weight
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
    portable_cost,
)
from tinyseg_tvm.codegen.operators.scheduled_sum import Convolution as ScheduledConvolution
from tinyseg_tvm.codegen.operators.scheduled_sum import scheduled_variants
from tinyseg_tvm.codegen.operators.segment_convolution import SegmentConvolution
from tinyseg_tvm.codegen.operators.segment_convolution import cycles as segment_cycles
from tinyseg_tvm.codegen.operators.segment_convolution import suits as suits_segments
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias, pack_convolution
from tinyseg_tvm.network.problem import Cost
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def phase_taps(kernel: int, stride: int, before: int, dilation: int) -> list[list[tuple[int, int]]]:
    """Per phase (remainder of the output column by the stride): (tap, input column minus output column // stride)."""
    result = []
    for phase in range(stride):
        taps = []
        for tap in range(kernel):
            column, rest = divmod(phase + before - tap * dilation, stride)
            if rest == 0:
                taps.append((tap, column))
        result.append(taps)
    return result


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    _, rows, columns, _ = weight.shape
    suffix = weight_suffix(weight)
    taps = phase_taps(columns, operator.strides[1], operator.padding[1], operator.dilation[1])
    flat = [value for phase in taps for tap in phase for value in tap]
    out.modules.add(f"tinyseg_conv2d_transpose{suffix}")
    table = f"{out.symbol}_taps"
    pairs = ", ".join(f"{{{tap}, {column}}}" for tap, column in zip(flat[0::2], flat[1::2], strict=True)) or "{0, 0}"
    out.definitions.append(f"static const tinyseg_transpose_tap {table}[] = {{{pairs}}};")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_transpose",
        {
            "weight": out.constant("weight", pack_convolution(weight, operator.groups, [view.inputs[0].shape[3]])),
            "bias": out.constant("bias", view.constants["bias"]),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            "taps": table,
            "phase_taps": out.constant("phase_taps", np.asarray([len(phase) for phase in taps], np.uint16)),
            "groups": operator.groups,
            "input_channels": view.inputs[0].shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_channels": weight.shape[0],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": rows,
            "kernel_width": columns,
            "stride": operator.strides[1],
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    _gather_lines(view, out, rows)
    out.write(f"tinyseg_conv2d_transpose_line{suffix}({parameters}, lines, {out.output()});")


def _gather_lines(view: NodeView, out: FunctionWriter, rows: int) -> None:
    """Declare ``lines[rows]``: the input line that each kernel row takes for this output line, or NULL."""
    operator = cast(Conv2dTranspose, view.operator)
    stride, before, dilation = operator.strides[0], operator.padding[0], operator.dilation[0]
    out.write(f"const int8_t *lines[{rows}];")
    out.write(f"for (int32_t row = 0; row < {rows}; ++row) {{")
    out.write(f"    const int32_t y = (int32_t)step + {before} - row * {dilation};")
    inside = f"y >= 0 && y < {view.inputs[0].lines * stride}"
    if stride > 1:
        inside += f" && y % {stride} == 0"
    out.write(f"    lines[row] = {inside} ? {out.line(0, f'(uint32_t)y / {stride}u')} : NULL;")
    out.write("}")


@dataclass(frozen=True)
class _Phase:
    """The convolution that computes output pixels of equal remainder by the stride, along one axis.

    Attributes:
        taps: kernel taps in the order of the input columns they take; equally spaced.
        first: input column of the first tap, minus the output column // stride.
        dilation: input columns from a tap to the next.
    """

    taps: tuple[int, ...]
    first: int
    dilation: int


def _phases(kernel: int, stride: int, before: int, dilation: int) -> list[_Phase]:
    result = []
    for taps in phase_taps(kernel, stride, before, dilation):
        ordered = sorted(taps, key=lambda tap: tap[1])
        first = ordered[0][1] if ordered else 0
        step = ordered[1][1] - first if len(ordered) > 1 else 1
        result.append(_Phase(tuple(tap for tap, _ in ordered), first, step))
    return result


def _axis_phases(view: NodeView, axis: int) -> list[_Phase]:
    operator = cast(Conv2dTranspose, view.operator)
    kernel = view.constants["weight"].shape[1 + axis]
    return _phases(kernel, operator.strides[axis], operator.padding[axis], operator.dilation[axis])


def _suits_phases(view: NodeView) -> bool:
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    every_phase = all(phase.taps for axis in (0, 1) for phase in _axis_phases(view, axis))
    dense = operator.groups == 1 or weight.shape[3] >= 4
    wide = view.outputs[0].shape[2] >= operator.strides[1]
    return weight.dtype == np.int8 and every_phase and dense and wide


def _suits_dsp(view: NodeView) -> bool:
    return view.core.has_dsp and _suits_phases(view)


def _dsp_scratch(view: NodeView) -> int:
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    most = 0
    for down in _axis_phases(view, 0):
        for across in _axis_phases(view, 1):
            part = weight[:, down.taps][:, :, across.taps]
            most = max(most, pair_scratch(part, [weight.shape[3]], _segment_taps(operator, across), padded=True))
    return most


def _segment_taps(operator: Conv2dTranspose, across: _Phase) -> int:
    return len(across.taps) if operator.groups == 1 and across.dilation == 1 else 1


def _dsp_cost(view: NodeView) -> Cost:
    operator = cast(Conv2dTranspose, view.operator)
    pixels = view.outputs[0].elements / view.outputs[0].shape[3] / max(view.access.steps, 1)
    rows = -(-int(view.constants["weight"].shape[1]) // operator.strides[0])
    return pair_cost(view, _dsp_scratch(view), pixels, operator.groups, rows)


def _suits_direct_dsp(view: NodeView) -> bool:
    return _suits_dsp(view) and cast(Conv2dTranspose, view.operator).groups == 1


def _windows(view: NodeView) -> list[Window]:
    """Of the convolution of each remainder of row and column."""
    return [
        Window(len(down.taps), len(across.taps), across.dilation)
        for down in _axis_phases(view, 0)
        for across in _axis_phases(view, 1)
    ]


def _direct_dsp_cost(view: NodeView) -> Cost:
    channels, outputs = view.inputs[0].shape[3], view.outputs[0].shape[3]
    windows = _windows(view)
    pixels = view.outputs[0].elements / outputs / max(view.access.steps, 1) / len(windows)
    cycles = [direct_dsp_cycles(view, w.rows, w.taps, [channels], w.dilation, pixels, outputs) for w in windows]
    return Cost(0, sum(cycles) + 200 * cast(Conv2dTranspose, view.operator).strides[1])


def _suits_v7m(view: NodeView) -> bool:
    most = max(window.rows * window.taps for window in _windows(view))
    return suits_segments(view, most, 1, cast(Conv2dTranspose, view.operator).groups) and _suits_phases(view)


def _v7m_cost(view: NodeView) -> Cost:
    windows = _windows(view)
    pixels = view.outputs[0].elements / view.outputs[0].shape[3] / max(view.access.steps, 1) / len(windows)
    weight = view.constants["weight"]
    return Cost(0, sum(segment_cycles(view, weight[:, : w.rows, : w.taps], 1, pixels) for w in windows))


def _suits_direct_mve(view: NodeView) -> bool:
    return _suits_mve(view) and cast(Conv2dTranspose, view.operator).groups == 1


def _direct_mve_cost(view: NodeView) -> Cost:
    channels, outputs = view.inputs[0].shape[3], view.outputs[0].shape[3]
    stride = cast(Conv2dTranspose, view.operator).strides
    pixels = view.outputs[0].elements / outputs / max(view.access.steps, 1) / (stride[0] * stride[1])
    weight = view.constants["weight"]
    cycles = [
        direct_mve_cycles(weight[:, down.taps][:, :, across.taps], [channels], pixels, across.dilation)
        for down in _axis_phases(view, 0)
        for across in _axis_phases(view, 1)
    ]
    return Cost(0, sum(cycles))


def _suits_mve(view: NodeView) -> bool:
    operator = cast(Conv2dTranspose, view.operator)
    narrow = view.outputs[0].shape[3] * operator.strides[1] <= WIDEST_PIXEL
    return view.core.has_mve and narrow and _suits_phases(view)


def _mve_direct(view: NodeView, part: np.ndarray, dilation: int) -> bool:
    return windows_lie_together(part, cast(Conv2dTranspose, view.operator).groups, 1, dilation)


def _mve_cost(view: NodeView) -> Cost:
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    width = view.inputs[0].shape[2]
    scratch = 0
    for down in _axis_phases(view, 0):
        for x, across in enumerate(_axis_phases(view, 1)):
            pixels = -(-(view.outputs[0].shape[2] - x) // operator.strides[1])
            part = weight[:, down.taps][:, :, across.taps]
            inside = across.first >= 0 and across.first + (len(across.taps) - 1) * across.dilation + pixels <= width
            padded = not inside or view.outputs[0].lines > view.inputs[0].lines * operator.strides[0]
            padded = padded or len(down.taps) > 1 or down.first != 0
            direct = _mve_direct(view, part, across.dilation)
            scratch = max(scratch, convolution_scratch(part, direct=direct, padded=padded))
    pixels_per_step = view.outputs[0].elements / view.outputs[0].shape[3] / max(view.access.steps, 1)
    return convolution_cost(view, scratch, pixels_per_step, operator.groups)


def _emit_dsp(view: NodeView, out: FunctionWriter) -> None:
    _emit_phases(view, out, f"dsp{_plain_suffix(view)}")


def _emit_mve(view: NodeView, out: FunctionWriter) -> None:
    _emit_phases(view, out, "mve")


def _emit_direct_dsp(view: NodeView, out: FunctionWriter) -> None:
    _emit_phases(view, out, f"direct_dsp{_plain_suffix(view)}")


def _emit_direct_mve(view: NodeView, out: FunctionWriter) -> None:
    _emit_phases(view, out, "direct_mve")


def _emit_v7m(view: NodeView, out: FunctionWriter) -> None:
    _emit_phases(view, out, "v7m")


def _emit_phases(view: NodeView, out: FunctionWriter, family: str) -> None:
    """One ordinary convolution per remainder of the output row and column by the strides.

    ``family``: dsp, mve, v7m, or direct_dsp and direct_mve of the kernels without scratch; those of dsp may end with
    _plain.
    """
    operator = cast(Conv2dTranspose, view.operator)
    stride = operator.strides
    arguments = out.scratch or "NULL"
    out.modules.add(f"tinyseg_conv2d_{family}")
    if family.startswith("direct_dsp"):
        channels = [view.inputs[0].shape[3]]
        arguments = declare_direct_dsp(out, _windows(view), channels, operator.input_zero_point, padded=True)
    elif family == "v7m":
        out.write(f"tinyseg_segment_of_two segments[{max(w.rows * w.taps for w in _windows(view))}];")
        arguments = "segments"
    elif family == "direct_mve":
        convolutions = [
            _direct_phase(view, (y, down), (x, across))
            for y, down in enumerate(_axis_phases(view, 0))
            for x, across in enumerate(_axis_phases(view, 1))
        ]
        out.write(f"tinyseg_segment_of_three segments[{max(c.segments for c in convolutions)}];")
        arguments = "segments"
    down_phases, across_phases = _axis_phases(view, 0), _axis_phases(view, 1)
    structs = [
        [_phase_struct(view, out, (y, down), (x, across), family) for x, across in enumerate(across_phases)]
        for y, down in enumerate(down_phases)
    ]
    flat = ",\n    ".join(struct for row in structs for struct in row)
    table = f"{out.symbol}_phases"
    out.definitions.append(f"static const {_struct_of(family)} {table}[{stride[0] * stride[1]}] = {{\n    {flat},\n}};")
    rows = max(len(phase.taps) for phase in down_phases)
    extent = view.inputs[0].lines
    row_table = f"{out.symbol}_rows"
    entries = ", ".join(f"{{{p.first}, {p.dilation}, {len(p.taps)}}}" for p in down_phases)
    out.definitions.append(
        f"/* per remainder of the line: first input line, lines from tap to tap, taps */\n"
        f"static const int16_t {row_table}[{stride[0]}][3] = {{{entries}}};"
    )
    phase = "0u" if stride[0] == 1 else f"step % {stride[0]}u"
    line = "step" if stride[0] == 1 else f"step / {stride[0]}u"
    out.write(
        f"const int8_t *lines[{rows}];",
        f"const uint32_t phase = {phase};",
        f"const int16_t *const rows = {row_table}[phase];",
        "for (int32_t row = 0; row < rows[2]; ++row) {",
        f"    const int32_t y = (int32_t)({line}) + rows[0] + row * rows[1];",
        f"    lines[row] = y >= 0 && y < {extent} ? {out.line(0, '(uint32_t)y')} : NULL;",
        "}",
        f"for (uint32_t x = 0; x < {stride[1]}u; ++x) {{",
        f"    tinyseg_conv2d_{family}_line(&{table}[phase * {stride[1]}u + x], lines, {arguments},",
        f"        {out.output()} + x * {view.outputs[0].shape[3]}u);",
        "}",
    )


def _phase_struct(
    view: NodeView,
    out: FunctionWriter,
    down_phase: tuple[int, _Phase],
    across_phase: tuple[int, _Phase],
    family: str,
) -> str:
    """Initialiser of the convolution of one remainder of row and column."""
    if family == "direct_mve":
        return out.struct_value(view, _struct_of(family), _direct_phase(view, down_phase, across_phase).parameters(out))
    if family == "v7m":
        return out.struct_value(view, _struct_of(family), _v7m_phase(view, down_phase, across_phase).parameters(out))
    operator = cast(Conv2dTranspose, view.operator)
    (y, down), (x, across) = down_phase, across_phase
    weight = view.constants["weight"][:, down.taps][:, :, across.taps]
    channels = view.inputs[0].shape[3]
    layout: dict[str, int]
    if family == "mve":
        words = pack_channel_pairs(weight, operator.groups, [channels // operator.groups])
        together = _mve_direct(view, weight, across.dilation)
        layout = {"blocks": vectors(int(np.prod(weight.shape[1:]))), "direct": int(together)}
    else:
        taps = _segment_taps(operator, across)
        if family.startswith("direct_dsp"):
            taps = direct_segment_taps(len(down.taps), len(across.taps), [channels], across.dilation)
        joined = not family.endswith("_plain")
        words, pairs = pack_pairs(weight, operator.groups, [channels // operator.groups], taps, joined=joined)
        layout = {"pairs": pairs, "segment_taps": taps}
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    outputs = view.outputs[0]
    return out.struct_value(
        view,
        _struct_of(family),
        {
            **layout,
            "weight": out.constant(f"weight_{y}_{x}", words),
            "bias": out.constant(f"bias_{y}_{x}", one_more(bias)),
            "multiplier": out.constant("multiplier", one_more(view.constants["multiplier"])),
            "piece_channels": out.constant("piece_channels", np.asarray([channels], np.uint16)),
            "pieces": 1,
            "groups": operator.groups,
            "input_width": view.inputs[0].shape[2],
            "output_width": -(-(outputs.shape[2] - x) // operator.strides[1]),
            "output_channels": weight.shape[0],
            "output_step": weight.shape[0] * operator.strides[1],
            "kernel_height": len(down.taps),
            "kernel_width": len(across.taps),
            "stride": 1,
            "dilation": across.dilation,
            "pad_left": -across.first,
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )


def _struct_of(family: str) -> str:
    return "tinyseg_conv2d_dsp" if "dsp" in family else f"tinyseg_conv2d_{family}"


def _plain_suffix(view: NodeView) -> str:
    """What the name of the DSP kernel of all remainders ends with."""
    operator = cast(Conv2dTranspose, view.operator)
    for down in _axis_phases(view, 0):
        for across in _axis_phases(view, 1):
            weight = view.constants["weight"][:, down.taps][:, :, across.taps]
            bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
            if not can_join(weight, bias, operator.groups):
                return "_plain"
    return ""


def _v7m_phase(view: NodeView, down_phase: tuple[int, _Phase], across_phase: tuple[int, _Phase]) -> SegmentConvolution:
    operator = cast(Conv2dTranspose, view.operator)
    (y, down), (x, across) = down_phase, across_phase
    weight = view.constants["weight"][:, down.taps][:, :, across.taps]
    outputs = view.outputs[0]
    return SegmentConvolution(
        weight,
        folded_bias(view.constants["bias"], weight, operator.input_zero_point),
        view.constants["multiplier"],
        (view.inputs[0].shape[3],),
        Columns(view.inputs[0].shape[2], -(-(outputs.shape[2] - x) // operator.strides[1]), 1, -across.first),
        across.dilation,
        outputs.shape[3] * operator.strides[1],
        operator.input_zero_point,
        requantization(operator),
        f"_{y}_{x}",
    )


def _direct_phase(
    view: NodeView, down_phase: tuple[int, _Phase], across_phase: tuple[int, _Phase]
) -> DirectConvolution:
    operator = cast(Conv2dTranspose, view.operator)
    (y, down), (x, across) = down_phase, across_phase
    outputs = view.outputs[0]
    return DirectConvolution(
        view.constants["weight"][:, down.taps][:, :, across.taps],
        view.constants["bias"],
        view.constants["multiplier"],
        (view.inputs[0].shape[3],),
        Columns(view.inputs[0].shape[2], -(-(outputs.shape[2] - x) // operator.strides[1]), 1, -across.first),
        dilation=across.dilation,
        output_step=outputs.shape[3] * operator.strides[1],
        zero_point=operator.input_zero_point,
        padded=True,
        output=requantization(operator),
        suffix=f"_{y}_{x}",
    )


def _parts(view: NodeView) -> list[tuple[np.ndarray, _Phase]]:
    """The weights of each remainder of row and column, and its taps across."""
    weight = view.constants["weight"]
    return [
        (weight[:, down.taps][:, :, across.taps], across)
        for down in _axis_phases(view, 0)
        for across in _axis_phases(view, 1)
    ]


def _mve_bytes(view: NodeView) -> int:
    groups = cast(Conv2dTranspose, view.operator).groups
    return sum(channel_pair_bytes(part, groups) for part, _ in _parts(view))


def _pair_bytes(view: NodeView) -> int:
    operator = cast(Conv2dTranspose, view.operator)
    channels = [view.inputs[0].shape[3] // operator.groups]
    parts = _parts(view)
    return sum(pair_bytes(part, operator.groups, channels, _segment_taps(operator, across)) for part, across in parts)


def _direct_pair_bytes(view: NodeView) -> int:
    channels = [view.inputs[0].shape[3]]
    total = channels[0]
    for part, across in _parts(view):
        taps = direct_segment_taps(part.shape[1], part.shape[2], channels, across.dilation)
        total += pair_bytes(part, 1, channels, taps)
    return total


def _scheduled(view: NodeView) -> ScheduledConvolution | None:
    """Where taps do not overlap: each kernel row makes its own output line, whose pixels' taps are channels of one."""
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    outputs, rows, taps, channels = weight.shape
    moved = any(operator.padding) or any(operator.output_padding) or operator.dilation != (1, 1)
    if moved or operator.strides != (rows, taps) or operator.groups != 1:
        return None
    width = view.inputs[0].shape[2]
    bias = folded_bias_of_taps(view.constants["bias"], weight, operator.input_zero_point)
    return ScheduledConvolution(
        tuple(weight[:, row].transpose(1, 0, 2).reshape(taps * outputs, 1, 1, channels) for row in range(rows)),
        tuple(bias[row] for row in range(rows)),
        np.tile(view.constants["multiplier"], taps),
        (channels,),
        Columns(width, width, 1, 0),
        Window(1, 1, 1),
        operator.input_zero_point,
        (operator.output_zero_point, operator.output_min, operator.output_max),
        padded=False,
    )


def folded_bias_of_taps(bias: np.ndarray, weight: np.ndarray, zero_point: int) -> np.ndarray:
    """``bias - zero_point * sum(weight)`` of each kernel row, tap and output channel: (rows, taps * channels) int32."""
    sums = weight.astype(np.int64).sum(axis=3)  # (O, rows, taps)
    folded = bias.astype(np.int64) - zero_point * sums.transpose(1, 2, 0)
    return np.asarray(folded.reshape(weight.shape[1], -1)).astype(np.int32)


def _the_line(view: NodeView, out: FunctionWriter) -> None:
    rows = view.constants["weight"].shape[1]
    out.write(f"const int8_t *const lines[1] = {{{out.line(0, f'step / {rows}u')}}};")


VARIANTS = (
    Variant("conv2d_transpose mve", _suits_mve, _mve_cost, _emit_mve, packed_weight(_mve_bytes)),
    Variant("conv2d_transpose direct mve", _suits_direct_mve, _direct_mve_cost, _emit_direct_mve),
    Variant("conv2d_transpose dsp", _suits_dsp, _dsp_cost, _emit_dsp, packed_weight(_pair_bytes)),
    Variant(
        "conv2d_transpose direct dsp",
        _suits_direct_dsp,
        _direct_dsp_cost,
        _emit_direct_dsp,
        packed_weight(_direct_pair_bytes),
    ),
    *scheduled_variants("conv2d_transpose", _scheduled, _the_line),
    Variant("conv2d_transpose v7m", _suits_v7m, _v7m_cost, _emit_v7m),
    Variant("conv2d_transpose portable", always, lambda view: portable_cost(sum_cost(3.6, view, 30.0), view), _emit),
)
