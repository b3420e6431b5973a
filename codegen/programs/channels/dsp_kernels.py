"""Micro-kernels of depthwise convolutions for the DSP extension: four pixels' sums at a time in registers.

A tile calls a function for each of its channels: products of its pixels (``dsp_products.py``), requantised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyseg_tvm.codegen.programs.channels import dsp_costs as costs
from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum, takes_three_rows
from tinyseg_tvm.codegen.programs.channels.dsp_products import PIXELS, PixelProducts, moved
from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.sum import Part
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.tiled import c_type

MOST_WORDS = 128  # of a channel's weights, which are widened on the stack


@dataclass(frozen=True)
class DspChannelKernel(ChannelKernel):
    """Dual multiplications of values in pairs of rows."""

    sum: DspSum
    name = "dsp"
    module = "tinyseg_columns_dsp"
    together = PIXELS

    @cached_property
    def products(self) -> PixelProducts:
        """Of a channel."""
        return PixelProducts(self.sum)

    @property
    def stack_bytes(self) -> int:
        """Of a channel's weights, where they do not stay in registers."""
        return 0 if self.products.resident else 4 * self.sum.words

    @property
    def suits(self) -> bool:
        """Whether the stack has room for a channel's weights."""
        return self.sum.words <= MOST_WORDS

    def staged_bytes(self, columns: int) -> int:
        """Of so many columns."""
        return 2 * self.sum.column * columns

    def tile_cycles(self, part: Part, pixels: int, requantize: int) -> float:
        """Of a tile."""
        return costs.tile_cycles(self.products, pixels, part.channels, requantize)

    def staging_cycles(self, part: Part) -> float:
        """To stage the columns of a run and a block of channels."""
        return costs.staging_cycles(self.sum, part)

    def code_bytes(self, tiles: Sequence[tuple[Part, int]]) -> int:
        """Estimated bytes of code."""
        return costs.code_bytes(self.products, {(pixels, part.channels) for part, pixels in tiles})

    def stage_source(self, part: Part) -> str:
        """C of the function that stages columns."""
        if takes_three_rows(self.sum, part):
            if part.channels < self.sum.block:
                return self._staging(part, "tinyseg_stage_three_narrow_rows", part.channels)
            return self._staging(part, "tinyseg_stage_three_rows")
        return self._staging(part, "tinyseg_stage_columns", self.sum.rows, part.channels, self.sum.channels)

    def source(self, part: Part, pixels: int) -> str:
        """C of the function of a tile."""
        s = self.sum
        lines = [
            f"static void {self.function(part, pixels)}"
            f"(int16_t *columns, int8_t *weight, int32_t *bias, {c_type(s.multiplier)} *multiplier, int8_t *out)",
            "{",
        ]
        for k in range(part.channels):
            first = k % 2 * 2 * s.side + k // 2 * 2 * s.pairs
            arguments = [
                moved("columns", first),
                moved("weight", k * s.weights),
                f"bias[{k}]",
                f"multiplier[{k}]",
                moved("out", k),
                str(pixels),
            ]
            lines.append(f"    {PLACEHOLDER}_channel_{s.half(k)}({', '.join(arguments)});")
        return "\n".join([*lines, "}", ""])

    def common_source(self, tiles: Sequence[tuple[Part, int]]) -> str:
        """C of what tiles call."""
        pixels = sorted({pixels for _, pixels in tiles})
        halves = self.sum.halves(max(part.channels for part, _ in tiles))
        return "\n".join(self._channel(half, pixels) for half in halves)

    def _channel(self, half: int, pixels: Sequence[int]) -> str:
        """A channel of a tile."""
        s = self.sum
        lines = [
            f"/* One channel of some pixels. Its values of a single last row are halves {half} of their words. */",
            f"TINYSEG_INNER void {PLACEHOLDER}_channel_{half}(const int16_t *x, const int8_t *weight, int32_t bias,"
            f" {c_type(s.multiplier)} multiplier, int8_t *out, int32_t pixels)",
            "{",
            "    const tinyseg_scale scale = tinyseg_scale_of(multiplier);",
            *(f"    {line}" for line in self.products.weights),
        ]
        if any(n >= PIXELS for n in pixels):
            lines.append(f"    for (; pixels >= {PIXELS}; pixels -= {PIXELS}) {{")
            lines += [f"        {line}" for line in self._pixels(PIXELS, half)]
            lines += [
                f"        x += {PIXELS * s.stride * s.column};",
                f"        out += {PIXELS * s.channels};",
                "    }",
            ]
        rests = sorted({n % PIXELS for n in pixels} - {0})
        for rest in rests:
            lines.append(f"    if (pixels == {rest}) {{")
            lines += [f"        {line}" for line in self._pixels(rest, half)]
            lines.append("    }")
        return "\n".join([*lines, "}", ""])

    def _pixels(self, pixels: int, half: int) -> list[str]:
        """Neighbouring pixels, from ``x`` to ``out``."""
        return [*self.products.statements(pixels, half), *self._results(pixels)]

    def _results(self, pixels: int) -> list[str]:
        """Requantises and stores the sums."""
        zero_point, least, greatest = self.sum.output
        lines = [f"tinyseg_scale_two(&s{p}, &s{p + 1}, scale, scale);" for p in range(0, pixels - 1, 2)]
        if pixels % 2:
            lines.append(f"s{pixels - 1} = tinyseg_scale_one(s{pixels - 1}, scale);")
        for p in range(pixels):
            lines.append(f"s{p} = tinyseg_add_saturate_8(s{p}, {zero_point});")
            if (least, greatest) != (-128, 127):
                lines.append(f"s{p} = tinyseg_clamp(s{p}, {least}, {greatest});")
        lines += [f"out[{p * self.sum.channels}] = (int8_t)s{p};" for p in range(pixels)]
        return lines
