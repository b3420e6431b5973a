"""Decisions on a depthwise convolution, as TVM schedules: the pixels of a tile, and the order of the loops.

A tile is a run's pixels, or a part of them, in a block of channels. As in ``windows/schedule.py`` it is a tensor
intrinsic that TVM proves to compute the same as the part of the program that it replaces, reduction and requantisation
included; so is the staging of columns.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Any

from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part, Span, build_stage, build_sum, program
from tinyseg_tvm.codegen.programs.intrinsics import registered


@dataclass(frozen=True)
class Decisions:
    """What a schedule decides.

    Attributes:
        pixels: of a tile, which divides a run; runs that it does not divide are one tile.
        channels_outside: whether the loop over blocks of channels is the outer one (weights stay near) or that over
            runs.
    """

    pixels: int
    channels_outside: bool


def decision_space(kernel: ChannelKernel) -> tuple[Decisions, ...]:
    """Every decision that makes a difference."""
    s = kernel.sum
    run = max(span.pixels for span in s.spans)
    tiles = [run, *(n for n in range(run - 1, 0, -1) if run % n == 0 and n % kernel.together == 0)]
    several = any(span.groups > 1 for span in s.spans) and s.channels >= 2 * s.block
    return tuple(Decisions(pixels, outside) for pixels in tiles for outside in ((False, True) if several else (False,)))


def tile_of(part: Part, decisions: Decisions) -> int:
    """Pixels of a part's tiles."""
    pixels = part.span.pixels
    return decisions.pixels if pixels % decisions.pixels == 0 else pixels


def tiles_of(kernel: ChannelKernel, decisions: Decisions) -> list[tuple[Part, int]]:
    """Every part, and the pixels of its tiles."""
    return [(part, tile_of(part, decisions)) for part in kernel.sum.all_parts]


def scheduled(kernel: ChannelKernel, decisions: Decisions) -> Any:
    """The program as scheduled by ``decisions``, a ``tvm.tirx.PrimFunc`` that calls the micro-kernel's functions."""
    import tvm
    from tvm.s_tir import Schedule

    schedule = Schedule(tvm.IRModule({"main": program(kernel.sum)}))
    apply(schedule, kernel, decisions)
    return schedule.mod["main"]


def apply(schedule: Any, kernel: ChannelKernel, decisions: Decisions) -> None:
    """Takes the decisions on a ``tvm.s_tir.Schedule`` of the kernel's program."""
    for part, pixels in tiles_of(kernel, decisions):
        span = part.span
        block = schedule.get_sblock(f"sum_{part.name}")
        if decisions.channels_outside and span.groups > 1 and part.blocks > 1:
            group, channels, *_ = schedule.get_loops(block)
            schedule.reorder(channels, group)
        *_, x, _ = schedule.get_loops(block)
        _, x = schedule.split(x, [None, pixels])
        schedule.tensorize(x, _tile_intrinsic(kernel, part, pixels))
        if kernel.sum.staged:
            stage = schedule.get_sblock(f"stage_{part.name}")
            schedule.tensorize(schedule.get_loops(stage)[-1], _stage_intrinsic(kernel, part))


def _tile_intrinsic(kernel: ChannelKernel, of: Part, pixels: int) -> str:
    """Registers the intrinsic of a part's tile; its name."""
    from tvm.script.ir_builder import tirx

    s, channels = kernel.sum, of.channels
    part = Part(Span(0, pixels, 1, 0, 0, s.columns(pixels), 0), 0, channels, 1)
    values: dict[str, tuple[tuple[int, ...], str]] = {}
    lines: list[str] = []
    steps = {}
    if s.staged:
        values["columns"] = (s.staged_shape(s.columns(pixels), channels), s.dtype)
        steps["columns"] = s.staged_shape(of.span.total, channels)[1]
    else:
        span = of.span
        part = Part(Span(0, pixels, 1, 0, span.before, span.columns, span.after), 0, channels, 1)
        reach = (pixels - 1) * s.stride + (span.columns - 1) * s.dilation + 1
        lines = [f"line_{row}" for row in range(s.rows)] if span.columns else []
        values = dict.fromkeys(lines, ((reach, channels), "int8"))
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        **values,
        "weight": ((channels, s.weights), "int8"),
        "bias": ((channels,), "int32"),
        "multiplier": ((channels,), "float32"),
        "sums": ((pixels, channels), "int32"),
        "out": ((pixels, channels), "int8"),
    }

    def describe(buffers: dict[str, Any]) -> None:
        build_sum(s, part, buffers["columns"] if s.staged else [buffers[n] for n in lines], buffers, None, None)

    def implement(buffers: dict[str, Any]) -> None:
        arguments = []
        for name, buffer in buffers.items():
            if name != "sums":
                arguments.append(tirx.address_of(buffer[(0,) * len(shapes[name][0])]))
                arguments += [buffer.strides[0]] if name in lines else []
        tirx.evaluate(tirx.call_extern("void", kernel.function(of, pixels), *arguments))

    inside = () if s.staged else (of.span.before, of.span.columns)
    name = f"tinyseg.channels.{pixels}x{channels}.{_digest(s, *steps.values(), *inside)}"
    return registered(name, shapes, ("sums", "out"), describe, implement, apart=("sums", "out", *lines), steps=steps)


def _stage_intrinsic(kernel: ChannelKernel, part: Part) -> str:
    """Registers the intrinsic that stages columns; its name."""
    from tvm.script.ir_builder import tirx

    s, span = kernel.sum, part.span
    here = Span(0, span.pixels, 1, 0, span.before, span.columns, span.after)
    lines = [f"line_{row}" for row in range(s.rows)] if span.columns else []
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        **dict.fromkeys(lines, ((span.columns, part.channels), "int8")),
        "target": (s.staged_shape(span.total, part.channels), s.dtype),
    }

    def describe(buffers: dict[str, Any]) -> None:
        rows = [buffers[n] for n in lines]
        build_stage(s, Part(here, 0, part.channels, 1), rows, buffers["target"], None, None)

    def implement(buffers: dict[str, Any]) -> None:
        rows = [x for n in lines for x in (tirx.address_of(buffers[n][0, 0]), buffers[n].strides[0])]
        name = kernel.stage_function(part)
        tirx.evaluate(tirx.call_extern("void", name, tirx.address_of(buffers["target"][0, 0]), *rows))

    name = f"tinyseg.columns.{part.channels}.{span.before}.{span.columns}.{span.after}.{_digest(s)}"
    return registered(name, shapes, ("target",), describe, implement, apart=lines)


def _digest(s: ChannelSum, *more: int) -> str:
    return hashlib.sha256(repr((type(s).__name__, *astuple(s), *more)).encode()).hexdigest()[:16]
