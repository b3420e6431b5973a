"""Transposed convolution, gathered per output line: no accumulators beyond registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.conv2d import requantization, sum_cost, weight_suffix
from tinyseg_tvm.codegen.operators.direct_convolution import (
    Columns,
    Window,
    declare_direct_dsp,
    direct_dsp_cycles,
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
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias, pack_convolution
from tinyseg_tvm.network.cost import Cost
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


def _suits_mve(view: NodeView) -> bool:
    operator = cast(Conv2dTranspose, view.operator)
    narrow = view.outputs[0].shape[3] * operator.strides[1] <= WIDEST_PIXEL
    suits = view.core.has_mve and narrow and _suits_phases(view)
    return suits and not any(variant.supports(view) for variant in TILES)


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


def _emit_phases(view: NodeView, out: FunctionWriter, family: str) -> None:
    """One ordinary convolution per remainder of the output row and column by the strides.

    ``family``: dsp, mve, or direct_dsp of the kernel without scratch; those of dsp may end with _plain.
    """
    operator = cast(Conv2dTranspose, view.operator)
    stride = operator.strides
    arguments = out.scratch or "NULL"
    out.modules.add(f"tinyseg_conv2d_{family}")
    if family.startswith("direct_dsp"):
        channels = [view.inputs[0].shape[3]]
        arguments = declare_direct_dsp(out, _windows(view), channels, operator.input_zero_point, padded=True)
    down_phases, across_phases = _axis_phases(view, 0), _axis_phases(view, 1)
    structs = [
        [_phase_struct(view, out, (y, down), (x, across), family) for x, across in enumerate(across_phases)]
        for y, down in enumerate(down_phases)
    ]
    flat = ",\n    ".join(struct for row in structs for struct in row)
    table = f"{out.symbol}_phases"
    out.definitions.append(f"static const {_struct_of(family)} {table}[{stride[0] * stride[1]}] = {{\n    {flat},\n}};")
    _phase_lines(view, out)
    phase = "0u" if stride[0] == 1 else f"step % {stride[0]}u"
    out.write(
        f"const uint32_t phase = {phase};",
        f"for (uint32_t x = 0; x < {stride[1]}u; ++x) {{",
        f"    tinyseg_conv2d_{family}_line(&{table}[phase * {stride[1]}u + x], lines, {arguments},",
        f"        {out.output()} + x * {view.outputs[0].shape[3]}u);",
        "}",
    )


def _phase_lines(view: NodeView, out: FunctionWriter) -> None:
    """Declare ``lines``: the input line that each kernel row takes of those that this output line takes, or NULL."""
    stride = cast(Conv2dTranspose, view.operator).strides[0]
    phases = _axis_phases(view, 0)
    most = max(len(phase.taps) for phase in phases)
    alike = all(len(phase.taps) == most for phase in phases)
    table = f"{out.symbol}_rows"
    entries = ", ".join(f"{{{p.first}, {p.dilation}, {len(p.taps)}}}" for p in phases)
    out.definitions.append(
        f"/* per remainder of the line: first input line, lines from tap to tap, taps */\n"
        f"static const int16_t {table}[{stride}][3] = {{{entries}}};"
    )
    inside = f"{'' if alike else 'row < rows[2] && '}y >= 0 && y < {view.inputs[0].lines}"
    out.write(
        f"const int8_t *lines[{most}];",
        f"const int16_t *const rows = {table}[{'0' if stride == 1 else f'step % {stride}u'}];",
        f"for (int32_t row = 0; row < {most}; ++row) {{",
        f"    const int32_t y = (int32_t)({'step' if stride == 1 else f'step / {stride}u'}) + rows[0] + row * rows[1];",
        f"    lines[row] = {inside} ? {out.line(0, '(uint32_t)y')} : NULL;",
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


def _parts(view: NodeView) -> list[tuple[np.ndarray, _Phase]]:
    """The weights of each remainder of row and column, and its taps across."""
    weight = view.constants["weight"]
    return [
        (weight[:, down.taps][:, :, across.taps], across)
        for down in _axis_phases(view, 0)
        for across in _axis_phases(view, 1)
    ]


def _other_biases(view: NodeView) -> int:
    """Bytes of the biases of all remainders but one: the zero point is folded into each."""
    return int(view.constants["bias"].nbytes) * (len(_parts(view)) - 1)


def _mve_bytes(view: NodeView) -> int:
    groups = cast(Conv2dTranspose, view.operator).groups
    return _other_biases(view) + sum(channel_pair_bytes(part, groups) for part, _ in _parts(view))


def _pair_bytes(view: NodeView) -> int:
    operator = cast(Conv2dTranspose, view.operator)
    channels = [view.inputs[0].shape[3] // operator.groups]
    total = _other_biases(view)
    for part, across in _parts(view):
        total += pair_bytes(part, operator.groups, channels, _segment_taps(operator, across))
    return total


def _direct_pair_bytes(view: NodeView) -> int:
    channels = [view.inputs[0].shape[3]]
    total = channels[0] + _other_biases(view)
    for part, across in _parts(view):
        taps = direct_segment_taps(part.shape[1], part.shape[2], channels, across.dilation)
        total += pair_bytes(part, 1, channels, taps)
    return total


def _calls(view: NodeView) -> tuple[Call, ...]:
    operator = cast(Conv2dTranspose, view.operator)
    if operator.groups != 1 or not _suits_phases(view):
        return ()
    moved = any(operator.padding) or any(operator.output_padding) or operator.dilation != (1, 1)
    if not moved and operator.strides == view.constants["weight"].shape[1:3]:
        return (_without_overlap(view),)
    rows = [len(phase.taps) for phase in _axis_phases(view, 0)]
    if len(set(rows)) == 1:
        return _calls_of(view, list(enumerate(_axis_phases(view, 0))), "")
    calls: list[Call] = []
    for y, down in enumerate(_axis_phases(view, 0)):
        calls += _calls_of(view, [(y, down)], f"step % {len(rows)}u == {y}u")
    return tuple(calls)


def _without_overlap(view: NodeView) -> Call:
    """Each kernel row makes its own output line, whose pixels' taps are channels of one."""
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    outputs, rows, taps, channels = weight.shape
    width = view.inputs[0].shape[2]
    by_row = [weight[:, row].transpose(1, 0, 2).reshape(taps * outputs, 1, 1, channels) for row in range(rows)]
    bias = np.tile(view.constants["bias"], taps)
    convolution = Convolution(
        tuple(by_row),
        tuple(folded_bias(bias, part, operator.input_zero_point) for part in by_row),
        np.tile(view.constants["multiplier"], taps),
        (channels,),
        Columns(width, width, 1, 0),
        Window(1, 1, 1),
        operator.input_zero_point,
        (operator.output_zero_point, operator.output_min, operator.output_max),
        padded=False,
        output_step=taps * outputs,
    )
    return Call(convolution)


def _calls_of(view: NodeView, downs: Sequence[tuple[int, _Phase]], condition: str) -> tuple[Call, ...]:
    """Convolutions of each remainder of the output column, for remainders of the output row with taps alike."""
    operator = cast(Conv2dTranspose, view.operator)
    outputs, channels = view.outputs[0], view.inputs[0].shape[3]
    stride = operator.strides[1]
    calls = []
    for x, across in enumerate(_axis_phases(view, 1)):
        weights = [view.constants["weight"][:, down.taps][:, :, across.taps] for _, down in downs]
        convolution = Convolution(
            tuple(weights),
            tuple(folded_bias(view.constants["bias"], weight, operator.input_zero_point) for weight in weights),
            view.constants["multiplier"],
            (channels,),
            Columns(view.inputs[0].shape[2], -(-(outputs.shape[2] - x) // stride), 1, -across.first),
            Window(len(downs[0][1].taps), len(across.taps), across.dilation),
            operator.input_zero_point,
            (operator.output_zero_point, operator.output_min, operator.output_max),
            padded=_meets_padding(view),
            output_step=outputs.shape[3] * stride,
        )
        calls.append(Call(convolution, x * outputs.shape[3], condition, len(downs) / operator.strides[0]))
    return tuple(calls)


def _meets_padding(view: NodeView) -> bool:
    """Whether a line that a kernel row takes may be none of the input's."""
    phases = _axis_phases(view, 0)
    for y, phase in enumerate(phases):
        last = (view.outputs[0].lines - 1 - y) // len(phases) + phase.first + (len(phase.taps) - 1) * phase.dilation
        if phase.first < 0 or last >= view.inputs[0].lines:
            return True
    return False


TILES = scheduled_variants("conv2d_transpose", _calls, _phase_lines)
VARIANTS = (
    Variant("conv2d_transpose mve", _suits_mve, _mve_cost, _emit_mve, packed_weight(_mve_bytes)),
    Variant("conv2d_transpose dsp", _suits_dsp, _dsp_cost, _emit_dsp, packed_weight(_pair_bytes)),
    Variant(
        "conv2d_transpose direct dsp",
        _suits_direct_dsp,
        _direct_dsp_cost,
        _emit_direct_dsp,
        packed_weight(_direct_pair_bytes),
    ),
    *TILES,
    Variant("conv2d_transpose portable", always, lambda view: portable_cost(sum_cost(3.6, view, 30.0), view), _emit),
)
