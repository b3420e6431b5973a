"""Depthwise convolutions as tiled programs: the pixels of a tile, and the order of the loops.

A tile is a run's pixels, or a part of them, in a block of channels. Columns are staged by intrinsics, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.codegen.programs.channels.blocks import build_stage, build_sum, prim_func
from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.sum import Part, Span
from tinyseg_tvm.codegen.programs.intrinsics import CFunction, digest, registered, result_shapes
from tinyseg_tvm.codegen.programs.tiled import TiledProgram


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


@dataclass(frozen=True)
class ChannelProgram(TiledProgram[Decisions]):
    """A sum of channels with its micro-kernels.

    The weights that it packs are those of each row.
    """

    kernel: ChannelKernel
    staged = "columns"

    def prim_func(self) -> Any:
        """What is computed."""
        return prim_func(self.kernel.sum)

    @property
    def space(self) -> tuple[Decisions, ...]:
        """All tiles that divide runs, in both orders where they differ."""
        s = self.kernel.sum
        run = max(span.pixels for span in s.spans)
        tiles = [run, *(n for n in range(run - 1, 0, -1) if run % n == 0 and n % self.kernel.together == 0)]
        orders = (False, True) if any(span.groups > 1 for span in s.spans) and s.channels >= 2 * s.block else (False,)
        return tuple(Decisions(pixels, outside) for pixels in tiles for outside in orders)

    def tiles(self, decisions: Decisions) -> list[tuple[Part, int]]:
        """Every part, and the pixels of its tiles."""
        return [
            (part, decisions.pixels if part.span.pixels % decisions.pixels == 0 else part.span.pixels)
            for part in self.kernel.sum.all_parts
        ]

    def apply(self, schedule: Any, decisions: Decisions) -> None:
        """Splits the runs of each part, and tensorizes tiles and the staging of columns."""
        for part, pixels in self.tiles(decisions):
            span = part.span
            block = schedule.get_sblock(f"sum_{part.name}")
            if decisions.channels_outside and span.groups > 1 and part.blocks > 1:
                group, channels, *_ = schedule.get_loops(block)
                schedule.reorder(channels, group)
            *_, x, _ = schedule.get_loops(block)
            _, x = schedule.split(x, [None, pixels])
            schedule.tensorize(x, _tile_intrinsic(self.kernel, part, pixels))
            if self.kernel.sum.staged:
                stage = schedule.get_sblock(f"stage_{part.name}")
                schedule.tensorize(schedule.get_loops(stage)[-1], _stage_intrinsic(self.kernel, part))

    def functions(self, decisions: Decisions) -> list[str]:
        """What tiles call, then those of tiles and of staging by their names."""
        kernel, tiles = self.kernel, self.tiles(decisions)
        named = {kernel.function(part, pixels): kernel.source(part, pixels) for part, pixels in tiles}
        if kernel.sum.staged:
            named |= {kernel.stage_function(part): kernel.stage_source(part) for part, _ in tiles}
        return [kernel.common_source(tiles), *(named[name] for name in sorted(named))]

    def cycles_of_parts(self, decisions: Decisions, requantize: int) -> Iterator[float]:
        """Of the tiles of each part and of what is staged for them; weights that do not stay near take one more."""
        for part, pixels in self.tiles(decisions):
            tiles = part.span.pixels // pixels * self.kernel.tile_cycles(part, pixels, requantize)
            yield part.span.groups * part.blocks * (tiles + self.kernel.staging_cycles(part))
        yield 0.0 if decisions.channels_outside else 1.0

    def code_bytes(self, decisions: Decisions) -> int:
        """Of the functions of tiles and of staging."""
        return self.kernel.code_bytes(self.tiles(decisions))

    @property
    def offsets(self) -> Mapping[str, int]:
        """The columns of each part lie in the same place."""
        s = self.kernel.sum
        return {f"staged_{part.name}": 0 for part in s.all_parts} if s.staged else {}

    @property
    def workspace_bytes(self) -> int:
        """Of the columns of the longest run."""
        return self.kernel.staged_bytes(max(span.total for span in self.kernel.sum.spans))

    @property
    def lines(self) -> int:
        """One for each row."""
        return self.kernel.sum.rows

    @property
    def steps(self) -> Sequence[int]:
        """From column to column, all channels."""
        return [self.kernel.sum.channels] * self.lines

    @property
    def padding(self) -> int:
        """As the micro-kernels take it."""
        return self.kernel.padding

    def packed(self, weights: Sequence[np.ndarray], _decisions: Decisions, /) -> np.ndarray:
        """The same for all tiles, and zeros behind them."""
        packed = self.kernel.packed(np.stack(weights, axis=1))
        return np.concatenate([packed.reshape(-1), np.zeros(self.kernel.zeros, np.int8)])

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """As the micro-kernels take them."""
        return self.kernel.arranged(values)

    @property
    def weight_bytes(self) -> int:
        """Those of all channels, and what is behind them."""
        return self.kernel.weight_bytes


def _tile_intrinsic(kernel: ChannelKernel, of: Part, pixels: int) -> str:
    """Registers the intrinsic of a part's tile; its name."""
    s, channels, span = kernel.sum, of.channels, of.span
    names: list[str] = []
    steps = {}
    if s.staged:
        here = Span(0, pixels, 1, 0, 0, s.columns(pixels), 0)
        shapes = {"columns": (s.staged_shape(s.columns(pixels), channels), s.dtype)}
        steps["columns"] = s.staged_shape(span.total, channels)[1]
        inside: tuple[int, ...] = ()
    else:
        here = Span(0, pixels, 1, 0, span.before, span.columns, span.after)
        names = _lines(kernel, span)
        reach = (pixels - 1) * s.stride + (span.columns - 1) * s.dilation + 1
        shapes = dict.fromkeys(names, ((reach, channels), "int8"))
        inside = span.before, span.columns
    buffers_of = {**shapes, **result_shapes(pixels, channels, s.weights, s.multiplier)}

    def describe(buffers: dict[str, Any]) -> None:
        values = buffers["columns"] if s.staged else [buffers[name] for name in names]
        build_sum(s, Part(here, 0, channels, 1), values, buffers, None, None)

    return registered(
        f"tinyseg.channels.{pixels}x{channels}.{digest(s, *steps.values(), *inside)}",
        buffers_of,
        ("sums", "out"),
        describe,
        CFunction(kernel.function(of, pixels), [name for name in buffers_of if name != "sums"], names),
        apart=("sums", "out", *names),
        steps=steps,
    )


def _stage_intrinsic(kernel: ChannelKernel, part: Part) -> str:
    """Registers the intrinsic that stages columns; its name."""
    s, span = kernel.sum, part.span
    here = Span(0, span.pixels, 1, 0, span.before, span.columns, span.after)
    names = _lines(kernel, span)

    def describe(buffers: dict[str, Any]) -> None:
        build_stage(
            s, Part(here, 0, part.channels, 1), [buffers[name] for name in names], buffers["target"], None, None
        )

    return registered(
        f"tinyseg.columns.{part.channels}.{span.before}.{span.columns}.{span.after}.{digest(s)}",
        {
            **dict.fromkeys(names, ((span.columns, part.channels), "int8")),
            "target": (s.staged_shape(span.total, part.channels), s.dtype),
        },
        ("target",),
        describe,
        CFunction(kernel.stage_function(part), ("target", *names), names),
        apart=names,
    )


def _lines(kernel: ChannelKernel, span: Span) -> list[str]:
    """Names of the lines that a run's values are taken from; none of those that lie in the padding altogether."""
    return [f"line_{row}" for row in range(kernel.sum.rows)] if span.columns else []
