"""Variants of convolutions that are scheduled TVM programs (codegen/programs): what they cost, and their C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum as WeightedSumOperator
from tinyseg_tvm.codegen.operators.arithmetic import of_onnx, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.scheduled_convolution import FAMILIES, Call, Family, kernel_of, suits
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER, WORKSPACE_ALIGNMENT, LoweredProgram, lower_placed
from tinyseg_tvm.codegen.programs.windows.micro_kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.schedule import Decisions, decision_space, scheduled, tile_of
from tinyseg_tvm.codegen.programs.windows.weighted_sum import WeightedSum, staged_copies
from tinyseg_tvm.codegen.tuning_records import program_key
from tinyseg_tvm.network.cost import Cost

MOST_STACK = 320  # bytes of staged values that may lie there instead of in scratch memory: promises count 1,024 for all
REQUANTIZE_CYCLES = 16  # with an FPU, as the micro-kernels' estimates take for granted

Summing = TypeVar("Summing", bound=WeightedSumOperator)


@dataclass(frozen=True)
class Scheduled:
    """A call with its micro-kernels and what was decided on them."""

    call: Call
    kernel: MicroKernel
    decisions: Decisions


def best_decisions(kernel: MicroKernel, view: NodeView[WeightedSumOperator]) -> Decisions:
    """Those that the tuner recorded; else those of fewest estimated cycles."""
    ranked = ranked_decisions(kernel, requantize_cycles(view.core))
    return view.core.records.choice(kernel, ranked)


@cache
def ranked_decisions(kernel: MicroKernel, requantize: int) -> tuple[Decisions, ...]:
    """All, those of fewest estimated cycles first."""
    return tuple(sorted(decision_space(kernel), key=lambda decisions: cycles(kernel, decisions, requantize)))


@cache
def cycles(kernel: MicroKernel, decisions: Decisions, requantize: int) -> float:
    """Estimated cycles of an output line, with so many for each requantisation."""
    s = kernel.sum
    slower = requantize - REQUANTIZE_CYCLES
    total: float = 100.0
    for part in s.all_parts:
        pixels, channels = tile_of(kernel, part, decisions)
        tiles = (part.span.pixels // pixels) * (part.channels // channels)
        total += tiles * (kernel.cycles(pixels, channels) + slower * pixels * channels)
    for _, copy in staged_copies(s).values():
        total += copy.count * (kernel.cycles_per_staged_value * copy.total + 50)
    return total


def placements(s: WeightedSum) -> tuple[dict[str, int], int]:
    """Offset of each staged buffer in the scratch memory, where those of a span follow each other; their bytes."""
    size = np.dtype(s.dtype).itemsize
    offsets: dict[str, int] = {}
    most = 0
    for span in s.spans:
        end = 0
        for name, (_, copy) in s.copies(span).items():
            offsets[name] = end
            end += -(-size * copy.total // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT
        most = max(most, end)
    # the last pair of an odd segment reaches one value beyond
    return offsets, most + WORKSPACE_ALIGNMENT if most else 0


@cache
def lowered(kernel: MicroKernel, decisions: Decisions) -> LoweredProgram:
    """The program's C, after that of the micro-kernels."""
    program = lower_placed(scheduled(kernel, decisions), placements(kernel.sum)[0])
    tiles = dict.fromkeys(tile_of(kernel, part, decisions) for part in kernel.sum.all_parts)
    functions = "\n".join(kernel.source(*tile) for tile in tiles)
    return LoweredProgram(f"{functions}\n{program.source}", program.workspace_bytes)


def packed_weight(kernel: MicroKernel, weights: Sequence[np.ndarray], decisions: Decisions) -> np.ndarray:
    """Weights as the tiles take them, int8.

    Args:
        kernel: the micro-kernels.
        weights: (O, values) of each segment.
        decisions: which say how many channels a tile has.
    """
    blocks = []
    for part in kernel.sum.parts(kernel.sum.spans[0]):
        _, channels = tile_of(kernel, part, decisions)
        for first in range(part.first_channel, part.first_channel + part.channels, channels):
            blocks.append(kernel.packed([weight[first : first + channels] for weight in weights], channels))
    return np.concatenate(blocks)


def emit(
    scheduled_calls: Sequence[Scheduled], lines: Callable[[FunctionWriter], None], family: Family, out: FunctionWriter
) -> None:
    """Writes the calls, and gives the C of the functions that they need.

    Args:
        scheduled_calls: the calls.
        lines: writes the declaration of ``lines``.
        family: of the micro-kernels.
        out: where to.
    """
    functions: dict[tuple[MicroKernel, Decisions], str] = {}
    most = _staged_bytes(scheduled_calls)
    workspace = out.scratch or "NULL"
    if family.on_stack:
        out.write(f"uint32_t staged[{-(-most // 4)}];")
        workspace = "(uint8_t *)staged"
    lines(out)
    for number, each in enumerate(scheduled_calls):
        suffix = f"_{number}" if len(scheduled_calls) > 1 else ""
        program = lowered(each.kernel, each.decisions)
        function = functions.get((each.kernel, each.decisions))
        if function is None:
            function = functions[each.kernel, each.decisions] = f"{out.symbol}_tvm{suffix}"
            out.modules.add(each.kernel.module)
            out.sources.append(program.source.replace(PLACEHOLDER, function))
        arguments = _arguments(each, suffix, workspace, out)
        if program.workspace_bytes:
            arguments.append(workspace)
        call = each.call.staging.emit(out, suffix, f"(int8_t *){workspace}") if each.call.staging else []
        call += [f"{function}(", *(f"    {argument}," for argument in arguments[:-1]), f"    {arguments[-1]});"]
        if each.call.condition:
            call = [f"if ({each.call.condition}) {{", *(f"    {line}" for line in call), "}"]
        out.write(*call)


def _arguments(each: Scheduled, suffix: str, workspace: str, out: FunctionWriter) -> list[str]:
    """Arguments of a call, in C; stores the constants, under names that end with the suffix."""
    convolution, kernel = each.call.convolution, each.kernel
    line = workspace if each.call.staging else "lines[{}]"
    if convolution.padded:
        longest = max(line.values for line in kernel.sum.lines)
        padding = out.constant("padding", np.full(longest, convolution.zero_point, np.int8))
        line = f"lines[{{0}}] != NULL ? lines[{{0}}] : {padding}"
    several = len(convolution.weights)
    packed = [packed_weight(kernel, convolution.segment_weights(i), each.decisions) for i in range(several)]
    offset = [f" + step % {several}u * {n}u" if several > 1 else "" for n in (packed[0].size, kernel.sum.channels)]
    constants = [
        ("int8_t", out.constant(f"weight{suffix}", np.concatenate(packed)) + offset[0]),
        ("int32_t", out.constant(f"bias{suffix}", np.concatenate(convolution.biases)) + offset[1]),
        ("float", out.constant("multiplier", convolution.multiplier)),
    ]
    # the generated functions know no const
    arguments = [f"(int8_t *)(uintptr_t)({line.format(i)})" for i in range(len(kernel.sum.lines))]
    arguments += [f"({ctype} *)(uintptr_t)({symbol})" for ctype, symbol in constants]
    first = f" + {each.call.first_result}u" if each.call.first_result else ""
    return [*arguments, f"{out.output()}{first}"]


def scheduled_variants(
    name: str,
    calls: Callable[[NodeView[Summing]], Sequence[Call]],
    lines: Callable[[NodeView[Summing], FunctionWriter], None],
) -> tuple[Variant[Summing], ...]:
    """The variants of an operator kind.

    Args:
        name: of the kind, in reports.
        calls: the convolutions that a node is; none if it is not made of such of one group.
        lines: writes the declaration of ``lines``.
    """
    return tuple(_variant(name, family, calls, lines) for family in FAMILIES)


def _variant(
    name: str,
    family: Family,
    calls: Callable[[NodeView[Summing]], Sequence[Call]],
    lines: Callable[[NodeView[Summing], FunctionWriter], None],
) -> Variant[Summing]:
    def schedules(view: NodeView[Summing]) -> list[Scheduled]:
        if not _computes(family, view):
            return []
        found = calls(view)
        if family.columns:
            if not all(call.convolution.staging.is_possible for call in found):
                return []
            found = [
                replace(call, convolution=call.convolution.by_columns, staging=call.convolution.staging)
                for call in found
            ]
        if not all(suits(call.convolution, family) for call in found):
            return []
        kernels = [kernel_of(call.convolution, family) for call in found]
        return [Scheduled(call, k, best_decisions(k, view)) for call, k in zip(found, kernels, strict=True)]

    def supports(view: NodeView[Summing]) -> bool:
        found = schedules(view)
        return bool(found) and (not family.on_stack or 0 < _staged_bytes(found) <= MOST_STACK)

    def costs(view: NodeView[Summing]) -> Cost:
        found = schedules(view)
        requantize = requantize_cycles(view.core)
        total = 0.0
        for each in found:
            staging = each.call.staging.cycles if each.call.staging else 0.0
            total += each.call.share * (staging + cycles(each.kernel, each.decisions, requantize))
        # with scratch memory to spare, the stack is left alone
        return Cost(0, round(total) + 1) if family.on_stack else Cost(_staged_bytes(found), round(total))

    def flash(view: NodeView[Summing]) -> int:
        found = schedules(view)
        total = 4 * found[0].call.convolution.multiplier.size
        for each in found:
            total += len(each.call.convolution.weights) * (each.kernel.weight_bytes + 4 * each.kernel.sum.channels)
            total += each.call.staging.flash_bytes if each.call.staging else 0
        padded = [each.kernel for each in found if each.call.convolution.padded]
        return total + max((line.values for kernel in padded for line in kernel.sum.lines), default=0)

    def code(view: NodeView[Summing]) -> int:
        functions = {(each.kernel, each.decisions) for each in schedules(view)}
        return sum(
            kernel.code_bytes(*tile)
            for kernel, decisions in functions
            for tile in {tile_of(kernel, part, decisions) for part in kernel.sum.all_parts}
        )

    def programs(view: NodeView[Summing]) -> dict[str, tuple[Decisions, ...]]:
        kernels = dict.fromkeys(each.kernel for each in schedules(view))
        requantize = requantize_cycles(view.core)
        return {program_key(kernel): ranked_decisions(kernel, requantize) for kernel in kernels}

    def write(view: NodeView[Summing], out: FunctionWriter) -> None:
        emit(schedules(view), lambda writer: lines(view, writer), family, out)

    return Variant(f"{name} {family.name}", supports, costs, write, flash, code, programs)


def _computes(family: Family, view: NodeView[WeightedSumOperator]) -> bool:
    """Whether the micro-kernels run on the core, and have the arithmetic and the weights."""
    has = family.runs_on(view.core) and of_onnx(view)
    return has and view.constants["weight"].dtype == np.int8


def _staged_bytes(scheduled_calls: Sequence[Scheduled]) -> int:
    most = 0
    for each in scheduled_calls:
        columns = -(-each.call.staging.bytes // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT if each.call.staging else 0
        most = max(most, columns, placements(each.kernel.sum)[1])
    return most
