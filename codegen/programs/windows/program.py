"""Weighted sums as tiled programs: pixels and channels of a tile, the order of the loops, and what is staged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinyseg_tvm.codegen.programs.intrinsics import CFunction, Shapes, digest, registered, result_shapes
from tinyseg_tvm.codegen.programs.long_tail import WORKSPACE_ALIGNMENT
from tinyseg_tvm.codegen.programs.tiled import TiledProgram
from tinyseg_tvm.codegen.programs.windows.blocks import build_copy, build_sum, prim_func
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.sum import CHANNELS, Copy, Part, Span, WeightedSum, staged_copies

REQUANTIZE_CYCLES = 16  # with an FPU, as the micro-kernels' estimates take for granted
STAGE_CYCLES = 50  # of a copy beyond its values


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


@dataclass(frozen=True)
class WindowProgram(TiledProgram[Decisions]):
    """A weighted sum with its micro-kernels.

    The weights that it packs are those of each segment.
    """

    kernel: MicroKernel
    staged = "staged"

    def prim_func(self) -> Any:
        """What is computed."""
        return prim_func(self.kernel.sum)

    @property
    def space(self) -> tuple[Decisions, ...]:
        """All tiles, in both orders where they differ."""
        s = self.kernel.sum
        parts = [part for part in s.all_parts if part.channels % CHANNELS == 0]
        tiles = dict.fromkeys(tile for part in parts or s.all_parts for tile in self.kernel.tiles(part))
        orders = (False,) if any(span.groups > 1 for span in s.spans) else (True, False)
        return tuple(Decisions(pixels, channels, outside) for pixels, channels in tiles for outside in orders)

    def tile_of(self, part: Part, decisions: Decisions) -> tuple[int, int]:
        """Pixels and channels of a part's tiles."""
        tiles = self.kernel.tiles(part)
        if part.channels % CHANNELS == 0:
            tiles = tuple((p, o) for p, o in tiles if o == decisions.channels)
        return max((p, o) for p, o in tiles if p <= decisions.pixels)

    def tiles(self, decisions: Decisions) -> list[tuple[int, int]]:
        """Pixels and channels of tiles, each once."""
        return list(dict.fromkeys(self.tile_of(part, decisions) for part in self.kernel.sum.all_parts))

    def apply(self, schedule: Any, decisions: Decisions) -> None:
        """Splits the loops of each part, and tensorizes tiles and copies."""
        s = self.kernel.sum
        for part in s.all_parts:
            pixels, channels = self.tile_of(part, decisions)
            *_, x, o = schedule.get_loops(schedule.get_sblock(part.name))
            outer_x, inner_x = schedule.split(x, [None, pixels])
            outer_o, inner_o = schedule.split(o, [None, channels])
            outer = [outer_o, outer_x] if decisions.channels_outside else [outer_x, outer_o]
            schedule.reorder(*outer, inner_x, inner_o)
            schedule.tensorize(inner_x, _tile_intrinsic(self.kernel, pixels, channels))
        for name, (_, copy) in staged_copies(s).items():
            loop = schedule.get_loops(schedule.get_sblock(f"copy_{name}"))[-1]
            schedule.tensorize(loop, _copy_intrinsic(s, copy))

    def functions(self, decisions: Decisions) -> list[str]:
        """Those of the tiles; what stages values is the runtime's."""
        return [self.kernel.source(*tile) for tile in self.tiles(decisions)]

    def cycles_of_parts(self, decisions: Decisions, requantize: int) -> Iterator[float]:
        """Of tiles, then of copies."""
        slower = requantize - REQUANTIZE_CYCLES
        for part in self.kernel.sum.all_parts:
            pixels, channels = self.tile_of(part, decisions)
            tiles = (part.span.pixels // pixels) * (part.channels // channels)
            yield tiles * (self.kernel.cycles(pixels, channels) + slower * pixels * channels)
        for _, copy in staged_copies(self.kernel.sum).values():
            yield copy.count * (self.kernel.cycles_per_staged_value * copy.total + STAGE_CYCLES)

    def code_bytes(self, decisions: Decisions) -> int:
        """Of the tiles' functions."""
        return sum(self.kernel.code_bytes(*tile) for tile in self.tiles(decisions))

    @property
    def offsets(self) -> Mapping[str, int]:
        """Those of a span follow each other."""
        return self._placements[0]

    @property
    def workspace_bytes(self) -> int:
        """Of the span that stages the most; the last pair of an odd segment reaches one value beyond."""
        most = self._placements[1]
        return most + WORKSPACE_ALIGNMENT if most else 0

    @cached_property
    def _placements(self) -> tuple[dict[str, int], int]:
        s = self.kernel.sum
        size = np.dtype(s.dtype).itemsize
        offsets: dict[str, int] = {}
        most = 0
        for span in s.spans:
            end = 0
            for name, (_, copy) in s.copies(span).items():
                offsets[name] = end
                end += -(-size * copy.total // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT
            most = max(most, end)
        return offsets, most

    @property
    def lines(self) -> int:
        """Of all pieces of the input."""
        return len(self.kernel.sum.lines)

    @property
    def padding(self) -> int:
        """As many as the longest line has values."""
        return max(line.values for line in self.kernel.sum.lines)

    def packed(self, weights: Sequence[np.ndarray], decisions: Decisions) -> np.ndarray:
        """Tile by tile of channels."""
        blocks = []
        for part in self.kernel.sum.parts(self.kernel.sum.spans[0]):
            _, channels = self.tile_of(part, decisions)
            for first in range(part.first_channel, part.first_channel + part.channels, channels):
                blocks.append(self.kernel.packed([weight[first : first + channels] for weight in weights], channels))
        return np.concatenate(blocks)

    @property
    def weight_bytes(self) -> int:
        """Those of all channels."""
        return self.kernel.weight_bytes


def _tile_intrinsic(kernel: MicroKernel, pixels: int, channels: int) -> str:
    """Registers the intrinsic of a tile; its name."""
    s = kernel.sum
    names = [f"line_{i}" for i in range(len(s.lines))]
    shapes: Shapes = {name: ((s.window_values(i, pixels),), s.dtype) for i, name in enumerate(names)}
    shapes |= result_shapes(pixels, channels, s.weights_per_channel, s.multiplier)

    def describe(buffers: dict[str, Any]) -> None:
        build_sum(s, Part(Span(0, pixels, pixels), 0, channels), [buffers[name] for name in names], buffers, None)

    name = f"tinyseg.{kernel.name}.{pixels}x{channels}.{digest(s)}"
    function = CFunction(kernel.function(pixels, channels), [key for key in shapes if key != "sums"])
    return registered(name, shapes, ("sums", "out"), describe, function)


def _copy_intrinsic(s: WeightedSum, copy: Copy) -> str:
    """Registers the intrinsic that stages values; its name."""
    here = Copy(0, 0, copy.before, copy.values, copy.after)

    def describe(buffers: dict[str, Any]) -> None:
        build_copy(s, here, "copy", buffers["source"], buffers["target"], None)

    sizes = here.before, here.values, here.after, s.zero_point
    return registered(
        f"tinyseg.stage.{s.dtype}.{'.'.join(map(str, sizes))}",
        {"source": ((here.values,), "int8"), "target": ((here.total,), s.dtype)},
        ("target",),
        describe,
        CFunction(f"tinyseg_stage_{s.dtype}", ("target", "source"), numbers=sizes),
    )
