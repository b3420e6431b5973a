"""Micro-kernels for cores with the DSP extension that read int8 values where they lie: nothing is staged.

A word of four values is widened twice, once for the even and once for the odd ones; weights lie in that order. It is
loaded for each half, so that the sums of eight results stay in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel, channel_pairs
from tinyseg_tvm.codegen.programs.windows.kernels import (
    MOST_SUMS,
    RegisterTile,
    assembler_loop,
    sum_name,
    unrolled,
)
from tinyseg_tvm.codegen.programs.windows.sum import Part, Segment

WORD = 4  # values of a round
MOST_ROUNDS = 4  # side by side: a round has 32 instructions or more


@dataclass(frozen=True)
class DirectDspKernel(DspKernel):
    """Dual 16 bit multiplications over int8 lines, in segments of whole words."""

    name = "dsp direct"
    dtype = "int8"
    tile_pixels = RegisterTile.tile_pixels
    odd_end = 0
    linkage = "TINYSEG_INNER"  # inlined, there are too few registers

    def tiles(self, part: Part) -> tuple[tuple[int, int], ...]:
        """One pixel may have eight channels."""
        wide = ((1, MOST_SUMS),) if part.channels % MOST_SUMS == 0 else ()
        return (*super().tiles(part), *wide)

    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """Even values' weights of each word ahead of the odd ones'."""
        words = [segment.reshape(channels, -1, WORD)[:, :, [0, 2, 1, 3]] for segment in weight]
        return super().packed([each.reshape(channels, -1) for each in words], channels)

    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """A round takes a word of every pixel."""
        words = run[0].values // WORD
        loop = assembler_loop(self._word(pixels, channels, self.step(run)), words, "int8_t", WORD, MOST_ROUNDS)
        return ["#if TINYSEG_DSP_ASSEMBLER", *loop, "#else", *self._words_twin(pixels, channels, run), "#endif"]

    def _words_twin(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        step, weights = self.step(run), 4 * len(channel_pairs(channels))
        lines = [f"for (int32_t k = 0; k < {run[0].values // WORD}; ++k, x += {WORD}) {{"]
        for half in ("even", "odd"):
            loads = [f"tinyseg_widen_{half}(tinyseg_load_4(x + {p * step}))" for p in range(pixels)]
            lines += ["{", *(f"    const uint32_t x{p} = {load};" for p, load in enumerate(loads))]
            lines += [*self.products(pixels, channel_pairs(channels)), f"    w += {weights};", "}"]
        return [*lines, "}"]

    def _word(self, pixels: int, channels: int, step: int) -> list[str]:
        """Instructions for a word of every pixel."""
        return [
            *self._half(pixels, channels, step, move="", turn=""),
            *self._half(pixels, channels, step, move=f", #{WORD}", turn=", ror #8"),
        ]

    def _half(self, pixels: int, channels: int, step: int, *, move: str, turn: str) -> list[str]:
        """Instructions for two values of every pixel; the first pixel's load comes last, and may move ``x``."""
        names = [f"x{p}" for p in range(pixels)] if channels > 2 else ["x0"] * pixels

        def taken(pixel: int) -> tuple[str, str]:
            name = names[pixel]
            place = f"[%[x], #{step * pixel}]" if pixel else f"[%[x]]{move}"
            return f"ldr.w %[{name}], {place}", f"sxtb16 %[{name}], %[{name}]{turn}"

        def multiply(pixel: int, channel: int, weight: str) -> str:
            total = sum_name(pixel, channel)
            return f"smlad %[{total}], %[{weight}], %[{names[pixel]}], %[{total}]"

        values = [taken(p) for p in reversed(range(pixels))]
        if channels > 2:
            lines = [load for load, _ in values] + [widen for _, widen in values]
            lines += self._kept(pixels, channels, multiply)
            return lines
        lines = ["ldr.w %[w0], [%[w]], #4"]
        several = channels == 2
        if several:
            lines += ["sxtb16 %[w1], %[w0]", *([] if self.joined else ["sxtb16 %[w0], %[w0], ror #8"])]
        for p, each in zip(reversed(range(pixels)), values, strict=True):
            lines += [*each, multiply(p, 0, "w1" if several else "w0")]
            lines += [multiply(p, 1, "w0")] if several else []
        return lines

    def _kept(self, pixels: int, channels: int, multiply: Callable[[int, int, str], str]) -> list[str]:
        """Products of values that wait in registers; of one pixel, two words of weights are loaded at once."""
        pairs = channel_pairs(channels)
        by_two = pixels == 1 and self.joined and len(pairs) % 2 == 0 and channels % 2 == 0
        lines = []
        for number, (o, several) in enumerate(pairs):
            weight = f"w{number % 2}" if by_two else "w0"
            if not by_two:
                lines.append("ldr.w %[w0], [%[w]], #4")
            elif number % 2 == 0:
                lines.append("ldrd %[w0], %[w1], [%[w]], #8")
            if several and self.joined:
                lines += [multiply(p, o + 1, weight) for p in range(pixels)]
                lines.append(f"sxtb16 %[{weight}], %[{weight}]")
            elif several:
                lines += ["sxtb16 %[w1], %[w0]", "sxtb16 %[w0], %[w0], ror #8"]
                lines += [multiply(p, o + 1, "w0") for p in range(pixels)]
                weight = "w1"
            lines += [multiply(p, o, weight) for p in range(pixels)]
        return lines

    def cycles(self, pixels: int, channels: int) -> float:
        """As those of staged lines; a load of two words takes three cycles."""
        word = self._word(pixels, channels, 0)
        waits = (0.62 if channels > 2 and pixels > 1 else 1.05) * sum(line.startswith("ldr.w") for line in word)
        waits += 2 * sum(line.startswith("ldrd") for line in word)
        per_tile = 40 + 10 * len(self.sum.segments) + 9 * pixels * channels
        return (len(word) + waits) * (self.sum.weights_per_channel // WORD) + per_tile

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Of the loops and of what is around them."""
        loops = sum(unrolled(run[0].values // WORD, MOST_ROUNDS) for run in self.runs())
        return 4 * len(self._word(pixels, channels, 0)) * loops + 160 + 32 * pixels * channels
