"""Micro-kernels of depthwise convolutions for the vector extension: 16 channels of a pixel at a time, nothing staged.

Values are taken where they lie, neighbouring channels in the lanes of a vector. Products have 16 bits, and so have the
sums of a *group* of taps: the weights are known, and taps are divided so that no channel's sum leaves 16 bits whatever
the values. Sums of groups are widened and added up. Pixels whose windows reach into the padding at the line's sides
have micro-kernels of their own, with the zero point in the place of what lies there.

Where 16 does not divide the channels, the last 16 ones are a block, too, which computes some of them again.

The assembler's registers: rows' values are read at r0 on, at an *anchor* from which offsets reach the taps; weights,
biases, multipliers and results at the four registers behind; then the rows' steps and the output's zero point, as far
as registers are left. r12 is free, and lr counts pixels. Sums of the first two groups are in q0 to q3 (even, odd
channels of each), then 32 bits wide in q4 to q7: channels 0 4 8 12, 1 5 9 13, 2 6 10 14 and 3 7 11 15.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tinyseg_tvm.codegen.programs.channels.direct_columns import DirectSum
from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part, Span
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.mve_assembler import MOST_OFFSET, VECTOR, set_small
from tinyseg_tvm.codegen.programs.tiled import FIXED_POINT, c_type

SUMS = ("q4", "q6", "q5", "q7")
LANES = np.arange(VECTOR).reshape(4, 4).T[[0, 2, 1, 3]]  # channels of each of these
MOST_ROWS = 6
MOST_TAPS = 36  # whose code is a loop of about 1 KiB
MOST_BYTES = 4095  # that one addition reaches
FREE = tuple(f"r{n}" for n in range(11))  # what addresses, steps and the zero point lie in
AROUND_TILE = 40.0  # instructions of a call
MOST_TRIALS = 4000  # of taps in groups, in search of a group less

Bounds = tuple[np.ndarray, np.ndarray]
"""Greatest and least sums of products."""


@dataclass(frozen=True)
class LanesSum(DirectSum):
    """One output line, whose lanes are neighbouring channels."""


@dataclass(frozen=True)
class MveLanesKernel(ChannelKernel):
    """Vectors of 16 channels times those of their weights.

    Attributes:
        groups: taps [row * taps + tap] whose products are summed in 16 bits, in the order in which weights lie.
    """

    sum: LanesSum
    groups: tuple[tuple[int, ...], ...] = field(default=())
    name = "mve"
    module = "tinyseg_lanes_mve"
    together = 1

    @classmethod
    def of(cls, s: ChannelSum, weight: np.ndarray, _bias: np.ndarray, _multiplier: np.ndarray, /) -> MveLanesKernel:
        """With groups of taps for these weights."""
        if not isinstance(s, LanesSum):
            raise TypeError(s)
        return cls(s, groups_of(weight.reshape(weight.shape[0], -1)))

    def staged_bytes(self, _columns: int, /) -> int:
        """Nothing is staged."""
        return 0

    @property
    def suits(self) -> bool:
        """Whether there are channels for a vector, and registers and offsets for the window."""
        s = self.sum
        taps = s.rows * s.taps
        small = s.rows <= MOST_ROWS and taps <= MOST_TAPS and s.reach * s.channels <= MOST_BYTES
        return small and s.channels >= VECTOR and all(span.columns for span in s.spans)

    @property
    def padding(self) -> int:
        """As many as a window has columns: a missing line goes on with the same ones."""
        return self.sum.reach * self.sum.channels

    @property
    def weight_bytes(self) -> int:
        """Those of channels that are computed again, too."""
        return len(self.firsts) * VECTOR * self.sum.weights

    @property
    def firsts(self) -> list[int]:
        """First channel of each block."""
        channels = self.sum.channels
        return [*range(0, channels - VECTOR, VECTOR), channels - VECTOR]

    def packed(self, weight: np.ndarray) -> np.ndarray:
        """[block][tap, group by group][channel]."""
        flat = weight.reshape(weight.shape[0], -1)
        order = list(itertools.chain(*self.groups))
        return np.concatenate([flat[first : first + VECTOR, order].T.reshape(-1) for first in self.firsts])

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """[block][vector][lane]; multipliers of two words: [block][vector][shift to the left, or multiplier][lane]."""
        vectors = np.stack([values[first : first + VECTOR][LANES] for first in self.firsts])
        if values.dtype != np.int64:
            return vectors.reshape(-1)
        shifts = -(vectors & 0xFFFFFFFF)
        words = np.stack([shifts, vectors.view(np.uint64) >> np.uint64(33)], axis=2).astype(np.int32)
        return words.reshape(-1).view(np.int64)

    def stage_source(self, part: Part) -> str:
        """Nothing is staged."""
        raise NotImplementedError

    def function(self, part: Part, pixels: int) -> str:
        """Name of the function of a part's tile."""
        return f"{PLACEHOLDER}_{pixels}_{part.span.before}_{part.span.columns}"

    def source(self, part: Part, pixels: int) -> str:
        """C of the function of a part's tile."""
        s = self.sum
        code = LanesCode(self, part.span, pixels)
        rows = range(s.rows)
        lines = "".join(f"int8_t *line_{row}, int32_t step_{row}, " for row in rows)
        at = ", ".join(f"line_{row} + {code.anchor}" for row in rows)
        steps = ", ".join(f"step_{row} * {s.stride} - {code.moved[row]}" for row in rows)
        body = [
            f"static void {self.function(part, pixels)}"
            f"({lines}int8_t *weight, int32_t *bias, {c_type(s.multiplier)} *multiplier, int8_t *out)",
            "{",
            "#if TINYSEG_MVE",
            "    struct {",
            f"        const int8_t *rows[{s.rows}];",
            "        int8_t *out;",
            "        int32_t blocks;",
            "        const int8_t *weight;",
            "        const int32_t *bias;",
            f"        const {c_type(s.multiplier)} *multiplier;",
            f"        int32_t steps[{s.rows}];",
            f"    }} tile = {{{{{at}}}, out, {len(self.firsts)}, weight + {code.weight_anchor}, bias, multiplier,"
            f" {{{steps}}}}};",
            '    register void *t __asm__("r11") = &tile;',
            *(f"    {line}" for line in code.statement),
            "#else",
            *(f"    {line}" for line in self._twin(part.span, pixels)),
            "#endif",
            "}",
            "",
        ]
        return "\n".join(body)

    def _twin(self, span: Span, pixels: int) -> list[str]:
        """The same in C."""
        s = self.sum
        order = ", ".join(map(str, itertools.chain(*self.groups)))
        inside = f"tap >= 0 && tap < {span.columns}"
        place = f"(p * {s.stride} + tap * {s.dilation})"
        return [
            self.output,
            f"static const uint8_t order[{s.weights}] = {{{order}}};",
            f"const int8_t *const rows[{s.rows}] = {{{', '.join(f'line_{row}' for row in range(s.rows))}}};",
            f"const int32_t steps[{s.rows}] = {{{', '.join(f'step_{row}' for row in range(s.rows))}}};",
            f"for (int32_t k = 0; k < {len(self.firsts) * VECTOR}; ++k) {{",
            f"    const int32_t block = k / {VECTOR};",
            f"    const int32_t lane = k % {VECTOR};",
            f"    const int32_t first = block < {len(self.firsts) - 1} ? {VECTOR} * block : {s.channels - VECTOR};",
            f"    for (int32_t p = 0; p < {pixels}; ++p) {{",
            "        int32_t sum = 0;",
            f"        for (int32_t i = 0; i < {s.weights}; ++i) {{",
            f"            const int32_t row = order[i] / {s.taps};",
            f"            const int32_t tap = order[i] % {s.taps} - {span.before};",
            f"            const int32_t at = {place} * steps[row] + first + lane;",
            f"            const int32_t x = {inside} ? rows[row][at] : {s.zero_point};",
            f"            sum += x * weight[(block * {s.weights} + i) * {VECTOR} + lane];",
            "        }",
            f"        const int32_t own = {VECTOR} * block;",
            "        const int8_t result = tinyseg_lane_result(sum, bias + own, multiplier + own, lane, &output);",
            f"        out[p * {s.channels} + first + lane] = result;",
            "    }",
            "}",
        ]

    def tile_cycles(self, part: Part, pixels: int, _requantize: int, /) -> float:
        """About one for an instruction."""
        return LanesCode(self, part.span, pixels).executed + AROUND_TILE

    def code_bytes(self, tiles: Sequence[tuple[Part, int]]) -> int:
        """Four for an instruction."""
        own = {(pixels, part.span.before, part.span.columns): part.span for part, pixels in tiles}
        return sum(4 * len(LanesCode(self, span, n).lines) + 120 for (n, *_), span in own.items())


def groups_of(weight: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Taps of (channels, taps) int8 weights in few groups whose sums of products stay in 16 bits.

    Each tap goes to the first group that has room for it, those of the greatest weights first; then a search of limited
    size looks for a group less.
    """
    products = [weight.astype(np.int64) * x for x in (-128, 127)]
    bounds = np.maximum(*products), np.minimum(*products)
    order = [int(tap) for tap in np.argsort(-np.abs(weight.astype(np.int64)).sum(axis=0), kind="stable")]
    found = _divided(bounds, order, len(order), len(order) + 1)
    while found is not None:
        groups = found
        found = _divided(bounds, order, len(groups) - 1, MOST_TRIALS)
    return tuple(tuple(sorted(group)) for group in groups)


def _divided(bounds: Bounds, order: Sequence[int], most: int, trials: int) -> list[list[int]] | None:
    """Taps in ``most`` groups at the most; None: there are none such, or none found in so many trials."""
    groups: list[list[int]] = []
    sums: list[Bounds] = []
    left = trials

    def place(number: int) -> bool:
        nonlocal left
        left -= 1
        if number == len(order):
            return True
        tap = order[number]
        own = bounds[0][:, tap], bounds[1][:, tap]
        for group in range(min(len(groups) + 1, most)):
            if left < 0:
                return False
            if group == len(groups):
                groups.append([])
                sums.append((np.zeros_like(own[0]), np.zeros_like(own[1])))
            before = sums[group]
            after = before[0] + own[0], before[1] + own[1]
            if after[0].max() < 1 << 15 and after[1].min() >= -(1 << 15):
                groups[group].append(tap)
                sums[group] = after
                if place(number + 1):
                    return True
                groups[group].pop()
                sums[group] = before
            if not groups[group]:
                groups.pop()
                sums.pop()
        return False

    return groups if most > 0 and place(0) else None


@dataclass(frozen=True)
class LanesCode:
    """Assembler of a tile.

    Attributes:
        kernel: the micro-kernels.
        span: whose taps lie in the line.
        pixels: of the tile.
    """

    kernel: MveLanesKernel
    span: Span
    pixels: int

    @property
    def anchor(self) -> int:
        """Where rows' addresses point, from the first column: in the middle of what offsets reach, or before."""
        last = (self.span.columns - 1) * self.kernel.sum.dilation * self.kernel.sum.channels
        return min(MOST_OFFSET, (last + 1) // 2)

    @cached_property
    def moved(self) -> tuple[int, ...]:
        """How far each row's address is moved by a pixel's products."""
        return self._pixel[1]

    @property
    def weight_anchor(self) -> int:
        """The same of weights; 0: addresses go on with each tap."""
        last = (self.kernel.sum.weights - 1) * VECTOR
        return last // 2 // VECTOR * VECTOR if last <= 2 * MOST_OFFSET - VECTOR else 0

    @property
    def executed(self) -> int:
        """Instructions of all blocks."""
        around = len(self._begin) + len(self._end) + (2 if self.pixels > 1 else 0)
        pixel = len(self._pixel[0]) + (1 if self.pixels > 1 else 0)
        return len(self._prologue) + len(self.kernel.firsts) * (around + self.pixels * pixel)

    @cached_property
    def lines(self) -> list[str]:
        """All instructions and labels."""
        pixel = self._pixel[0]
        if self.pixels > 1:
            pixel = [f"movw r12, #{self.pixels}", "dls lr, r12", "2:", *pixel, "le lr, 2b"]
        return [*self._prologue, "1:", *self._begin, *pixel, *self._end]

    @property
    def statement(self) -> list[str]:
        """The C statement, that of ``t``, which points to a tile, in r11."""
        clobbers = [*FREE, "r12", "lr", *(f"q{n}" for n in range(8)), "p0", "cc", "memory"]
        names = ", ".join(f'"{name}"' for name in clobbers)
        text = [f'    "{line}"' if line.endswith(":") else f'    "{line}\\n\\t"' for line in self.lines]
        return ["__asm__ volatile(", *text, '    : "+r"(t)', "    :", f"    : {names});"]

    @cached_property
    def _registers(self) -> dict[str, str]:
        """Of addresses; of steps and the output's zero point where there are some left."""
        rows = self.kernel.sum.rows
        names = [*(f"row{row}" for row in range(rows)), "weight", "bias", "multiplier", "out"]
        left = len(FREE) - len(names)
        if left >= rows and self.pixels > 1:
            names += [f"step{row}" for row in range(rows)]
            left -= rows
        names += ["zero_point"] * (left > 0)
        return dict(zip(names, FREE, strict=False))

    def _field(self, name: str, index: int = 0) -> str:
        """Where a field of the tile lies."""
        rows = self.kernel.sum.rows
        names = ["out", "blocks", "weight", "bias", "multiplier", "steps"]
        word = index if name == "rows" else rows + names.index(name) + index
        return f"[r11, #{4 * word}]"

    @cached_property
    def _prologue(self) -> list[str]:
        """What stays in registers for all blocks."""
        registers = self._registers
        lines = [f"ldr {registers[name]}, {self._field(name)}" for name in ("weight", "bias", "multiplier")]
        rows = range(self.kernel.sum.rows)
        lines += [f"ldr {registers[f'step{r}']}, {self._field('steps', r)}" for r in rows if f"step{r}" in registers]
        if "zero_point" in registers:
            lines.append(set_small(registers["zero_point"], self.kernel.sum.output[0]))
        return lines

    @cached_property
    def _begin(self) -> list[str]:
        """Addresses of a block."""
        registers = self._registers
        names = [(registers[f"row{row}"], self._field("rows", row)) for row in range(self.kernel.sum.rows)]
        names.append((registers["out"], self._field("out")))
        return [f"ldr {register}, {at}" for register, at in names]

    @cached_property
    def _end(self) -> list[str]:
        """Goes on to the next block; the last one begins so that it ends with the last channel."""
        s, registers = self.kernel.sum, self._registers
        blocks = len(self.kernel.firsts)
        if blocks == 1:
            return []
        rest = s.channels % VECTOR
        lines = [f"ldr r12, {self._field('blocks')}", "subs r12, r12, #1", f"str r12, {self._field('blocks')}"]
        lines += ["beq.w 3f"]
        lines += [] if not rest else ["cmp r12, #1", "ite eq", f"moveq r12, #{rest}", f"movne r12, #{VECTOR}"]
        amount = "r12" if rest else f"#{VECTOR}"
        for name, index in [*(("rows", row) for row in range(s.rows)), ("out", 0)]:
            register = registers[f"row{index}" if name == "rows" else name]
            at = self._field(name, index)
            lines += [f"ldr {register}, {at}", f"add.w {register}, {register}, {amount}", f"str {register}, {at}"]
        own = 8 if s.multiplier == FIXED_POINT else 4
        lines += [f"addw {registers['weight']}, {registers['weight']}, #{self._weights_left}"]
        lines += [f"addw {registers['bias']}, {registers['bias']}, #{4 * VECTOR}"]
        lines += [f"addw {registers['multiplier']}, {registers['multiplier']}, #{own * VECTOR}"]
        return [*lines, "b.w 1b", "3:"]

    @property
    def _weights_left(self) -> int:
        """From where weights' address is after a pixel to the next block's."""
        return VECTOR * self.kernel.sum.weights

    @cached_property
    def _pixel(self) -> tuple[list[str], tuple[int, ...]]:
        """Instructions of a pixel of a block, and how far its products move rows' addresses."""
        taps = _Taps(self)
        first = taps.first_groups(self.kernel.groups[:2])
        for group in self.kernel.groups[2:]:
            first += taps.another_group(group)
        lines = [*first, *self._results]
        if self.weight_anchor == 0:
            weight = self._registers["weight"]
            lines.append(f"subw {weight}, {weight}, #{self._weights_left}")
        if self.pixels > 1:
            for row in range(self.kernel.sum.rows):
                register = self._registers[f"row{row}"]
                step = self._registers.get(f"step{row}", "r12")
                lines += [] if step != "r12" else [f"ldr r12, {self._field('steps', row)}"]
                lines.append(f"add.w {register}, {register}, {step}")
        return lines, tuple(taps.moved)

    @property
    def _results(self) -> list[str]:
        """Requantises the sums and stores them."""
        s, registers = self.kernel.sum, self._registers
        bias, multiplier, out = (registers[name] for name in ("bias", "multiplier", "out"))
        lines = []
        for i, q in enumerate(SUMS):
            lines += [f"vldrw.u32 q0, [{bias}, #{16 * i}]", f"vadd.i32 {q}, {q}, q0"]
        for i, q in enumerate(SUMS):
            if s.multiplier == FIXED_POINT:  # ties go up, then away from zero
                lines += [f"vldrw.u32 q0, [{multiplier}, #{32 * i + 16}]", f"vldrw.u32 q1, [{multiplier}, #{32 * i}]"]
                lines += [f"vqrdmulh.s32 {q}, {q}, q0", f"vshr.s32 q0, {q}, #31"]
                lines += [f"vadd.i32 {q}, {q}, q0", f"vrshl.s32 {q}, {q}, q1"]
            else:
                lines += [f"vldrw.u32 q0, [{multiplier}, #{16 * i}]", f"vcvt.f32.s32 {q}, {q}"]
                lines += [f"vmul.f32 {q}, {q}, q0", f"vcvtn.s32.f32 {q}, {q}"]
        lines += ["vqmovnb.s32 q4, q4", "vqmovnt.s32 q4, q6", "vqmovnb.s32 q5, q5", "vqmovnt.s32 q5, q7"]
        zero_point, minimum, maximum = s.output
        if zero_point:
            register = registers.get("zero_point", "r12")
            lines += [] if register != "r12" else [set_small("r12", zero_point)]
            lines += [f"vqadd.s16 {q}, {q}, {register}" for q in ("q4", "q5")]
        lines += ["vqmovnb.s16 q4, q4", "vqmovnt.s16 q4, q5"]
        for instruction, bound in [("vmax", minimum)] * (minimum > -128) + [("vmin", maximum)] * (maximum < 127):
            lines += [set_small("r12", bound), "vdup.8 q0, r12", f"{instruction}.s8 q4, q4, q0"]
        if self.pixels > 1 and s.channels <= MOST_OFFSET:
            return [*lines, f"vstrb.8 q4, [{out}], #{s.channels}"]
        on = [f"addw {out}, {out}, #{s.channels}"] if self.pixels > 1 else []
        return [*lines, f"vstrb.8 q4, [{out}]", *on]


class _Taps:
    """Writes a pixel's products; keeps account of where addresses point."""

    def __init__(self, code: LanesCode) -> None:
        self._code = code
        self._sum = code.kernel.sum
        self.moved = [0] * self._sum.rows
        self._tap = 0

    def first_groups(self, groups: Sequence[Sequence[int]]) -> list[str]:
        """Of one or two groups, whose sums are then widened."""
        lines = self._zero_points("q7") if self._has_padding else []
        for group, (even, odd) in zip(groups, (("q0", "q1"), ("q2", "q3")), strict=False):
            for i, tap in enumerate(group):
                x, load = ("q7", []) if self._outside(tap) else ("q4", self._value("q4", tap))
                lines += [*load, self._weight("q5")]
                for sums, half in ((even, "b"), (odd, "t")):
                    if i == 0:
                        lines.append(f"vmull{half}.s8 {sums}, {x}, q5")
                    else:
                        lines += [f"vmull{half}.s8 q6, {x}, q5", f"vadd.i16 {sums}, {sums}, q6"]
        lines += [f"vmovl{h}.s16 {q}, {sums}" for q, (sums, h) in zip(SUMS, _HALVES, strict=True)]
        return lines + (self._added("q2", "q3") if len(groups) > 1 else [])

    def another_group(self, group: Sequence[int]) -> list[str]:
        """Of a group beside the sums of others: values are loaded for even channels, and again for odd ones."""
        lines = []
        for i, tap in enumerate(group):
            again = self._zero_points("q2") if self._outside(tap) else self._value("q2", tap)
            lines += [*again, self._weight("q3")]
            if i == 0:
                lines += ["vmullb.s8 q0, q2, q3", "vmullt.s8 q1, q2, q3"]
                continue
            again = again[-1:]  # whose address was moved
            lines += ["vmullb.s8 q2, q2, q3", "vadd.i16 q0, q0, q2", *again]
            lines += ["vmullt.s8 q2, q2, q3", "vadd.i16 q1, q1, q2"]
        lines += ["vmovlb.s16 q2, q0", "vadd.i32 q4, q4, q2", "vmovlt.s16 q0, q0", "vadd.i32 q6, q6, q0"]
        return [*lines, "vmovlb.s16 q2, q1", "vadd.i32 q5, q5, q2", "vmovlt.s16 q1, q1", "vadd.i32 q7, q7, q1"]

    @staticmethod
    def _added(even: str, odd: str) -> list[str]:
        """Widens the sums of a second group."""
        lines = [f"vmovlb.s16 q0, {even}", "vadd.i32 q4, q4, q0", f"vmovlt.s16 {even}, {even}"]
        lines += [f"vadd.i32 q6, q6, {even}", f"vmovlb.s16 q0, {odd}", "vadd.i32 q5, q5, q0"]
        return [*lines, f"vmovlt.s16 {odd}, {odd}", f"vadd.i32 q7, q7, {odd}"]

    @property
    def _has_padding(self) -> bool:
        first = itertools.chain(*self._code.kernel.groups[:2])
        return any(self._outside(tap) for tap in first)

    def _outside(self, tap: int) -> bool:
        """Whether it lies in the padding at a side."""
        span = self._code.span
        return not span.before <= tap % self._sum.taps < span.before + span.columns

    def _zero_points(self, vector: str) -> list[str]:
        return [set_small("r12", self._sum.zero_point), f"vdup.8 {vector}, r12"]

    def _value(self, vector: str, tap: int) -> list[str]:
        """Loads a tap's values; moves the row's address where its offset does not reach them."""
        s = self._sum
        row, column = divmod(tap, s.taps)
        register = self._code._registers[f"row{row}"]
        place = (column - self._code.span.before) * s.dilation * s.channels - self._code.anchor
        offset = place - self.moved[row]
        lines = []
        if abs(offset) > MOST_OFFSET:
            lines.append(f"{'subw' if offset < 0 else 'addw'} {register}, {register}, #{abs(offset)}")
            self.moved[row], offset = place, 0
        return [*lines, f"vldrb.8 {vector}, [{register}, #{offset}]"]

    def _weight(self, vector: str) -> str:
        """Loads the next tap's weights."""
        register, anchor = self._code._registers["weight"], self._code.weight_anchor
        self._tap += 1
        if anchor:
            return f"vldrb.8 {vector}, [{register}, #{(self._tap - 1) * VECTOR - anchor}]"
        return f"vldrb.8 {vector}, [{register}], #{VECTOR}"


_HALVES = (("q0", "b"), ("q0", "t"), ("q1", "b"), ("q1", "t"))  # of the first group, in the order of SUMS
