"""Depthwise convolutions as scheduled TVM programs (codegen/programs/channel_sum.py), for cores with the DSP extension.

Staging the columns of many pixels at a time costs less than those of few, and takes more memory; that of a few is also
offered on the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np

from tinyseg_tvm.codegen.long_tail import PLACEHOLDER, LoweredProgram, lower_placed
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, requantize_cycles
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.codegen.programs.channel_costs import code_bytes, line_cycles
from tinyseg_tvm.codegen.programs.channel_kernels import MODULE, PIXELS, ChannelKernel
from tinyseg_tvm.codegen.programs.channel_schedule import Decisions, decision_space, scheduled, tile_of
from tinyseg_tvm.codegen.programs.channel_sum import ChannelSum
from tinyseg_tvm.codegen.tuning_records import program_key
from tinyseg_tvm.network.problem import Cost
from tinyseg_tvm.operators.conv2d import Conv2d

SCRATCH = 1600  # bytes of staged columns, at the most where a run can be shorter
STACK = 384  # bytes that a kernel takes of the stack in place of scratch, at the most
MOST_WORDS = 128  # of a channel's weights, which are widened on the stack
SOME_PIXELS = 16  # of runs that are neither as long as they may be nor as short


def suits(view: NodeView) -> bool:
    """Whether the micro-kernels compute a convolution on this core."""
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    channels = view.inputs[0].shape[3]
    depthwise = operator.groups == channels == weight.shape[0] and len(view.inputs) == 1
    core = view.core.has_dsp and not view.core.has_mve
    return core and depthwise and weight.dtype == np.int8 and _sum(view, 1).words <= MOST_WORDS


def _sum(view: NodeView, run: int) -> ChannelSum:
    operator = cast(Conv2d, view.operator)
    channels, rows, taps, _ = view.constants["weight"].shape
    return ChannelSum(
        rows,
        taps,
        operator.strides[1],
        operator.dilation[1],
        view.inputs[0].shape[2],
        operator.padding[1],
        view.outputs[0].shape[2],
        channels,
        operator.input_zero_point,
        (operator.output_zero_point, operator.output_min, operator.output_max),
        run,
    )


def _columns_bytes(s: ChannelSum, pixels: int) -> int:
    return 2 * s.column * s.columns(pixels)


def _longest_run(view: NodeView) -> int:
    """Pixels of a run within the limit: the line's, or equal parts of it."""
    s = _sum(view, 1)
    most = PIXELS
    while _columns_bytes(s, most + PIXELS) <= SCRATCH:
        most += PIXELS
    if _columns_bytes(s, s.pixels) <= SCRATCH or most >= s.pixels:
        return s.pixels
    runs = -(-s.pixels // most)
    return -(-s.pixels // (runs * PIXELS)) * PIXELS


def _some_pixels(view: NodeView) -> int:
    return SOME_PIXELS if _longest_run(view) > SOME_PIXELS else 0


def _stack_run(view: NodeView) -> int:
    """Pixels whose columns, and a channel's weights, the stack has room for; 0: not even one."""
    s = _sum(view, 1)
    weights = ChannelKernel(s).stack_bytes
    fitting = (n for n in (PIXELS, 2, 1) if _columns_bytes(s, n) + weights <= STACK)
    return min(next(fitting, 0), s.pixels)


def scratch_bytes(kernel: ChannelKernel) -> int:
    """Of the staged columns."""
    return 2 * kernel.sum.column * max(span.total for span in kernel.sum.spans)


def best_decisions(kernel: ChannelKernel, view: NodeView) -> Decisions:
    """Those that the tuner recorded; else those of fewest estimated cycles."""
    ranked = ranked_decisions(kernel, requantize_cycles(view.core))
    recorded = view.core.records.decision(program_key(kernel), ranked) if view.core.records.decisions else None
    return recorded or ranked[0]


@cache
def ranked_decisions(kernel: ChannelKernel, requantize: int) -> tuple[Decisions, ...]:
    """All, those of fewest estimated cycles first."""
    return tuple(sorted(decision_space(kernel), key=lambda decisions: line_cycles(kernel, decisions, requantize)))


@cache
def lowered(kernel: ChannelKernel, decisions: Decisions) -> LoweredProgram:
    """The program's C, after that of the micro-kernels."""
    parts = kernel.sum.all_parts
    program = lower_placed(scheduled(kernel, decisions), {f"staged_{part.name}": 0 for part in parts})
    tiles = {(tile_of(part, decisions), part.channels) for part in parts}
    stages = {(p.channels, p.span.before, p.span.columns, p.span.after) for p in parts}
    functions = [
        kernel.common_source(max(channels for _, channels in tiles), sorted({pixels for pixels, _ in tiles})),
        *(kernel.source(*tile) for tile in sorted(tiles)),
        *(kernel.stage_source(*stage) for stage in sorted(stages)),
    ]
    return LoweredProgram("\n".join([*functions, program.source]), program.workspace_bytes)


def _emit(view: NodeView, out: FunctionWriter, run: int, memory: str) -> None:
    operator = cast(Conv2d, view.operator)
    weight = view.constants["weight"]
    kernel = ChannelKernel(_sum(view, run))
    s = kernel.sum
    program = lowered(kernel, best_decisions(kernel, view))
    out.modules.add(MODULE)
    function = f"{out.symbol}_tvm"
    out.sources.append(program.source.replace(PLACEHOLDER, function))
    out.window(
        1,
        s.rows,
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=operator.dilation[0],
        extent=view.inputs[0].lines,
    )
    line, step = "lines[{}]", str(s.channels)
    if _padded(view):
        padding = out.constant("padding", np.full(s.channels, s.zero_point, np.int8))
        line = f"lines[{{0}}] != NULL ? lines[{{0}}] : {padding}"
        step = f"lines[{{0}}] != NULL ? {s.channels} : 0"
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    constants = [
        ("int8_t", out.constant("weight", kernel.packed(weight[..., 0]))),
        ("int32_t", out.constant("bias", bias)),
        ("float", out.constant("multiplier", view.constants["multiplier"])),
    ]
    # the generated functions know no const
    arguments = [f"(int8_t *)(uintptr_t)({line.format(row)})" for row in range(s.rows)]
    arguments += [step.format(row) for row in range(s.rows)]
    arguments += [f"({ctype} *)(uintptr_t)({symbol})" for ctype, symbol in constants]
    arguments += [out.output(), memory]
    out.write(f"{function}(", *(f"    {argument}," for argument in arguments[:-1]), f"    {arguments[-1]});")


def _padded(view: NodeView) -> bool:
    """Whether lines may be missing."""
    padding = cast(Conv2d, view.operator).padding
    return bool(padding[0] or padding[2])


def _emit_in_scratch(run: Callable[[NodeView], int]) -> Callable[[NodeView, FunctionWriter], None]:
    return lambda view, out: _emit(view, out, run(view), str(out.scratch))


def _emit_on_stack(view: NodeView, out: FunctionWriter) -> None:
    run = _stack_run(view)
    out.write(f"uint32_t columns[{scratch_bytes(ChannelKernel(_sum(view, run))) // 4}];")
    _emit(view, out, run, "(uint8_t *)columns")


def _cost(view: NodeView, run: int) -> Cost:
    kernel = ChannelKernel(_sum(view, run))
    requantize = requantize_cycles(view.core)
    return Cost(scratch_bytes(kernel), round(line_cycles(kernel, best_decisions(kernel, view), requantize)))


def _flash(view: NodeView) -> int:
    s = _sum(view, 1)
    return s.channels * (s.weights + 4 + 4 + (1 if _padded(view) else 0))


def _code(run: Callable[[NodeView], int]) -> Callable[[NodeView], int]:
    def code(view: NodeView) -> int:
        kernel = ChannelKernel(_sum(view, run(view)))
        return code_bytes(kernel, best_decisions(kernel, view))

    return code


def _programs(run: Callable[[NodeView], int]) -> Callable[[NodeView], dict[str, tuple[Decisions, ...]]]:
    def programs(view: NodeView) -> dict[str, tuple[Decisions, ...]]:
        kernel = ChannelKernel(_sum(view, run(view)))
        return {program_key(kernel): ranked_decisions(kernel, requantize_cycles(view.core))}

    return programs


def _variant(name: str, run: Callable[[NodeView], int]) -> Variant:
    return Variant(
        f"depthwise tiles dsp, {name}",
        lambda view: suits(view) and run(view) > 0,
        lambda view: _cost(view, run(view)),
        _emit_in_scratch(run),
        _flash,
        _code(run),
        _programs(run),
    )


VARIANTS = (
    _variant("most pixels staged", _longest_run),
    _variant(f"{SOME_PIXELS} pixels staged", _some_pixels),
    Variant(
        "depthwise tiles dsp, on the stack",
        lambda view: suits(view) and _stack_run(view) > 0,
        lambda view: Cost(0, _cost(view, _stack_run(view)).cycles_per_step + 1),
        _emit_on_stack,
        _flash,
        _code(_stack_run),
        _programs(_stack_run),
    ),
)
