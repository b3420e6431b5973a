"""C micro-kernels: one tile of pixels and channels, from its windows to its results, with the sums in registers.

They are written for one operator: the tile, the segments and the distances between pixels are constants. A family says
how lines must be staged, in which order weights lie, and what an inner loop looks like; on cores with the DSP extension
that is assembler with a C twin that gives the same bits.
"""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.operators.pair_packing import pair_words
from tinyseg_tvm.codegen.programs.weighted_sum import Segment, WeightedSum

PREFIX = PLACEHOLDER
MOST_STEP = 1000  # bytes from pixel to pixel of a tile, at the most: what the offset of a load reaches


@dataclass(frozen=True)
class MicroKernel(ABC):
    """A family of micro-kernels for one weighted sum."""

    sum: WeightedSum

    @property
    @abstractmethod
    def name(self) -> str:
        """Of the family."""

    @property
    @abstractmethod
    def module(self) -> str:
        """The runtime module that it needs."""

    @abstractmethod
    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """Weights in the order in which tiles of so many channels take them, int8.

        Args:
            weight: of each segment, (channels of a tile, values).
            channels: of a tile.
        """

    @abstractmethod
    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """Statements that add the products of one segment of ``run`` to the sums, from ``x`` and ``w`` on."""

    @abstractmethod
    def results(self, pixels: int, channels: int) -> list[str]:
        """Statements that requantise the sums into ``out``."""

    @property
    def cycles_per_staged_value(self) -> float:
        """Estimated cycles to stage a value."""
        return 0.5

    @abstractmethod
    def cycles(self, pixels: int, channels: int) -> float:
        """Estimated cycles of a tile, with a requantisation per result as it is with an FPU."""

    @abstractmethod
    def code_bytes(self, pixels: int, channels: int) -> int:
        """Estimated bytes of code of a tile's function."""

    def begin(self, channel: int) -> str:
        """What the sums of a channel begin with."""
        return f"bias[{channel}]"

    def function(self, pixels: int, channels: int) -> str:
        """Name of the function of a tile."""
        return f"{PREFIX}_{pixels}x{channels}"

    def source(self, pixels: int, channels: int) -> str:
        """C of the function of a tile."""
        s = self.sum
        ctype = f"{s.dtype}_t"
        lines = ", ".join(f"{ctype} *line_{i}" for i in range(len(s.lines)))
        windows = [f"line_{g.line} + {g.first - s.window(g.line)[0]}" for g in s.segments]
        body = [
            f"static const tinyseg_output output = {{{', '.join(map(str, s.output))}}};",
            f"const {ctype} *const windows[{len(windows)}] = {{{', '.join(windows)}}};",
            "const int8_t *w = weight;",
        ]
        body += [f"int32_t {sum_name(p, o)} = {self.begin(o)};" for p in range(pixels) for o in range(channels)]
        first = 0
        for run in self.runs():
            body.append(f"for (int32_t i = {first}; i < {first + len(run)}; ++i) {{")
            body.append(f"    const {ctype} *x = windows[i];")
            body += [f"    {line}" for line in self.inner_loop(pixels, channels, run)]
            body.append("}")
            first += len(run)
        body += self.results(pixels, channels)
        signature = f"{lines}, int8_t *weight, int32_t *bias, float *multiplier, int8_t *out"
        text = "\n".join(f"    {line}" for line in body)
        return f"static void {self.function(pixels, channels)}({signature})\n{{\n{text}\n}}\n"

    def runs(self) -> list[list[Segment]]:
        """The segments, those together that differ in their place only."""
        steps = self.sum.lines
        return [list(run) for _, run in itertools.groupby(self.sum.segments, lambda g: (g.values, steps[g.line].step))]

    def step(self, run: Sequence[Segment]) -> int:
        """Values from a pixel's window to the next one's."""
        return self.sum.lines[run[0].line].step


def sum_name(pixel: int, channel: int) -> str:
    """The variable of a sum."""
    return f"s{pixel}{channel}"


@dataclass(frozen=True)
class DspKernel(MicroKernel):
    """Dual 16 bit multiplications over staged int16 lines.

    Attributes:
        joined: whether two channels' weights share a number (runtime/tinyseg_joined.h).
    """

    joined: bool

    name = "dsp"
    module = "tinyseg_tile_dsp"

    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """[pair of values][pair of channels] words; of a channel alone, its two weights in 16 bits."""
        padded = [np.pad(segment, ((0, 0), (0, segment.shape[1] % 2))) for segment in weight]
        pairs = np.concatenate(padded, axis=1).reshape(channels, -1, 2)
        words = []
        for o, several in _channel_pairs(channels):
            if several:
                words.append(pair_words(pairs[o : o + 2], joined=self.joined))
            else:
                words.append(pairs[o].astype("<i2").view("<u4").reshape(-1))
        return np.stack(words, axis=1).reshape(-1).view(np.int8)

    def begin(self, channel: int) -> str:
        """Second channels' sums begin joined, too."""
        if self.joined and channel % 2:
            return f"tinyseg_join(bias[{channel - 1}], bias[{channel}])"
        return super().begin(channel)

    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """A round takes two values of every pixel."""
        pairs = self.sum.weights(run[0]) // 2
        loop = assembler_loop(self._pair(pixels, channels, self.step(run)), pairs, "int16_t", 2)
        return ["#if TINYSEG_DSP_ASSEMBLER", *loop, "#else", *self._twin(pixels, channels, run, pairs), "#endif"]

    def _twin(self, pixels: int, channels: int, run: Sequence[Segment], pairs: int) -> list[str]:
        step = self.step(run)
        groups = _channel_pairs(channels)
        lines = [f"for (int32_t k = 0; k < {pairs}; ++k, x += 2, w += {4 * len(groups)}) {{"]
        lines += [f"    const uint32_t x{p} = tinyseg_load_pair(x + {p * step});" for p in range(pixels)]
        for number, (o, several) in enumerate(groups):
            lines.append(f"    const uint32_t w{o} = tinyseg_load_4(w + {4 * number});")
            if several:
                second = f"w{o}" if self.joined else f"tinyseg_widen_odd(w{o})"
                lines.append(f"    const uint32_t first{o} = tinyseg_widen_even(w{o});")
                lines.append(f"    const uint32_t second{o} = {second};")
                lines += [f"    {_dual(f'first{o}', p, o)}" for p in range(pixels)]
                lines += [f"    {_dual(f'second{o}', p, o + 1)}" for p in range(pixels)]
            else:
                lines += [f"    {_dual(f'w{o}', p, o)}" for p in range(pixels)]
        return [*lines, "}"]

    def _pair(self, pixels: int, channels: int, step: int) -> list[str]:
        """Instructions for one pair of values of every pixel.

        Of more than two channels, the values of all pixels wait in registers; of fewer, the weights do.
        """
        kept = channels > 2
        words = [f"x{p}" for p in range(pixels)] if kept else ["x0"] * pixels
        loads = {
            p: f"ldr.w %[{words[p]}], [%[x]" + (f", #{2 * step * p}]" if p else "], #4")
            for p in reversed(range(pixels))
        }

        def multiply(pixel: int, channel: int, weight: str) -> str:
            name = sum_name(pixel, channel)
            return f"smlad %[{name}], %[{weight}], %[{words[pixel]}], %[{name}]"

        lines = list(loads.values()) if kept else []
        for o, several in _channel_pairs(channels):
            lines.append("ldr.w %[w0], [%[w]], #4")
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

    @property
    def cycles_per_staged_value(self) -> float:
        """Widening four values takes seven instructions."""
        return 2.0

    def cycles(self, pixels: int, channels: int) -> float:
        """Fitted to a Cortex-M4: loads that follow each other wait less."""
        pair = self._pair(pixels, channels, 0)
        waits = (0.62 if channels > 2 and pixels > 1 else 1.05) * sum(line.startswith("ldr") for line in pair)
        per_tile = 40 + 10 * len(self.sum.segments) + 9 * pixels * channels
        return (len(pair) + waits) * (self.sum.weights_per_channel // 2) + per_tile

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Of the loops and of what is around them."""
        loops = sum(unrolled(self.sum.weights(run[0]) // 2) for run in self.runs())
        return 4 * len(self._pair(pixels, channels, 0)) * loops + 160 + 32 * pixels * channels

    def results(self, pixels: int, channels: int) -> list[str]:
        """Two by two; four channels as one word."""
        row = self.sum.channels
        lines = []
        if self.joined:
            for p in range(pixels):
                for o in range(1, channels, 2):
                    name = sum_name(p, o)
                    lines.append(f"{name} = tinyseg_apart({name}, {sum_name(p, o - 1)});")
        lines += [f"const tinyseg_scale m{o} = tinyseg_scale_of(multiplier[{o}]);" for o in range(channels)]
        if channels == 4:
            lines.append("const tinyseg_bounds bounds = tinyseg_bounds_of(&output);")
            for p in range(pixels):
                sums = ", ".join(sum_name(p, o) for o in range(4))
                word = f"tinyseg_requantize_4({sums}, m0, m1, m2, m3, &bounds)"
                lines.append(f"tinyseg_store_4(out + {p * row}, {word});")
            return lines
        cells = [(p, o) for p in range(pixels) for o in range(channels)]
        for first, second in zip(cells[0::2], cells[1::2], strict=False):
            names = f"&{sum_name(*first)}, &{sum_name(*second)}"
            lines.append(f"tinyseg_scale_two({names}, m{first[1]}, m{second[1]});")
        if len(cells) % 2:
            name = sum_name(*cells[-1])
            lines.append(f"{name} = tinyseg_scaled({name}, m{cells[-1][1]});")
        return [*lines, *(f"out[{p * row + o}] = {self._result(p, o)};" for p, o in cells)]

    def _result(self, pixel: int, channel: int) -> str:
        """A rounded product as a result."""
        value = f"tinyseg_add_saturate_8({sum_name(pixel, channel)}, output.zero_point)"
        if self.sum.output[1:] != (-128, 127):
            value = f"tinyseg_clamp({value}, output.minimum, output.maximum)"
        return f"(int8_t){value}"


def unrolled(rounds: int) -> int:
    """How many rounds of a loop stand side by side: all, a divisor, or 8 into which the loop is entered midway."""
    if rounds <= 8:
        return rounds
    return next((n for n in (8, 7, 6, 5, 4) if rounds % n == 0), 8)


def assembler_loop(body: Sequence[str], rounds: int, ctype: str, values: int) -> list[str]:
    """Inline assembler that repeats instructions of four bytes each.

    Args:
        body: one round: sums are ``s..``, temporaries ``x0 x1 .. w0 w1``, pointers ``x`` and ``w``; each line names
            its operands as ``%[name]``.
        rounds: how often.
        ctype: what ``x`` points to.
        values: by how many ``x`` moves in a round.
    """
    names = list(dict.fromkeys(re.findall(r"%\[(\w+)\]", " ".join(body))))
    temporaries = [name for name in names if re.fullmatch(r"[xw]\d", name)]
    operands = ", ".join(f'[{name}] "+r"({name})' for name in names if name not in temporaries)
    scratch = ", ".join(f'[{name}] "=&r"({name})' for name in temporaries)
    side_by_side = unrolled(rounds)
    code = ["ROUND " * side_by_side]
    inputs = ""
    lines = [f"uint32_t {', '.join(temporaries)};"]
    if rounds > side_by_side:
        rest = rounds % side_by_side
        lines.append(f"const {ctype} *volatile end = x + {rounds * values}; /* in memory: all registers are taken */")
        inputs = '[end] "m"(end)'
        code = [
            *([f'"b.w 2f-{4 * len(body) * rest}\\n"'] if rest else []),
            f'"1:\\n\\t" {code[0]}',
            '"2:\\n\\t"',
            '"ldr.w %[x0], %[end]\\n\\t"',
            '"cmp %[x], %[x0]\\n\\t"',
            '"bne.w 1b"',
        ]
    macro = " \\\n".join(["#define ROUND", *(f'    "{line}\\n\\t"' for line in body)])
    statement = [*code, f": {operands},", f"  {scratch}", f": {inputs}", ': "cc", "memory");']
    return [
        *lines,
        *macro.splitlines(),
        "__asm__ volatile(",
        *(f"    {line.rstrip()}" for line in statement),
        "#undef ROUND",
    ]


def _channel_pairs(channels: int) -> list[tuple[int, bool]]:
    """First channels of the pairs of them, and whether there is a second one."""
    return [(o, o + 1 < channels) for o in range(0, channels, 2)]


def _dual(weight: str, pixel: int, channel: int) -> str:
    name = sum_name(pixel, channel)
    return f"{name} = tinyseg_dual_multiply({weight}, x{pixel}, {name});"
