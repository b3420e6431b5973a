"""Micro-kernels for cores with the DSP extension."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from tinyseg_tvm.codegen.programs.windows.kernels import (
    RegisterTile,
    assembler_loop,
    sum_name,
    unrolled,
)
from tinyseg_tvm.codegen.programs.windows.pair_words import pair_words
from tinyseg_tvm.codegen.programs.windows.sum import CHANNELS, Part, Segment

THREE = 3  # pixels of tiles that take two channels at a time


@dataclass(frozen=True)
class DspKernel(RegisterTile):
    """Dual 16 bit multiplications over staged int16 lines.

    Three pixels have more sums than there are registers: their tiles take two channels, and the next two after those.

    Attributes:
        joined: whether two channels' weights share a number (runtime/tinyseg_joined.h).
    """

    joined: bool

    name = "dsp"
    module = "tinyseg_tile_dsp"
    dtype = "int16"
    tile_pixels: ClassVar[tuple[int, ...]] = (4, THREE, 2, 1)
    odd_end = THREE
    cycles_per_staged_value = 2.0  # widening four takes seven instructions

    @staticmethod
    def weights_of(values: int, _step: int, /) -> int:
        """They are taken by two, with 0 beside the last of an odd number."""
        return values + values % 2

    def tiles(self, part: Part) -> tuple[tuple[int, int], ...]:
        """Beside those whose sums fit the registers, three pixels in passes."""
        single = super().tiles(part)
        by_passes = part.channels % CHANNELS == 0 and any(pixels == THREE for pixels, _ in single)
        return (*single, (THREE, CHANNELS)) if by_passes else single

    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """[pair of values][pair of channels] words; of a channel alone, its two weights in 16 bits."""
        padded = [np.pad(segment, ((0, 0), (0, segment.shape[1] % 2))) for segment in weight]
        pairs = np.concatenate(padded, axis=1).reshape(channels, -1, 2)
        words = []
        for o, several in channel_pairs(channels):
            if several:
                words.append(pair_words(pairs[o : o + 2], joined=self.joined))
            else:
                words.append(pairs[o].astype("<i2").view("<u4").reshape(-1))
        return np.stack(words, axis=1).reshape(-1).view(np.int8)

    @property
    def weight_bytes(self) -> int:
        """Of a channel alone, weights have 16 bits."""
        return super().weight_bytes + self.sum.weights_per_channel * (self.sum.channels % 2)

    def begin(self, channel: int) -> str:
        """Second channels' sums begin joined, too."""
        if self.joined and channel % 2:
            return f"tinyseg_join(bias[{channel - 1}], bias[{channel}])"
        return super().begin(channel)

    def body(self, pixels: int, channels: int) -> list[str]:
        """Pass by pass, where there are several."""
        passes = _passes(pixels, channels)
        if len(passes) == 1:
            return super().body(pixels, channels)
        body = [self.output, self.windows, "const int8_t *w;"]
        for number, pairs in enumerate(passes):
            body.append(f"w = weight + {4 * number};")
            own = [o for first, _ in pairs for o in (first, first + 1)]
            body += [f"int32_t {sum_name(p, o)} = {self.begin(o)};" for p in range(pixels) for o in own]
            body += self.loops(partial(self._loop, pixels, channels, pairs))
        return body + self.results(pixels, channels)

    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """A round takes two values of every pixel."""
        return self._loop(pixels, channels, channel_pairs(channels), run)

    def _loop(self, pixels: int, channels: int, pairs: ChannelPairs, run: Sequence[Segment]) -> list[str]:
        """Of some pairs of a tile's channels."""
        rounds = run[0].weights // 2
        loop = assembler_loop(self._pair(pixels, channels, self.step(run), pairs), rounds, "int16_t", 2)
        twin = self._twin(pixels, channels, pairs, run)
        return ["#if TINYSEG_DSP_ASSEMBLER", *loop, "#else", *twin, "#endif"]

    def _twin(self, pixels: int, channels: int, pairs: ChannelPairs, run: Sequence[Segment]) -> list[str]:
        step, words = self.step(run), len(channel_pairs(channels))
        lines = [f"for (int32_t k = 0; k < {run[0].weights // 2}; ++k, x += 2, w += {4 * words}) {{"]
        lines += [f"    const uint32_t x{p} = tinyseg_load_pair(x + {p * step});" for p in range(pixels)]
        return [*lines, *self.products(pixels, pairs), "}"]

    def products(self, pixels: int, pairs: ChannelPairs) -> list[str]:
        """C of the products of a pair of values ``x0``, ``x1``, .. of every pixel and the weights at ``w``."""
        lines = []
        for number, (o, several) in enumerate(pairs):
            lines.append(f"    const uint32_t w{o} = tinyseg_load_4(w + {4 * number});")
            if several:
                second = f"w{o}" if self.joined else f"tinyseg_widen_odd(w{o})"
                lines.append(f"    const uint32_t first{o} = tinyseg_widen_even(w{o});")
                lines.append(f"    const uint32_t second{o} = {second};")
                lines += [f"    {_dual(f'first{o}', p, o)}" for p in range(pixels)]
                lines += [f"    {_dual(f'second{o}', p, o + 1)}" for p in range(pixels)]
            else:
                lines += [f"    {_dual(f'w{o}', p, o)}" for p in range(pixels)]
        return lines

    def _pair(self, pixels: int, channels: int, step: int, pairs: ChannelPairs) -> list[str]:
        """Instructions for one pair of values of every pixel, and some pairs of a tile's channels.

        Of more than two channels, or of three pixels, the values of all pixels wait in registers; else the weights do.
        """
        kept = len(pairs) > 1 or pixels == THREE
        words = [f"x{p}" for p in range(pixels)] if kept else ["x0"] * pixels
        loads = {
            p: f"ldr.w %[{words[p]}], [%[x]" + (f", #{2 * step * p}]" if p else "], #4")
            for p in reversed(range(pixels))
        }
        move = 4 * (len(channel_pairs(channels)) - len(pairs) + 1)

        def multiply(pixel: int, channel: int, weight: str) -> str:
            name = sum_name(pixel, channel)
            return f"smlad %[{name}], %[{weight}], %[{words[pixel]}], %[{name}]"

        lines = list(loads.values()) if kept else []
        for o, several in pairs:
            lines.append(f"ldr.w %[w0], [%[w]], #{move}")
            if kept and several and self.joined:
                lines += [multiply(p, o + 1, "w0") for p in range(pixels)]
                lines.append("sxtb16 %[w0], %[w0]")
                lines += [multiply(p, o, "w0") for p in range(pixels)]
                continue
            if several:
                lines.append("sxtb16 %[w1], %[w0]")
                if not self.joined:
                    lines.append("sxtb16 %[w0], %[w0], ror #8")
            for p, load in loads.items():
                lines += [] if kept else [load]
                lines += [multiply(p, o, "w1"), multiply(p, o + 1, "w0")] if several else [multiply(p, o, "w0")]
        return lines

    def cycles(self, pixels: int, channels: int) -> float:
        """Fitted to a Cortex-M4: loads that follow each other wait less."""
        passes = _passes(pixels, channels)
        rounds = 0.0
        for pairs in passes:
            pair = self._pair(pixels, channels, 0, pairs)
            wait = 0.3 if pixels == THREE else 0.62 if channels > 2 and pixels > 1 else 1.05
            rounds += len(pair) + wait * sum(line.startswith("ldr") for line in pair)
        per_tile = 40 * len(passes) + 10 * len(passes) * len(self.sum.segments) + 9 * pixels * channels
        return rounds * (self.sum.weights_per_channel // 2) + per_tile

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Of the loops and of what is around them."""
        loops = sum(unrolled(run[0].weights // 2) for run in self.runs())
        rounds = sum(len(self._pair(pixels, channels, 0, pairs)) for pairs in _passes(pixels, channels))
        return 4 * rounds * loops + 160 + 32 * pixels * channels

    def results(self, pixels: int, channels: int) -> list[str]:
        """Two by two; four channels as one word."""
        row = self.sum.row
        lines = []
        if self.joined:
            for p in range(pixels):
                for o in range(1, channels, 2):
                    name = sum_name(p, o)
                    lines.append(f"{name} = tinyseg_apart({name}, {sum_name(p, o - 1)});")
        lines += [f"const tinyseg_scale m{o} = tinyseg_scale_of(multiplier[{o}]);" for o in range(channels)]
        if channels % 4 == 0:
            lines.append("const tinyseg_bounds bounds = tinyseg_bounds_of(&output);")
            for p, begin in itertools.product(range(pixels), range(0, channels, 4)):
                sums = ", ".join(sum_name(p, o) for o in range(begin, begin + 4))
                scales = ", ".join(f"m{o}" for o in range(begin, begin + 4))
                word = f"tinyseg_requantize_4({sums}, {scales}, &bounds)"
                lines.append(f"tinyseg_store_4(out + {p * row + begin}, {word});")
            return lines
        cells = [(p, o) for p in range(pixels) for o in range(channels)]
        for first, second in zip(cells[0::2], cells[1::2], strict=False):
            names = f"&{sum_name(*first)}, &{sum_name(*second)}"
            lines.append(f"tinyseg_scale_two({names}, m{first[1]}, m{second[1]});")
        if len(cells) % 2:
            name = sum_name(*cells[-1])
            lines.append(f"{name} = tinyseg_scale_one({name}, m{cells[-1][1]});")
        return [*lines, *(f"out[{p * row + o}] = {self._result(p, o)};" for p, o in cells)]

    def _result(self, pixel: int, channel: int) -> str:
        """A rounded product as a result."""
        value = f"tinyseg_add_saturate_8({sum_name(pixel, channel)}, output.zero_point)"
        if self.sum.output[1:] != (-128, 127):
            value = f"tinyseg_clamp({value}, output.minimum, output.maximum)"
        return f"(int8_t){value}"


ChannelPairs = Sequence[tuple[int, bool]]
"""First channels of pairs of them, and whether there is a second one."""


def channel_pairs(channels: int) -> list[tuple[int, bool]]:
    """Those of so many channels."""
    return [(o, o + 1 < channels) for o in range(0, channels, 2)]


def _passes(pixels: int, channels: int) -> list[ChannelPairs]:
    """The pairs whose sums are in registers together, as far as the registers go."""
    pairs = channel_pairs(channels)
    return [pairs] if pixels != THREE or len(pairs) == 1 else [[pair] for pair in pairs]


def _dual(weight: str, pixel: int, channel: int) -> str:
    name = sum_name(pixel, channel)
    return f"{name} = tinyseg_dual_multiply({weight}, x{pixel}, {name});"
