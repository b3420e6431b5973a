"""Assembler of the micro-kernels for the vector extension (MVE): a pass over the windows of up to four pixels.

A pass sums the products of one or two channels. The assembler's registers: sums in the even ones, as VMLADAVA needs;
addresses of the pixels' values in r1 (r3 r5 r7), of weights in r9, the list of segments in r7, the tile in r11, rounds
counted in r5. Where the pixels need four addresses, the list's and the tile's wait in s29 and s28, and r11 counts.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

VECTOR = 16
MOST_OFFSET = 127  # of a vector's load
MOST_RESIDENT = 3  # vectors of weights of two channels in registers
MOST_CODE = 960  # bytes of an inner loop
SUMS = (("r0", "r4", "r6", "r8"), ("r2", "r10", "r12", "lr"))  # of channel and pixel
BASES = ("r1", "r3", "r5", "r7")  # where pixels' values are read
TILE = ("windows", "weight", "bias", "multiplier", "out", "passes", "places")  # of tinyseg_tile_mve, a word each


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
class Pass:
    """A pass.

    Attributes:
        layouts: of each run of segments alike, and how many there are.
        pixels: up to four.
        width: one or two channels.
        output: zero point, least and greatest value of the output.
    """

    layouts: tuple[tuple[Layout, int], ...]
    pixels: int
    width: int
    output: tuple[int, int, int]

    def middle(self, layout: Layout) -> int:
        """Where the first register points, from the window's first value of the first pixel."""
        return 0 if layout.taps > 1 else max(0, (self._each - 1) * layout.step - MOST_OFFSET)

    @cached_property
    def instructions(self) -> int:
        """How many it executes."""
        total = len(self._begin) + len(self._results)
        for layout, segments in self.layouts:
            total += segments * (sum(rounds * len(code) for rounds, code in self._rounds[layout]) + 5)
        return total

    @cached_property
    def statement(self) -> list[str]:
        """The C statement of all passes of a tile, that of ``tinyseg_tile_mve *t`` and ``places`` in q7."""
        kept = {"weight": "r9", **self._kept}
        code = ["vmov s28, r11"] if self._wide else []
        code += [_field("ldr", register, name) for name, register in kept.items()]
        code += _mask(self.layouts[0][0].tail) if self._one_mask else []
        code += self.lines
        code += [_field("str", register, name) for name, register in kept.items()]
        clobbers = [f"r{n}" for n in (*range(11), 12)] + ["lr"] + [f"q{n}" for n in range(7)] + ["p0", "cc", "memory"]
        names = ", ".join(f'"{name}"' for name in clobbers)
        text = [f'    "{line}"' if line.endswith(":") else f'    "{line}\\n\\t"' for line in code]
        return ["__asm__ volatile(", *text, '    : "+r"(t)', '    : "w"(q7)', f"    : {names});"]

    @cached_property
    def lines(self) -> list[str]:
        """Instructions and labels of the loop over passes."""
        lines = ["1:", *self._begin]
        following = ["ldr r1, [r7], #4"]
        if self._wide:
            following = ["vmov r11, s29", "ldr r1, [r11], #4", "vmov s29, r11"]
        counter = "r11" if self._wide else "r5"
        for layout, segments in self.layouts:
            lines += [] if self._one_mask else _mask(layout.tail)
            lines += [*following, *(["2:"] if segments > 1 else []), *self._other_bases(layout)]
            for rounds, code in self._rounds[layout]:
                if rounds > 1:
                    lines += [f"mov {counter}, #{rounds}", "3:", *code, f"subs {counter}, {counter}, #1", "bne.w 3b"]
                else:
                    lines += code
            lines += [*following, "cmp r1, #0", "bne.w 2b"] if segments > 1 else []
        return [*lines, *self._results, "bne.w 1b"]

    @cached_property
    def _bases(self) -> int:
        """Registers that address the pixels: as many as reach all of them from the middle."""
        widest = max((layout.step for layout, _ in self.layouts if layout.taps == 1), default=0)
        for bases in (1, 2):
            if (-(-self.pixels // bases) - 1) * widest <= 2 * MOST_OFFSET - VECTOR:
                return bases
        return 4

    @property
    def _each(self) -> int:
        """Pixels of a register."""
        return -(-self.pixels // self._bases)

    @property
    def _wide(self) -> bool:
        """Whether pixels take all registers."""
        return self._bases > 2

    @cached_property
    def _kept(self) -> dict[str, str]:
        """Fields of the tile that registers hold, as pixels and rounds leave some."""
        most = max(rounds for parts in self._rounds.values() for rounds, _ in parts)
        spare = ["r3"] * (self._bases == 1) + ["r5"] * (not self._wide and most == 1)
        return dict(zip(("bias", "out"), spare, strict=False))

    @property
    def _one_mask(self) -> bool:
        """Whether one mask of lanes is enough: all segments end alike, and all results are stored."""
        return self.pixels == 4 and self.width == 2 and len({layout.tail for layout, _ in self.layouts}) == 1

    @cached_property
    def _begin(self) -> list[str]:
        """Sums begin with the bias."""
        kept = self._kept.get("bias")
        at = kept or "r1"
        lines = [] if kept else [_field("ldr", at, "bias")]
        lines.append(f"ldrd r0, r2, [{at}], #8" if self.width == 2 else f"ldr r0, [{at}], #4")
        lines += [] if kept else [_field("str", at, "bias")]
        lines += [f"mov {sum_}, {sums[0]}" for sums in SUMS[: self.width] for sum_ in sums[1 : self.pixels]]
        if self._wide:
            return [*lines, _field("ldr", "r1", "windows"), "vmov s29, r1"]
        return [*lines, _field("ldr", "r7", "windows")]

    def _other_bases(self, layout: Layout) -> list[str]:
        if layout.taps > 1:
            return []
        distance = self._each * layout.step
        return [f"addw {second}, {first}, #{distance}" for first, second in itertools.pairwise(BASES[: self._bases])]

    @cached_property
    def _rounds(self) -> dict[Layout, list[tuple[int, list[str]]]]:
        """Code of a segment, and how often each part of it runs."""
        return {layout: list(self._rounds_of(layout)) for layout, _ in self.layouts}

    def _rounds_of(self, layout: Layout) -> Iterator[tuple[int, list[str]]]:
        whole = layout.period // VECTOR
        most = max(1, MOST_CODE // (4 * len(self._units(layout, range(1)))))
        done = 0
        if whole > most:
            together = max((n for n in range(2, most + 1) if whole % n == 0), default=max(1, most // 2))
            rounds = whole // together
            done = rounds * together
            yield rounds, self._units(layout, range(together), moves=True)
        if done < layout.units:
            yield 1, self._units(layout, range(done, layout.units), moved=done)

    def _units(self, layout: Layout, units: range, *, moved: int = 0, moves: bool = False) -> list[str]:
        """Instructions of neighbouring units.

        Args:
            layout: of the segment.
            units: which.
            moved: by how many units registers have moved.
            moves: whether the registers point behind the units afterwards.
        """
        each = self.pixels if layout.taps > 1 else self._each
        end = (self.pixels - 1) * layout.step + layout.values
        width = self.width
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
                    offset = first - moved * VECTOR - self.middle(layout)
                    loads.append(Load(base, offset, masked, weights, products[base, first]))
                    weights = []
        return _with_addresses(loads, VECTOR * len(units) if moves else None)

    @cached_property
    def _results(self) -> list[str]:
        """Requantises the sums and stores them."""
        zero_point, minimum, maximum = self.output
        two = self.width == 2
        lines = ["vmov d0, r0, r4", "vmov d1, r6, r8"]
        lines += ["vmov d2, r2, r10", "vmov d3, r12, lr"] if two else []
        lines += ["vmov r11, s28"] if self._wide else []
        vectors = range(self.width)
        lines += [f"vcvt.f32.s32 q{i}, q{i}" for i in vectors]
        lines += [_field("ldr", "r1", "multiplier"), "ldrd r0, r2, [r1], #8" if two else "ldr r0, [r1], #4"]
        lines += [f"vmul.f32 q{i}, q{i}, {SUMS[i][0]}" for i in vectors]
        lines.append(_field("str", "r1", "multiplier"))
        lines += [f"vcvtn.s32.f32 q{i}, q{i}" for i in vectors]
        lines += [f"vqmovn{'bt'[i]}.s32 q2, q{i}" for i in vectors]
        lines += [_small("r1", zero_point), "vqadd.s16 q2, q2, r1"] if zero_point else []
        lines.append("vqmovnb.s16 q2, q2")
        for instruction, bound in [("vmax", minimum)] * (minimum > -128) + [("vmin", maximum)] * (maximum < 127):
            lines += [_small("r1", bound), "vdup.8 q3, r1", f"{instruction}.s8 q2, q2, q3"]
        lines += [_field("ldr", "r1", "places"), "vldrh.u16 q3, [r1]"] if self._wide else []
        kept = self._kept.get("out")
        out = kept or "r1"
        lines += [] if kept else [_field("ldr", out, "out")]
        mask = (1 << 4 * self.pixels) - 1 & (0xFFFF if two else 0x3333)  # a bit for each byte of a lane of 16 bits
        lines += [] if mask == 0xFFFF else [f"movw r0, #{mask}", "vmsr p0, r0", "vpst"]
        lines.append(f"vstrb{'' if mask == 0xFFFF else 't'}.16 q2, [{out}, {'q3' if self._wide else 'q7'}]")
        lines += [f"add {out}, {out}, #{self.width}", *([] if kept else [_field("str", out, "out")])]
        return [*lines, _field("ldr", "r1", "passes"), "subs r1, r1, #1", _field("str", "r1", "passes")]


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


def _field(instruction: str, register: str, name: str) -> str:
    """Access to a field of the tile."""
    return f"{instruction} {register}, [r11, #{4 * TILE.index(name)}]"


def _small(register: str, value: int) -> str:
    """Sets a register to an int8 value."""
    return f"mvn {register}, #{-value - 1}" if value < 0 else f"mov {register}, #{value}"


def _mask(lanes: int) -> list[str]:
    """Predicates what follows to the first lanes; 0: nothing is predicated."""
    return [f"mov r1, #{lanes}", "vctp.8 r1"] if lanes else []


def _add(register: str, amount: int) -> str:
    return f"{'add' if amount > 0 else 'sub'}w {register}, {register}, #{abs(amount)}"
