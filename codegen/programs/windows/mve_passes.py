"""Assembler of the micro-kernels for the vector extension (MVE): passes over the windows of up to four pixels.

A pass computes two channels, the last one of an odd number one: products (``mve_products.py``), then requantisation.
Few segments stand one after the other (*straight*), others are a loop over a list that ends with NULL.

The tile is in r11 with what registers do not hold of it; the list of segments in r7, rounds are counted in r5. In a
loop over pixels with four addresses, the list's and the tile's wait in s29 and s28, and r11 counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tinyseg_tvm.codegen.programs.mve_assembler import narrowed, statement
from tinyseg_tvm.codegen.programs.windows.mve_products import BASES, SUMS, Layout, Products, bases_of

TILE = ("weight", "bias", "multiplier", "out", "end", "places")  # of tinyseg_tile_mve, a word each; windows follow
LARGEST_PASS = 1020  # bytes of one without loops


@dataclass(frozen=True)
class Passes:
    """All passes of a tile.

    Attributes:
        layouts: of each run of segments alike, and how many there are.
        pixels: up to four.
        channels: of the tile.
        output: zero point, least and greatest value of the output.
        straight: whether there is no loop over segments, nor over parts of them.
        fixed_point: whether multipliers are of two words (runtime/portable/tinyseg_tflite.h), all below 1/2; or float.
    """

    layouts: tuple[tuple[Layout, int], ...]
    pixels: int
    channels: int
    output: tuple[int, int, int]
    straight: bool
    fixed_point: bool

    @staticmethod
    def of(
        layouts: tuple[tuple[Layout, int], ...],
        pixels: int,
        channels: int,
        output: tuple[int, int, int],
        *,
        fixed_point: bool,
    ) -> Passes:
        """Straight ones, if they are small."""
        passes = Passes(layouts, pixels, channels, output, straight=True, fixed_point=fixed_point)
        whole = all(rounds == 1 for products in passes._every for rounds, _ in products.rounds)
        small = whole and 4 * passes._pass(passes.widths[0][0])[1] <= LARGEST_PASS
        return passes if small else replace(passes, straight=False)

    @property
    def widths(self) -> list[tuple[int, int]]:
        """Channels of a pass, and how many passes there are of them."""
        return [(width, count) for width, count in ((2, self.channels // 2), (1, self.channels % 2)) if count]

    def middle(self, layout: Layout) -> int:
        """Where a segment's window begins, from the window's first value of the first pixel."""
        return self._products(layout, 1).middle

    @property
    def instructions(self) -> int:
        """How many are executed."""
        return len(self._prologue) + sum(self._pass(width)[1] * count for width, count in self.widths)

    @property
    def code_bytes(self) -> int:
        """Four for an instruction."""
        return 4 * sum(not line.endswith(":") for line in self._lines)

    @property
    def statement(self) -> list[str]:
        """The C statement, that of ``t``, which points to a tile, in r11 and ``places`` in q7."""
        return statement(self._lines, '"+r"(t), "+w"(q7)')

    @property
    def _lines(self) -> list[str]:
        return [*self._prologue, *(line for width, _ in self.widths for line in self._pass(width)[0])]

    def _products(self, layout: Layout, width: int) -> Products:
        return Products(layout, self.pixels, width, self._bases)

    @property
    def _every(self) -> list[Products]:
        """Of each run of segments, for passes of each width."""
        return [self._products(layout, width) for layout, _ in self.layouts for width, _ in self.widths]

    @cached_property
    def _bases(self) -> int:
        return bases_of([layout for layout, _ in self.layouts], self.pixels)

    @property
    def _wide(self) -> bool:
        """Whether pixels take all registers, and a loop is to be counted."""
        return self._bases > 2 and not self.straight

    @cached_property
    def _stays(self) -> bool:
        """Whether addresses of pixels are the same in every pass."""
        once = self.straight and len(self.layouts) == 1 and self.layouts[0][1] == 1
        return once and all(products.keeps_bases for products in self._every)

    @cached_property
    def _kept(self) -> dict[str, str]:
        """Fields of the tile that registers hold, as pixels and rounds leave some."""
        if self.straight:
            spare = list(BASES[self._bases :])
        else:
            most = max(rounds for products in self._every for rounds, _ in products.rounds)
            spare = ["r3"] * (self._bases == 1) + ["r5"] * (not self._wide and most == 1)
        kept = dict(zip(("bias", "out", "multiplier"), spare, strict=False))
        return {**kept, "end": "r11"} if len(kept) == 3 and self._stays else kept

    @cached_property
    def _one_mask(self) -> bool:
        """Whether one mask of lanes is enough."""
        return len({layout.tail for layout, _ in self.layouts if layout.tail}) <= 1

    @cached_property
    def _prologue(self) -> list[str]:
        lines = ["vmov s28, r11"] if self._wide else []
        lines += _mask(max(layout.tail for layout, _ in self.layouts)) if self._one_mask else []
        if self._stays:
            lines += self._addresses(self.layouts[0][0], 0)
        return lines + [_field("ldr", register, name) for name, register in {"weight": "r9", **self._kept}.items()]

    def _addresses(self, layout: Layout, segment: int) -> list[str]:
        """Sets the addresses of pixels."""
        return [f"ldr r1, [r11, #{_windows(segment)}]", *self._products(layout, self.widths[0][0]).other_bases]

    def _pass(self, width: int) -> tuple[list[str], int]:
        """Instructions and labels of all passes of a width; how many are executed in each of them."""
        lines, executed = self._straight_pass(width) if self.straight else self._looping_pass(width)
        results = self._results(width)
        several = dict(self.widths)[width] > 1
        code = [*lines, *results]
        return (["1:", *code, "bne.w 1b"] if several else code), executed + len(results) + several

    def _straight_pass(self, width: int) -> tuple[list[str], int]:
        lines: list[str] = []
        segment = 0
        for layout, segments in self.layouts:
            lines += [] if self._one_mask else _mask(layout.tail)
            for _ in range(segments):
                lines += [] if self._stays else self._addresses(layout, segment)
                lines += [line for _, code in self._products(layout, width).rounds for line in code]
                segment += 1
        lines = _fresh(lines)
        return lines, len(lines)

    def _looping_pass(self, width: int) -> tuple[list[str], int]:
        """Sums begin with the bias."""
        lines = [*self._next("bias", width)]
        lines += [f"mov {sum_}, {sums[0]}" for sums in SUMS[:width] for sum_ in sums[1 : self.pixels]]
        following = ["ldr r1, [r7], #4"]
        if self._wide:
            lines += [f"addw r1, r11, #{_windows(0)}", "vmov s29, r1"]
            following = ["vmov r11, s29", "ldr r1, [r11], #4", "vmov s29, r11"]
        else:
            lines.append(f"addw r7, r11, #{_windows(0)}")
        executed = len(lines)
        counter = "r11" if self._wide else "r5"
        for layout, segments in self.layouts:
            products = self._products(layout, width)
            begin = [*([] if self._one_mask else _mask(layout.tail)), *following]
            inner = list(products.other_bases)
            each = len(inner)
            for rounds, code in products.rounds:
                if rounds > 1:
                    loop = [*code, f"subs {counter}, {counter}, #1", "bne.w 3b"]
                    inner += [f"mov {counter}, #{rounds}", "3:", *loop]
                    each += 1 + rounds * len(loop)
                else:
                    inner += code
                    each += len(code)
            end = [*following, "cmp r1, #0", "bne.w 2b"] if segments > 1 else []
            lines += [*begin, *(["2:"] if segments > 1 else []), *inner, *end]
            executed += len(begin) + segments * (each + len(end))
        return lines, executed

    def _next(self, name: str, width: int) -> list[str]:
        """Loads what a field points to, for each channel, to r0 and r2, and moves it."""
        kept = self._kept.get(name)
        at = kept or "r4"
        load = f"ldrd r0, r2, [{at}], #8" if width == 2 else f"ldr r0, [{at}], #4"
        return [load] if kept else [_field("ldr", at, name), load, _field("str", at, name)]

    def _results(self, width: int) -> list[str]:
        """Requantises the sums and stores them; those of pixels that are not there are those of the last one."""
        vectors = range(width)
        lines = []
        for c in vectors:
            at = [SUMS[c][min(pixel, self.pixels - 1)] for pixel in range(4)]
            lines += [f"vmov d{2 * c}, {at[0]}, {at[1]}", f"vmov d{2 * c + 1}, {at[2]}, {at[3]}"]
        lines += ["vmov r11, s28"] if self._wide else []
        if self.straight:
            lines += self._next("bias", width)
            lines += [f"vadd.i32 q{i}, q{i}, {SUMS[i][0]}" for i in vectors]
        lines += self._multiplied_twice(width) if self.fixed_point else self._multiplied(width)
        lines += [f"vqmovn{'bt'[i]}.s32 q2, q{i}" for i in vectors]
        lines += narrowed("q2", self.output, "r4", "q3")
        return lines + self._store(width)

    def _multiplied(self, width: int) -> list[str]:
        """Rounded products with float32."""
        vectors = range(width)
        return [
            *(f"vcvt.f32.s32 q{i}, q{i}" for i in vectors),
            *self._next("multiplier", width),
            *(f"vmul.f32 q{i}, q{i}, {SUMS[i][0]}" for i in vectors),
            *(f"vcvtn.s32.f32 q{i}, q{i}" for i in vectors),
        ]

    def _multiplied_twice(self, width: int) -> list[str]:
        """Products rounded ties up, and shifted to the right ties away from zero."""
        vectors = range(width)
        kept = self._kept.get("multiplier")
        at = kept or "r4"
        pairs = [(SUMS[i][0], SUMS[i][3]) for i in vectors]  # shift and twice the multiplier
        loads = [f"ldrd {shift}, {twice}, [{at}], #8" for shift, twice in pairs]
        lines = loads if kept else [_field("ldr", at, "multiplier"), *loads, _field("str", at, "multiplier")]
        for i, (shift, twice) in enumerate(pairs):
            lines += [f"lsr.w {twice}, {twice}, #1", f"rsb.w {shift}, {shift}, #0"]
            lines += [f"vqrdmulh.s32 q{i}, q{i}, {twice}", f"vshr.s32 q{2 + i}, q{i}, #31"]
        lines += [f"vadd.i32 q{i}, q{i}, q{2 + i}" for i in vectors]
        return lines + [f"vrshl.s32 q{i}, {shift}" for i, (shift, _) in enumerate(pairs)]

    def _store(self, width: int) -> list[str]:
        """Stores the results, and compares with the end where passes follow."""
        places = "q7"
        lines = []
        if self._wide:
            places = "q3"
            lines += [_field("ldr", "r0", "places"), "vldrh.u16 q3, [r0]"]
        kept = self._kept.get("out")
        out = kept or "r4"
        lines += [] if kept else [_field("ldr", out, "out")]
        if width == 1:  # a word for each pixel: of two places, the first
            return [*lines, f"vmovlb.u16 q3, {places}", f"vstrb.32 q2, [{out}, q3]"]
        lines += [f"vstrb.16 q2, [{out}, {places}]", f"add {out}, {out}, #2"]
        lines += [] if kept else [_field("str", out, "out")]
        if self.channels < 4:
            return lines
        end = self._kept.get("end")
        return [*lines, *([] if end else [_field("ldr", "r0", "end")]), f"cmp {out}, {end or 'r0'}"]


def _fresh(lines: Sequence[str]) -> list[str]:
    """The first products of each sum are not added to what was there."""
    fresh = []
    met: set[str] = set()
    for line in lines:
        name, _, operands = line.partition(" ")
        first = name == "vmladava.s8" and operands.partition(",")[0] not in met
        met.update([operands.partition(",")[0]] if first else [])
        fresh.append(f"vmladav.s8 {operands}" if first else line)
    return fresh


def _windows(segment: int) -> int:
    """Offset of a segment's address in the tile."""
    return 4 * (len(TILE) + segment)


def _field(instruction: str, register: str, name: str) -> str:
    """Access to a field of the tile."""
    return f"{instruction} {register}, [r11, #{4 * TILE.index(name)}]"


def _mask(lanes: int) -> list[str]:
    """Predicates what follows to the first lanes; 0: nothing is predicated."""
    return [f"mov r1, #{lanes}", "vctp.8 r1"] if lanes else []
