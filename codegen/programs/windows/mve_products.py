"""Products of windows for the vector extension (MVE), as assembler: vectors of values times those of weights.

Sums are in the even registers, as VMLADAVA needs; addresses of the pixels' values in r1 (r3 r5 r7), of weights in r9.
``mve_passes.py`` has what is around them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyseg_tvm.codegen.programs.mve_assembler import MOST_OFFSET, VECTOR

MOST_RESIDENT = 3  # vectors of weights of two channels in registers
MOST_CODE = 864  # bytes of products; with what is around them in a loop, it stays under 1 KiB
MOST_ROUND = 1000  # bytes of products in a loop that counts
SUMS = (("r0", "r4", "r6", "r8"), ("r2", "r10", "r12", "lr"))  # of channel and pixel
BASES = ("r1", "r3", "r5", "r7")  # where pixels' values are read


@dataclass(frozen=True)
class Layout:
    """How a segment's values are taken.

    Attributes:
        values: of the segment.
        step: values from pixel to pixel.
        taps: parts of the segment whose vectors are those of other pixels' parts, too; 1: none are.
    """

    values: int
    step: int
    taps: int

    @staticmethod
    def of(values: int, step: int) -> Layout:
        """The one of fewer instructions."""
        period = math.gcd(values, step)
        choices = [Layout(values, step, 1)]
        if period <= MOST_OFFSET and values > step:
            choices.append(Layout(values, step, values // period))
        return min(choices, key=Layout._instructions)

    def _instructions(self) -> int:
        """Of four pixels and two channels, about."""
        chunks = _chunks(range(self.taps), MOST_RESIDENT)
        loads = sum(len({p * self.step + tap * self.period for p in range(4) for tap in chunk}) for chunk in chunks)
        return self.units * (10 * self.taps + loads) + (self.tail > 0)

    @property
    def period(self) -> int:
        """Values of a tap."""
        return self.values // self.taps

    @property
    def units(self) -> int:
        """Vectors of a tap; those that stand at the same place of every tap are a unit."""
        return -(-self.period // VECTOR)

    @property
    def tail(self) -> int:
        """Values in vectors of a last unit that are not full; 0: they are."""
        return self.period % VECTOR

    @property
    def weights(self) -> int:
        """Of a channel, with zeros beside those of vectors that are not full."""
        return self.taps * self.units * VECTOR


@dataclass(frozen=True)
class Load:
    """A vector of values and what is done with it.

    Attributes:
        base: number of the register that addresses it.
        offset: from that.
        masked: whether only the lanes of a last unit's values are loaded, as others do not belong to the tile.
        weights: instructions before.
        products: instructions after, on ``X``.
    """

    base: int
    offset: int
    masked: bool
    weights: list[str]
    products: list[str]


@dataclass(frozen=True)
class Products:
    """Products of a segment's values, added to the sums.

    Attributes:
        layout: of the segment.
        pixels: up to four.
        width: one or two channels.
        bases: registers that address the pixels.
    """

    layout: Layout
    pixels: int
    width: int
    bases: int

    @property
    def each(self) -> int:
        """Pixels of a register; where taps' vectors are those of other pixels', the first one addresses all."""
        return self.pixels if self.layout.taps > 1 else -(-self.pixels // self.bases)

    @property
    def middle(self) -> int:
        """Where the first register points, from the window's first value of the first pixel."""
        return 0 if self.layout.taps > 1 else max(0, (self.each - 1) * self.layout.step - MOST_OFFSET)

    @property
    def other_bases(self) -> list[str]:
        """Instructions that set the registers beyond the first one."""
        if self.layout.taps > 1:
            return []
        distance = self.each * self.layout.step
        return [f"addw {second}, {first}, #{distance}" for first, second in itertools.pairwise(BASES[: self.bases])]

    @cached_property
    def rounds(self) -> list[tuple[int, list[str]]]:
        """Code, and how often each part of it runs."""
        return list(self._rounds())

    @property
    def keeps_bases(self) -> bool:
        """Whether registers point where they did, afterwards."""
        moves = re.compile(r"(add|sub)w|.*\]!")
        return not any(moves.match(line) for _, code in self.rounds for line in code)

    def _rounds(self) -> Iterator[tuple[int, list[str]]]:
        whole = self.layout.period // VECTOR
        done = 0
        if whole > 1 and 4 * len(self._units(range(self.layout.units))) > MOST_CODE:
            most = max(1, min(whole // 2, MOST_ROUND // (4 * len(self._units(range(1))))))
            while most > 1 and 4 * len(self._units(range(most), moves=True)) > MOST_ROUND:
                most -= 1
            together = max((n for n in range(2, most + 1) if whole % n == 0), default=max(1, most // 2))
            rounds = whole // together
            done = rounds * together
            yield rounds, self._units(range(together), moves=True)
        if done < self.layout.units:
            yield 1, self._units(range(done, self.layout.units), moved=done)

    def _units(self, units: range, *, moved: int = 0, moves: bool = False) -> list[str]:
        """Instructions of neighbouring units.

        Args:
            units: which.
            moved: by how many units registers have moved.
            moves: whether the registers point behind the units afterwards.
        """
        layout, width, each = self.layout, self.width, self.each
        end = (self.pixels - 1) * layout.step + layout.values
        loads: list[Load] = []
        for unit in units:
            for chunk in _chunks(range(layout.taps), MOST_RESIDENT):
                weights = [f"vldrb.8 q{width * i + c}, [r9], #16" for i in range(len(chunk)) for c in range(width)]
                products: dict[tuple[int, int], list[str]] = {}
                for i, tap in enumerate(chunk):
                    for pixel in range(self.pixels):
                        base, inner = divmod(pixel, each)
                        at = base, inner * layout.step + tap * layout.period + unit * VECTOR
                        sums = [f"vmladava.s8 {SUMS[c][pixel]}, q{width * i + c}, X" for c in range(width)]
                        products.setdefault(at, []).extend(sums)
                for base, first in sorted(products):
                    masked = base * each * layout.step + first + VECTOR > end
                    offset = first - moved * VECTOR - self.middle
                    loads.append(Load(base, offset, masked, weights, products[base, first]))
                    weights = []
        return _with_addresses(loads, VECTOR * len(units) if moves else None)


def bases_of(layouts: Iterable[Layout], pixels: int) -> int:
    """Registers that address the pixels: as many as reach all of them from the middle."""
    widest = max((layout.step for layout in layouts if layout.taps == 1), default=0)
    for bases in (1, 2):
        if (-(-pixels // bases) - 1) * widest <= 2 * MOST_OFFSET - VECTOR:
            return bases
    return 4


def _with_addresses(loads: Sequence[Load], end: int | None) -> list[str]:
    """Instructions in order, with the addresses of loads from registers that move where an offset does not reach.

    Args:
        loads: in order.
        end: how far the registers have moved at the end; None: anywhere, as they are not used again.
    """
    resident = 1 + max(int(re.findall(r"q(\d)", line)[0]) for load in loads for line in load.weights)
    free = [f"q{n}" for n in range(resident, 7)]
    moved = dict.fromkeys((load.base for load in loads), 0)
    lines: list[str] = []
    for number, load in enumerate(loads):
        register = BASES[load.base]
        vector = free[number % len(free)]
        lines += load.weights
        if abs(load.offset - moved[load.base]) > MOST_OFFSET:
            lines.append(_add(register, load.offset - moved[load.base]))
            moved[load.base] = load.offset
        following = next((later.offset for later in loads[number + 1 :] if later.base == load.base), load.offset)
        address = f"[{register}, #{load.offset - moved[load.base]}]"
        if abs(following - moved[load.base]) > MOST_OFFSET and load.offset != moved[load.base]:
            address += "!"
            moved[load.base] = load.offset
        lines += ["vpst", f"vldrbt.8 {vector}, {address}"] if load.masked else [f"vldrb.8 {vector}, {address}"]
        lines += [line.replace("X", vector) for line in load.products]
    if end is not None:
        lines += [_add(BASES[base], end - at) for base, at in moved.items() if at != end]
    return lines


def _chunks(items: Iterable[int], most: int) -> list[list[int]]:
    listed = list(items)
    return [listed[i : i + most] for i in range(0, len(listed), most)]


def _add(register: str, amount: int) -> str:
    return f"{'add' if amount > 0 else 'sub'}w {register}, {register}, #{abs(amount)}"
