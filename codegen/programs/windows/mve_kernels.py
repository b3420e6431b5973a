"""Micro-kernels for cores with the vector extension (MVE).

A vector holds 16 values of a pixel's window; its products with a channel's weights are summed into one register
(VMLADAVA). Where windows of neighbouring pixels overlap by whole vectors, a vector is loaded once for all of them.
Where windows are one or two vectors, all pixels of a line are a tile, whose weights are loaded once (``mve_streams``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from tinyseg_tvm.codegen.programs.mve_assembler import VECTOR
from tinyseg_tvm.codegen.programs.tiled import FIXED_POINT
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.mve_passes import Passes
from tinyseg_tvm.codegen.programs.windows.mve_products import Layout
from tinyseg_tvm.codegen.programs.windows.mve_streams import TOGETHER, Stream
from tinyseg_tvm.codegen.programs.windows.sum import Part

MOST_STEP = 4095  # from pixel to pixel: what an addition reaches
MOST_PLACE = 65535  # of a result, from the first one of a pass


@dataclass(frozen=True)
class MveKernel(MicroKernel):
    """Vectors of 16 values times those of two channels' weights, of up to four pixels at a time."""

    name = "mve"
    module = "tinyseg_tile_mve"
    dtype = "int8"
    tile_pixels = (4, 3, 2, 1)
    tile_channels = 1
    cycles_per_staged_value = 0.2

    @staticmethod
    def weights_of(values: int, step: int, /) -> int:
        """Whole vectors."""
        return Layout.of(values, step).weights

    def tiles(self, part: Part) -> tuple[tuple[int, int], ...]:
        """Of all channels, or of fewer, whose weights stay near."""
        widths = dict.fromkeys(n for n in (part.channels, 32, 16, 8) if part.channels % n == 0)
        pixels = [p for p in self.tile_pixels if part.span.group % p == 0]
        far = any(line.step > MOST_STEP for line in self.sum.lines) or 3 * self.sum.row + 1 > MOST_PLACE
        tiles = tuple((p, o) for p in pixels for o in widths if p == 1 or not far)
        group = part.span.group
        streams = group > TOGETHER and group % TOGETHER == 0 and part.channels % 2 == 0 and not far
        return ((group, part.channels), *tiles) if streams and self._streams else tiles

    @property
    def _streams(self) -> bool:
        """Whether weights can stay in registers for all pixels."""
        segments = self.sum.segments
        return len(segments) == 1 and Stream.takes(Layout.of(segments[0].values, self.step(segments)), self.sum.row)

    def _stream(self, pixels: int) -> Stream:
        segments = self.sum.segments
        layout = Layout.of(segments[0].values, self.step(segments))
        fixed_point = self.sum.multiplier == FIXED_POINT
        return Stream(layout, pixels, self.sum.row, self.sum.output, fixed_point)

    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """[pair of channels][segment][unit][tap][channel] vectors; those of a channel alone follow."""
        blocks = []
        for first, width in _passes(channels):
            for values, run in zip(weight, self.sum.segments, strict=True):
                layout = Layout.of(run.values, self.step([run]))
                taps = values[first : first + width].reshape(width, layout.taps, layout.period)
                filled = np.pad(taps, ((0, 0), (0, 0), (0, layout.units * VECTOR - layout.period)))
                vectors = filled.reshape(width, layout.taps, layout.units, VECTOR)
                blocks.append(vectors.transpose(2, 1, 0, 3).reshape(-1))
        return np.concatenate(blocks)

    def body(self, pixels: int, channels: int) -> list[str]:
        """Passes over the windows, for two channels each, and for a last one."""
        streams = pixels > TOGETHER
        places = ", ".join(str(min(p, pixels - 1) * self.sum.row + c) for p in range(4) for c in range(2))
        pointers = ["line_0"] if streams else self._pointers(pixels, channels)
        code = self._stream(pixels).statement if streams else self._passes(pixels, channels).statement
        end = f"out + {channels // 2 * 2}"
        return [
            f"static const uint16_t places[8] = {{{places}}};",
            "struct {",
            "    tinyseg_tile_mve rest;",
            f"    const int8_t *windows[{len(pointers)}];",
            f"}} tile = {{{{weight, bias, multiplier, out, {end}, places}}, {{{', '.join(pointers)}}}}};",
            "#if TINYSEG_MVE",
            'register void *t __asm__("r11") = &tile;',
            'register uint16x8_t q7 __asm__("q7") = vldrhq_u16(places);',
            *code,
            "#else",
            *(self._stream_twin(pixels, channels) if streams else self._twin(pixels, channels)),
            "#endif",
        ]

    def cycles(self, pixels: int, channels: int) -> float:
        """About one for an instruction."""
        if pixels > TOGETHER:
            return 28.0 + self._stream(pixels).pass_instructions * (channels // 2)
        return 28.0 + len(self.sum.segments) + self._passes(pixels, channels).instructions

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Four for an instruction."""
        if pixels > TOGETHER:
            return 120 + self._stream(pixels).code_bytes
        return 120 + self._passes(pixels, channels).code_bytes

    def _passes(self, pixels: int, channels: int) -> Passes:
        layouts = tuple((Layout.of(run[0].values, self.step(run)), len(run)) for run in self.runs())
        return _passes_of(layouts, pixels, channels, self.sum.output, self.sum.multiplier == FIXED_POINT)

    def _pointers(self, pixels: int, channels: int) -> list[str]:
        """Where segments begin, NULL behind those that a loop takes."""
        s = self.sum
        passes = self._passes(pixels, channels)
        pointers = []
        for run in self.runs():
            middle = passes.middle(Layout.of(run[0].values, self.step(run)))
            for segment in run:
                first = segment.first - s.window(segment.line)[0] + middle
                pointers.append(f"line_{segment.line} + {first}")
            pointers += ["NULL"] if len(run) > 1 and not passes.straight else []
        return pointers

    def _stream_twin(self, pixels: int, channels: int) -> list[str]:
        """The same as ``Stream`` in C."""
        layout = self._stream(pixels).layout
        sizes = f"{layout.step}, {layout.period}, 1, {pixels}, 2"
        return [
            self.output,
            f"for (int32_t pass = 0; pass < {channels // 2}; ++pass) {{",
            f"    int32_t sums[{pixels}][2];",
            f"    for (int32_t p = 0; p < {pixels}; ++p) {{",
            "        memcpy(sums[p], tile.rest.bias, sizeof sums[p]);",
            "    }",
            f"    tile.rest.weight = tinyseg_tile_products(tile.windows[0], tile.rest.weight, {sizes}, sums[0]);",
            f"    tinyseg_tile_results(&tile.rest, sums[0], {pixels}, 2, {self.sum.row}, &output);",
            "}",
        ]

    def _twin(self, pixels: int, channels: int) -> list[str]:
        """The same in C."""
        passes = self._passes(pixels, channels)
        lines = [self.output]
        for width, count in passes.widths:
            lines += [
                f"for (int32_t pass = 0; pass < {count}; ++pass) {{",
                f"    int32_t sums[{pixels}][{width}];",
                "    const int8_t *const *at = tile.windows;",
                f"    for (int32_t p = 0; p < {pixels}; ++p) {{",
                "        memcpy(sums[p], tile.rest.bias, sizeof sums[p]);",
                "    }",
            ]
            for layout, segments in passes.layouts:
                sizes = f"{layout.step}, {layout.period}, {layout.taps}, {pixels}, {width}"
                call = f"tinyseg_tile_products(*at++ - {passes.middle(layout)}, tile.rest.weight, {sizes}, sums[0])"
                lines += [f"    for (int32_t i = 0; i < {segments}; ++i) {{"]
                lines += [f"        tile.rest.weight = {call};", "    }"]
                lines += ["    ++at;"] if segments > 1 and not passes.straight else []
            store = f"tinyseg_tile_results(&tile.rest, sums[0], {pixels}, {width}, {self.sum.row}, &output);"
            lines += [f"    {store}", "}"]
        return lines


@cache
def _passes_of(
    layouts: tuple[tuple[Layout, int], ...],
    pixels: int,
    channels: int,
    output: tuple[int, int, int],
    fixed_point: bool,
) -> Passes:
    return Passes.of(layouts, pixels, channels, output, fixed_point=fixed_point)


def _passes(channels: int) -> list[tuple[int, int]]:
    """First channel and width of each."""
    pairs = [(first, 2) for first in range(0, channels - 1, 2)]
    return pairs + [(channels - 1, 1)] * (channels % 2)
