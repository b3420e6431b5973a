"""C micro-kernels: one tile of pixels and channels, from its windows to its results, with the sums in registers.

They are written for one operator: the tile, the segments and the distances between pixels are constants. A family says
how lines must be staged, in which order weights lie, which tiles there are, and what their code is. Inner loops are
assembler with a C twin that gives the same bits.
"""

from __future__ import annotations

import itertools
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.tiled import TileKernel, c_type
from tinyseg_tvm.codegen.programs.windows.sum import CHANNELS, Part, Segment, WeightedSum

MOST_SUMS = 8  # of a tile, for which there are registers
MOST_OFFSET = 4095  # bytes from a tile's first pixel to its last one, which the offset of a load reaches


@dataclass(frozen=True)
class MicroKernel(TileKernel):
    """A family of micro-kernels for one weighted sum.

    Attributes:
        dtype: of the values that are summed, as ``WeightedSum`` has it.
        tile_pixels: how many pixels tiles have, as ``WeightedSum`` has it.
        tile_channels: what their channels are a multiple of, as ``WeightedSum`` has it.
        odd_end: pixels of the tile that ends an odd number of them, as ``WeightedSum`` has it.
        cycles_per_staged_value: estimated.
        linkage: of the functions of tiles.
    """

    sum: WeightedSum
    dtype: ClassVar[str]
    tile_pixels: ClassVar[tuple[int, ...]]
    tile_channels: ClassVar[int] = CHANNELS
    odd_end: ClassVar[int] = 0
    cycles_per_staged_value: ClassVar[float]
    linkage: ClassVar[str] = "static"

    @staticmethod
    @abstractmethod
    def weights_of(values: int, step: int, /) -> int:
        """Weights of a channel as packed, for a segment of so many values, with so many from pixel to pixel."""

    @abstractmethod
    def tiles(self, part: Part) -> tuple[tuple[int, int], ...]:
        """Pixels and channels of the tiles that divide a part."""

    @abstractmethod
    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """Weights in the order in which tiles of so many channels take them, int8.

        Args:
            weight: of each segment, (channels of a tile, values).
            channels: of a tile.
        """

    @property
    def weight_bytes(self) -> int:
        """Bytes of all channels' weights as packed."""
        return self.sum.weights_per_channel * self.sum.channels

    @abstractmethod
    def body(self, pixels: int, channels: int) -> list[str]:
        """Statements from the windows' first values ``line_0``, ``line_1``, .. to the results in ``out``."""

    @abstractmethod
    def cycles(self, pixels: int, channels: int) -> float:
        """Estimated cycles of a tile, with a requantisation per result as it is with an FPU."""

    @abstractmethod
    def code_bytes(self, pixels: int, channels: int) -> int:
        """Estimated bytes of code of a tile's function."""

    def function(self, pixels: int, channels: int) -> str:
        """Name of the function of a tile."""
        return f"{PLACEHOLDER}_{pixels}x{channels}"

    def source(self, pixels: int, channels: int) -> str:
        """C of the function of a tile."""
        lines = ", ".join(f"{self.sum.dtype}_t *line_{i}" for i in range(len(self.sum.lines)))
        signature = f"{lines}, int8_t *weight, int32_t *bias, {c_type(self.sum.multiplier)} *multiplier, int8_t *out"
        text = "\n".join(f"    {line}" for line in self.body(pixels, channels))
        return f"{self.linkage} void {self.function(pixels, channels)}({signature})\n{{\n{text}\n}}\n"

    @property
    def windows(self) -> str:
        """Declaration of ``windows``: where each segment begins."""
        s = self.sum
        first = [f"line_{g.line} + {g.first - s.window(g.line)[0]}" for g in s.segments]
        return f"const {s.dtype}_t *const windows[{len(first)}] = {{{', '.join(first)}}};"

    def runs(self) -> list[list[Segment]]:
        """The segments, those together that differ in their place only."""
        steps = self.sum.lines
        return [list(run) for _, run in itertools.groupby(self.sum.segments, lambda g: (g.values, steps[g.line].step))]

    def step(self, run: Sequence[Segment]) -> int:
        """Values from a pixel's window to the next one's."""
        return self.sum.lines[run[0].line].step


@dataclass(frozen=True)
class RegisterTile(MicroKernel):
    """Families whose sums are a register each: a value of every pixel times a weight of every channel."""

    tile_pixels: ClassVar[tuple[int, ...]] = (4, 2, 1)

    def tiles(self, part: Part) -> tuple[tuple[int, int], ...]:
        """Those whose sums fit the registers."""
        widths = [part.channels] if part.channels < CHANNELS else [CHANNELS, CHANNELS // 2]
        step = max(line.step for line in self.sum.lines) * np.dtype(self.dtype).itemsize
        pixels = [p for p in self.tile_pixels if part.span.group % p == 0 and (p - 1) * step <= MOST_OFFSET]
        return tuple((p, o) for p in pixels for o in widths if p * (o + o % 2) <= MOST_SUMS)

    @abstractmethod
    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """Statements that add the products of one segment of ``run`` to the sums, from ``x`` and ``w`` on."""

    @abstractmethod
    def results(self, pixels: int, channels: int) -> list[str]:
        """Statements that requantise the sums into ``out``."""

    def begin(self, channel: int) -> str:
        """What the sums of a channel begin with."""
        return f"bias[{channel}]"

    def body(self, pixels: int, channels: int) -> list[str]:
        """A loop over segments around the loop over their values."""
        body = [self.output, self.windows, "const int8_t *w = weight;"]
        body += [f"int32_t {sum_name(p, o)} = {self.begin(o)};" for p in range(pixels) for o in range(channels)]
        body += self.loops(partial(self.inner_loop, pixels, channels))
        return body + self.results(pixels, channels)

    def loops(self, inner: Callable[[Sequence[Segment]], list[str]]) -> list[str]:
        """Loops over all segments around the statements of a segment of a run."""
        lines: list[str] = []
        first = 0
        for run in self.runs():
            lines.append(f"for (int32_t i = {first}; i < {first + len(run)}; ++i) {{")
            lines.append(f"    const {self.sum.dtype}_t *x = windows[i];")
            lines += [f"    {line}" for line in inner(run)]
            lines.append("}")
            first += len(run)
        return lines


def sum_name(pixel: int, channel: int) -> str:
    """The variable of a sum."""
    return f"s{pixel}{channel}"


def unrolled(rounds: int, most: int = 8) -> int:
    """How many rounds of a loop stand side by side: all, a divisor, or ``most``, into which it is entered midway."""
    if rounds <= most:
        return rounds
    return next((n for n in range(most, most // 2 - 1, -1) if rounds % n == 0), most)


def assembler_loop(body: Sequence[str], rounds: int, ctype: str, values: int, most: int = 8) -> list[str]:
    """Inline assembler that repeats instructions of four bytes each.

    Args:
        body: one round: sums are ``s..``, temporaries ``x0 x1 .. w0 w1``, pointers ``x`` and ``w``; each line names
            its operands as ``%[name]``.
        rounds: how often.
        ctype: what ``x`` points to.
        values: by how many ``x`` moves in a round.
        most: rounds that stand side by side.
    """
    names = list(dict.fromkeys(re.findall(r"%\[(\w+)\]", " ".join(body))))
    temporaries = [name for name in names if re.fullmatch(r"[xw]\d", name)]
    operands = ", ".join(f'[{name}] "+r"({name})' for name in names if name not in temporaries)
    scratch = ", ".join(f'[{name}] "=&r"({name})' for name in temporaries)
    side_by_side = unrolled(rounds, most)
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
