"""Micro-kernels for cores with the vector extension (MVE).

A vector holds 16 values of a pixel's window; its products with a channel's weights are summed into one register
(VMLADAVA). Where windows of neighbouring pixels overlap by whole vectors, a vector is loaded once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from tinyseg_tvm.codegen.programs.micro_kernels import MicroKernel
from tinyseg_tvm.codegen.programs.mve_assembler import VECTOR, Layout, Pass
from tinyseg_tvm.codegen.programs.weighted_sum import Part

MOST_STEP = 4095  # from pixel to pixel: what an addition reaches
MOST_PLACE = 65535  # of a result, from the first one of a pass


@dataclass(frozen=True)
class MveKernel(MicroKernel):
    """Vectors of 16 values times those of two channels' weights, of up to four pixels at a time."""

    name = "mve"
    module = "tinyseg_tile_mve"
    dtype = "int8"
    tile_pixels = (4, 3, 2, 1)
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
        return tuple((p, o) for p in pixels for o in widths if p == 1 or not far)

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
        places = ", ".join(str(p * self.sum.row + c) for p in range(4) for c in range(2))
        lines = [
            f"const int8_t *const windows[] = {{{', '.join(self._list(pixels))}}};",
            f"static const uint16_t places[8] = {{{places}}};",
            "tinyseg_tile_mve tile = {windows, weight, bias, multiplier, out, 0, places};",
        ]
        widths = [width for _, width in _passes(channels)]
        for width in dict.fromkeys(widths):
            lines += [f"tile.passes = {widths.count(width)};", "{", "#if TINYSEG_MVE"]
            lines.append('register tinyseg_tile_mve *t __asm__("r11") = &tile;')
            lines.append('register uint16x8_t q7 __asm__("q7") = vldrhq_u16(places);')
            lines += self._pass(pixels, width).statement
            lines += ["#else", *self._twin(pixels, width), "#endif", "}"]
        return lines

    def cycles(self, pixels: int, channels: int) -> float:
        """About one for an instruction."""
        total = 60.0 + 2 * len(self.sum.segments)
        for _, width in _passes(channels):
            total += self._pass(pixels, width).instructions
        return total

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Four for an instruction."""
        widths = {width for _, width in _passes(channels)}
        return 120 + sum(4 * len(self._pass(pixels, width).lines) for width in widths)

    def _pass(self, pixels: int, width: int) -> Pass:
        layouts = tuple((Layout.of(run[0].values, self.step(run)), len(run)) for run in self.runs())
        return _pass_of(layouts, pixels, width, self.sum.output)

    def _list(self, pixels: int) -> list[str]:
        """Where segments begin, NULL behind those that a loop takes."""
        s = self.sum
        pointers = []
        for run in self.runs():
            middle = self._pass(pixels, 1).middle(Layout.of(run[0].values, self.step(run)))
            for segment in run:
                first = segment.first - s.window(segment.line)[0] + middle
                pointers.append(f"line_{segment.line} + {first}")
            pointers += ["NULL"] if len(run) > 1 else []
        return pointers

    def _twin(self, pixels: int, width: int) -> list[str]:
        """The same in C."""
        lines = [
            self.output,
            "for (; tile.passes > 0; --tile.passes) {",
            f"    int32_t sums[{pixels}][{width}];",
            "    const int8_t *const *at = windows;",
            f"    for (int32_t p = 0; p < {pixels}; ++p) {{",
            "        memcpy(sums[p], tile.bias, sizeof sums[p]);",
            "    }",
        ]
        all_of = self._pass(pixels, width)
        for layout, segments in all_of.layouts:
            sizes = f"{layout.step}, {layout.period}, {layout.taps}, {pixels}, {width}"
            call = f"tinyseg_tile_products(*at++ - {all_of.middle(layout)}, tile.weight, {sizes}, sums[0])"
            lines += [f"    for (int32_t i = 0; i < {segments}; ++i) {{", f"        tile.weight = {call};", "    }"]
            lines += ["    ++at;"] if segments > 1 else []
        store = f"tinyseg_tile_results(&tile, sums[0], {pixels}, {width}, {self.sum.row}, &output);"
        return [*lines, f"    {store}", "}"]


@cache
def _pass_of(layouts: tuple[tuple[Layout, int], ...], pixels: int, width: int, output: tuple[int, int, int]) -> Pass:
    return Pass(layouts, pixels, width, output)


def _passes(channels: int) -> list[tuple[int, int]]:
    """First channel and width of each."""
    pairs = [(first, 2) for first in range(0, channels - 1, 2)]
    return pairs + [(channels - 1, 1)] * (channels % 2)
