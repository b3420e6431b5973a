"""Depthwise convolutions as scheduled TVM programs (codegen/programs/channel_sum.py).

Staging the columns of many pixels at a time costs less than those of few, and takes more memory; that of a few is also
offered on the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import of_onnx, output_numbers, requantize_cycles, sum_bias
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_window,
    declare_lines,
    is_depthwise,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.programs.channels.channel_costs import code_bytes, line_cycles
from tinyseg_tvm.codegen.programs.channels.channel_kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.channel_schedule import Decisions, decision_space, scheduled, tiles_of
from tinyseg_tvm.codegen.programs.channels.channel_sum import ChannelSum
from tinyseg_tvm.codegen.programs.channels.dsp_channel_kernels import DspChannelKernel
from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum
from tinyseg_tvm.codegen.programs.channels.mve_channel_kernels import MveChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_columns import MveSum
from tinyseg_tvm.codegen.programs.channels.v7m_channel_kernels import DirectSum, V7mChannelKernel
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER, LoweredProgram, lower_placed
from tinyseg_tvm.codegen.tuning_records import program_key
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d

SOME_PIXELS = 16  # of runs that are neither as long as they may be nor as short


@dataclass(frozen=True)
class Family:
    """Micro-kernels for some cores.

    Attributes:
        kernel: the micro-kernels.
        sum: how they take columns.
        runs_on: whether a core has what they need.
        scratch: bytes of staged columns, at the most where a run can be shorter.
        stack: bytes that a kernel takes of the stack in place of scratch, at the most.
    """

    kernel: type[ChannelKernel]
    sum: type[ChannelSum]
    runs_on: Callable[[Core], bool]
    scratch: int
    stack: int

    def of(self, view: NodeView[Conv2d], run: int) -> ChannelKernel:
        """The micro-kernels of a node, with runs of so many pixels."""
        arithmetic = view.operator.arithmetic
        weight = view.constants["weight"]
        columns, window = convolution_columns(view), convolution_window(view)
        channel_sum = self.sum(
            window.rows,
            window.taps,
            columns.stride,
            window.dilation,
            columns.width,
            columns.before,
            columns.outputs,
            weight.shape[0],
            arithmetic.operand_zero,
            output_numbers(arithmetic),
            run,
        )
        return self.kernel.of(channel_sum, weight[..., 0], sum_bias(view), view.constants["multiplier"])

    def suits(self, view: NodeView[Conv2d]) -> bool:
        """Whether the micro-kernels compute a convolution on this core."""
        if not (self.runs_on(view.core) and of_onnx(view)):
            return False
        if not is_depthwise(view) or view.constants["weight"].dtype != np.int8:
            return False
        return self.of(view, 1).suits

    def longest_run(self, view: NodeView[Conv2d]) -> int:
        """Pixels of a run within the limit: the line's, or equal parts of it."""
        kernel = self.of(view, 1)
        s, together = kernel.sum, kernel.together
        most = together
        while kernel.staged_bytes(s.columns(most + together)) <= self.scratch:
            most += together
        if kernel.staged_bytes(s.columns(s.pixels)) <= self.scratch or most >= s.pixels:
            return s.pixels
        runs = -(-s.pixels // most)
        return -(-s.pixels // (runs * together)) * together

    def some_pixels(self, view: NodeView[Conv2d]) -> int:
        """Fewer pixels; 0: there are no more than these."""
        return SOME_PIXELS if self.longest_run(view) > SOME_PIXELS else 0

    def stack_run(self, view: NodeView[Conv2d]) -> int:
        """Pixels whose columns, and a channel's weights, the stack has room for; 0: not even one."""
        kernel = self.of(view, 1)
        s = kernel.sum
        fitting = (n for n in (8, 4, 2, 1) if kernel.staged_bytes(s.columns(n)) + kernel.stack_bytes <= self.stack)
        return min(next(fitting, 0), s.pixels, kernel.together)

    def direct_run(self, view: NodeView[Conv2d]) -> int:
        """Pixels of a run of fewest estimated cycles, where columns are not staged."""
        requantize = requantize_cycles(view.core)
        shortest = self.of(view, 1)

        def cycles(run: int) -> float:
            kernel = replace(shortest, sum=replace(shortest.sum, run=run))
            return line_cycles(kernel, ranked_decisions(kernel, requantize)[0], requantize)

        return min(shortest.runs, key=cycles)


FAMILIES = (
    Family(DspChannelKernel, DspSum, lambda core: core.has_dsp and not core.has_mve, 1600, 384),
    Family(MveChannelKernel, MveSum, lambda core: core.has_mve, 2048, 256),
    Family(V7mChannelKernel, DirectSum, lambda core: core.has_wide_multiply and not core.has_dsp, 0, 0),
)


def scratch_bytes(kernel: ChannelKernel) -> int:
    """Of the staged columns."""
    return kernel.staged_bytes(max(span.total for span in kernel.sum.spans))


def best_decisions(kernel: ChannelKernel, view: NodeView[Conv2d]) -> Decisions:
    """Those that the tuner recorded; else those of fewest estimated cycles."""
    ranked = ranked_decisions(kernel, requantize_cycles(view.core))
    return view.core.records.choice(kernel, ranked)


@cache
def ranked_decisions(kernel: ChannelKernel, requantize: int) -> tuple[Decisions, ...]:
    """All, those of fewest estimated cycles first."""
    return tuple(sorted(decision_space(kernel), key=lambda decisions: line_cycles(kernel, decisions, requantize)))


@cache
def lowered(kernel: ChannelKernel, decisions: Decisions) -> LoweredProgram:
    """The program's C, after that of the micro-kernels."""
    tiles = tiles_of(kernel, decisions)
    staged = {f"staged_{part.name}": 0 for part, _ in tiles} if kernel.sum.staged else {}
    program = lower_placed(scheduled(kernel, decisions), staged)
    functions = {kernel.function(part, pixels): kernel.source(part, pixels) for part, pixels in tiles}
    if kernel.sum.staged:
        functions |= {kernel.stage_function(part): kernel.stage_source(part) for part, _ in tiles}
    source = "\n".join([kernel.common_source(tiles), *(functions[name] for name in sorted(functions)), program.source])
    return LoweredProgram(source, program.workspace_bytes)


def _emit(view: NodeView[Conv2d], out: FunctionWriter, kernel: ChannelKernel, memory: str | None) -> None:
    weight = view.constants["weight"]
    s = kernel.sum
    program = lowered(kernel, best_decisions(kernel, view))
    out.modules.add(kernel.module)
    function = f"{out.symbol}_tvm"
    out.sources.append(program.source.replace(PLACEHOLDER, function))
    declare_lines(view, out)
    line, step = "lines[{}]", str(s.channels)
    if _padded(view):
        padding = out.constant("padding", np.full(kernel.padding, s.zero_point, np.int8))
        line = f"lines[{{0}}] != NULL ? lines[{{0}}] : {padding}"
        step = f"lines[{{0}}] != NULL ? {s.channels} : 0"
    packed = np.concatenate([kernel.packed(weight[..., 0]).reshape(-1), np.zeros(kernel.zeros, np.int8)])
    constants = [
        ("int8_t", out.constant("weight", packed)),
        ("int32_t", out.constant("bias", sum_bias(view))),
        ("float", out.constant("multiplier", view.constants["multiplier"])),
    ]
    # the generated functions know no const
    arguments = [f"(int8_t *)(uintptr_t)({line.format(row)})" for row in range(s.rows)]
    arguments += [step.format(row) for row in range(s.rows)]
    arguments += [f"({ctype} *)(uintptr_t)({symbol})" for ctype, symbol in constants]
    arguments += [out.output(), *([memory] if memory else [])]
    out.write(f"{function}(", *(f"    {argument}," for argument in arguments[:-1]), f"    {arguments[-1]});")


def _padded(view: NodeView[Conv2d]) -> bool:
    """Whether lines may be missing."""
    padding = view.operator.padding
    return bool(padding[0] or padding[2])


def _flash(view: NodeView[Conv2d], kernel: ChannelKernel) -> int:
    s = kernel.sum
    return s.channels * (s.weights + 4 + 4) + kernel.zeros + (kernel.padding if _padded(view) else 0)


def _variant(
    name: str, family: Family, run: Callable[[NodeView[Conv2d]], int], *, on_stack: bool = False
) -> Variant[Conv2d]:
    def kernel_of(view: NodeView[Conv2d]) -> ChannelKernel:
        return family.of(view, run(view))

    def cost(view: NodeView[Conv2d]) -> Cost:
        kernel = kernel_of(view)
        cycles = round(line_cycles(kernel, best_decisions(kernel, view), requantize_cycles(view.core)))
        # with scratch memory to spare, the stack is left alone
        return Cost(0, cycles + 1) if on_stack else Cost(scratch_bytes(kernel), cycles)

    def emit(view: NodeView[Conv2d], out: FunctionWriter) -> None:
        kernel = kernel_of(view)
        if on_stack:
            out.write(f"uint32_t columns[{-(-scratch_bytes(kernel) // 4)}];")
        memory = "(uint8_t *)columns" if on_stack else str(out.scratch)
        _emit(view, out, kernel, memory if kernel.sum.staged else None)

    def code(view: NodeView[Conv2d]) -> int:
        kernel = kernel_of(view)
        return code_bytes(kernel, best_decisions(kernel, view))

    def programs(view: NodeView[Conv2d]) -> dict[str, tuple[Decisions, ...]]:
        kernel = kernel_of(view)
        return {program_key(kernel): ranked_decisions(kernel, requantize_cycles(view.core))}

    return Variant(
        f"depthwise tiles {family.kernel.name}, {name}",
        lambda view: family.suits(view) and run(view) > 0,
        cost,
        emit,
        lambda view: _flash(view, kernel_of(view)),
        code,
        programs,
    )


def _variants(family: Family) -> Iterator[Variant[Conv2d]]:
    if not family.sum.staged:
        yield _variant("as it lies", family, family.direct_run)
        return
    yield _variant("most pixels staged", family, family.longest_run)
    yield _variant(f"{SOME_PIXELS} pixels staged", family, family.some_pixels)
    yield _variant("on the stack", family, family.stack_run, on_stack=True)


VARIANTS = tuple(variant for family in FAMILIES for variant in _variants(family))
