"""Decisions on a weighted sum, as TVM schedules: tiles, their order, and the micro-kernels that compute them.

A tile is computed by a *tensor intrinsic*: its description is the program of ``sum.py`` for that many pixels
and channels, reduction and requantisation included, so that TVM proves that it computes the same; its implementation
calls a C micro-kernel (``kernels.py``), whose sums never leave the registers.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Any

from tinyseg_tvm.codegen.programs.intrinsics import registered
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.sum import (
    CHANNELS,
    Copy,
    Part,
    Span,
    WeightedSum,
    build_copy,
    build_sum,
    program,
    staged_copies,
)


@dataclass(frozen=True)
class Decisions:
    """What a schedule decides.

    Attributes:
        pixels, channels: of a tile; spans whose pixels it does not divide take fewer, and channels that remain beyond a
            multiple of four are one tile of their own.
        channels_outside: whether the loop over channels is the outer one (weights stay near) or that over pixels.
    """

    pixels: int
    channels: int
    channels_outside: bool


def decision_space(kernel: MicroKernel) -> tuple[Decisions, ...]:
    """Every decision that makes a difference."""
    s = kernel.sum
    parts = [part for part in s.all_parts if part.channels % CHANNELS == 0]
    tiles = dict.fromkeys(tile for part in parts or s.all_parts for tile in kernel.tiles(part))
    orders = (False,) if any(span.groups > 1 for span in s.spans) else (True, False)
    return tuple(Decisions(pixels, channels, outside) for pixels, channels in tiles for outside in orders)


def tile_of(kernel: MicroKernel, part: Part, decisions: Decisions) -> tuple[int, int]:
    """Pixels and channels of a part's tiles."""
    tiles = kernel.tiles(part)
    if part.channels % CHANNELS == 0:
        tiles = tuple((p, o) for p, o in tiles if o == decisions.channels)
    return max((p, o) for p, o in tiles if p <= decisions.pixels)


def scheduled(kernel: MicroKernel, decisions: Decisions) -> Any:
    """The program as scheduled by ``decisions``, a ``tvm.tirx.PrimFunc`` that calls the micro-kernel's functions."""
    import tvm
    from tvm.s_tir import Schedule

    schedule = Schedule(tvm.IRModule({"main": program(kernel.sum)}))
    apply(schedule, kernel, decisions)
    return schedule.mod["main"]


def apply(schedule: Any, kernel: MicroKernel, decisions: Decisions) -> None:
    """Takes the decisions on a ``tvm.s_tir.Schedule`` of the kernel's program."""
    s = kernel.sum
    for part in s.all_parts:
        pixels, channels = tile_of(kernel, part, decisions)
        *_, x, o = schedule.get_loops(schedule.get_sblock(part.name))
        outer_x, inner_x = schedule.split(x, [None, pixels])
        outer_o, inner_o = schedule.split(o, [None, channels])
        outer = [outer_o, outer_x] if decisions.channels_outside else [outer_x, outer_o]
        schedule.reorder(*outer, inner_x, inner_o)
        schedule.tensorize(inner_x, _tile_intrinsic(kernel, pixels, channels))
    for name, (_, copy) in staged_copies(s).items():
        loop = schedule.get_loops(schedule.get_sblock(f"copy_{name}"))[-1]
        schedule.tensorize(loop, _copy_intrinsic(s, copy))


def _tile_intrinsic(kernel: MicroKernel, pixels: int, channels: int) -> str:
    """Registers the intrinsic of a tile; its name."""
    from tvm.script.ir_builder import tirx

    s = kernel.sum
    weights = s.weights_per_channel
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        **{f"line_{i}": ((s.window_values(i, pixels),), s.dtype) for i in range(len(s.lines))},
        "weight": ((channels, weights), "int8"),
        "bias": ((channels,), "int32"),
        "multiplier": ((channels,), "float32"),
        "sums": ((pixels, channels), "int32"),
        "out": ((pixels, channels), "int8"),
    }

    def describe(buffers: dict[str, Any]) -> None:
        lines = [buffers[f"line_{i}"] for i in range(len(s.lines))]
        build_sum(s, Part(Span(0, pixels, pixels), 0, channels), lines, buffers, None)

    def implement(buffers: dict[str, Any]) -> None:
        origins = {"weight": (0, 0), "out": (0, 0)}
        addresses = [tirx.address_of(b[origins.get(n, (0,))]) for n, b in buffers.items() if n != "sums"]
        tirx.evaluate(tirx.call_extern("void", kernel.function(pixels, channels), *addresses))

    name = f"tinyseg.{kernel.name}.{pixels}x{channels}.{_digest(s)}"
    return registered(name, shapes, ("sums", "out"), describe, implement)


def _copy_intrinsic(s: WeightedSum, copy: Copy) -> str:
    """Registers the intrinsic that stages values; its name."""
    from tvm.script.ir_builder import tirx

    here = Copy(0, 0, copy.before, copy.values, copy.after)
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "source": ((here.values,), "int8"),
        "target": ((here.total,), s.dtype),
    }

    def describe(buffers: dict[str, Any]) -> None:
        build_copy(s, here, "copy", buffers["source"], buffers["target"], None)

    def implement(buffers: dict[str, Any]) -> None:
        pointers = tirx.address_of(buffers["target"][0]), tirx.address_of(buffers["source"][0])
        sizes = here.before, here.values, here.after, s.zero_point
        tirx.evaluate(tirx.call_extern("void", f"tinyseg_stage_{s.dtype}", *pointers, *sizes))

    name = f"tinyseg.stage.{s.dtype}.{here.before}.{here.values}.{here.after}.{s.zero_point}"
    return registered(name, shapes, ("target",), describe, implement)


def _digest(s: WeightedSum) -> str:
    return hashlib.sha256(repr(astuple(s)).encode()).hexdigest()[:16]
