"""Assembler of the micro-kernels for the vector extension (MVE): streams of pixels past the weights of two channels.

Where a window is one or two vectors, two channels' weights stay in q0 to q3 while all pixels pass, four at a time. A
pass computes two channels: what is their own is loaded once for all pixels.

The assembler's registers: sums as ``mve_products.py`` has them; pixels' values are read at r1, results written at r3;
biases in r5 and r7, multipliers in r9 and s24 (beside their shifts in s26 and s27, where they are of two words), groups
of pixels counted in r11, whose tile waits in s25. Values pass through q4 and q5; vectors that weights leave hold
the constants of results.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyseg_tvm.codegen.programs.mve_assembler import MOST_OFFSET, VECTOR, kept_constants, narrowed, statement
from tinyseg_tvm.codegen.programs.windows.mve_products import SUMS, Layout

TOGETHER = 4  # pixels
TILE = {"weight": 0, "bias": 4, "multiplier": 8, "out": 12, "end": 16, "window": 24}  # of tinyseg_tile_mve
MOST_VECTORS = 2  # of a window
MOST_MOVE = 4095  # of results, from four pixels to the next four


@dataclass(frozen=True)
class Stream:
    """All passes of a tile.

    Attributes:
        layout: of the window, which is one segment.
        pixels: of the tile, a multiple of four.
        row: from an output pixel to the next one.
        output: zero point, least and greatest value of the output.
        fixed_point: whether multipliers are of two words (runtime/portable/tinyseg_tflite.h), all below 1/2; or float.
    """

    layout: Layout
    pixels: int
    row: int
    output: tuple[int, int, int]
    fixed_point: bool

    @staticmethod
    def takes(layout: Layout, row: int) -> bool:
        """Whether weights stay in registers, and offsets reach all pixels."""
        near = layout.step <= MOST_OFFSET and TOGETHER * row <= MOST_MOVE
        return layout.taps == 1 and layout.units <= MOST_VECTORS and near

    @property
    def statement(self) -> list[str]:
        """The C statement, that of ``t``, which points to a tile, in r11 and ``places`` in q7."""
        begin, end = self._around
        lines = ["1:", *begin]
        for number, (groups, masked) in enumerate(self._loops, start=2):
            body = self._group(masked=masked)
            lines += [f"mov r11, #{groups}", f"{number}:", *body, "subs r11, r11, #1", f"bne.w {number}b"]
        return statement([*lines, *end], '"+r"(t), "+w"(q7)')

    @property
    def pass_instructions(self) -> int:
        """How many a pass executes."""
        begin, end = self._around
        loops = sum(1 + groups * (len(self._group(masked=masked)) + 2) for groups, masked in self._loops)
        return len(begin) + len(end) + loops

    @property
    def code_bytes(self) -> int:
        """Four for an instruction."""
        begin, end = self._around
        return 4 * (len(begin) + len(end) + sum(len(self._group(masked=masked)) + 3 for _, masked in self._loops))

    @property
    def _loops(self) -> list[tuple[int, bool]]:
        """Groups of pixels, and whether vectors would reach beyond the tile: those of the last ones may."""
        groups = self.pixels // TOGETHER
        beyond = self.layout.units * VECTOR - self.layout.period
        last = min(groups, -(-beyond // (TOGETHER * self.layout.step)))
        return [loop for loop in ((groups - last, False), (last, True)) if loop[0]]

    @cached_property
    def _kept(self) -> tuple[dict[str, str], list[str]]:
        """Constants in vectors that weights leave, and what sets them."""
        return kept_constants(self.output, [f"q{n}" for n in range(2 * self.layout.units, 4)], "r0")

    @property
    def _around(self) -> tuple[list[str], list[str]]:
        """Instructions of a pass before and behind its loops."""
        begin = ["vmov s25, r11", _field("ldr", "r9", "weight")]
        begin += [f"vldrb.8 q{n}, [r9], #{VECTOR}" for n in range(2 * self.layout.units)]
        begin += [_field("str", "r9", "weight"), _field("ldr", "r0", "bias"), "ldrd r5, r7, [r0], #8"]
        begin += [_field("str", "r0", "bias"), _field("ldr", "r0", "multiplier")]
        if self.fixed_point:  # shift and twice the multiplier
            begin += ["ldrd r2, r9, [r0], #8", "ldrd r4, r6, [r0], #8"]
            begin += ["lsr.w r9, r9, #1", "lsr.w r6, r6, #1", "rsb.w r2, r2, #0", "rsb.w r4, r4, #0"]
            begin += ["vmov s24, r6", "vmov s26, r2", "vmov s27, r4"]
        else:
            begin += ["ldrd r9, r2, [r0], #8", "vmov s24, r2"]
        begin += [_field("str", "r0", "multiplier"), _field("ldr", "r3", "out"), _field("ldr", "r1", "window")]
        begin += self._kept[1]
        end = ["vmov r11, s25", _field("ldr", "r0", "out"), _field("ldr", "r2", "end"), "add.w r0, r0, #2"]
        return begin, [*end, _field("str", "r0", "out"), "cmp r0, r2", "bne.w 1b"]

    def _group(self, *, masked: bool) -> list[str]:
        """Instructions for four pixels."""
        layout = self.layout
        masked = masked and layout.tail > 0
        lines = [f"mov r0, #{layout.tail}", "vctp.8 r0"] if masked else []
        for pixel in range(TOGETHER):
            for unit in range(layout.units):
                multiply = "vmladav.s8" if unit == 0 else "vmladava.s8"
                vector = f"q{4 + (pixel * layout.units + unit) % 2}"
                # the last vector of a pixel goes on to the next one
                ends = unit == layout.units - 1
                at = f"[r1], #{layout.step - unit * VECTOR}" if ends else f"[r1], #{VECTOR}"
                last = masked and ends
                lines += ["vpst", f"vldrbt.8 {vector}, {at}"] if last else [f"vldrb.8 {vector}, {at}"]
                lines += [f"{multiply} {SUMS[c][pixel]}, q{2 * unit + c}, {vector}" for c in range(2)]
        return [*lines, *self._results()]

    def _results(self) -> list[str]:
        """Requantises the sums and stores them; goes on to the next pixels."""
        lines = []
        for c, sums in enumerate(SUMS):
            lines += [f"vmov d{8 + 2 * c}, {sums[0]}, {sums[1]}", f"vmov d{9 + 2 * c}, {sums[2]}, {sums[3]}"]
        lines += ["vadd.i32 q4, q4, r5", "vadd.i32 q5, q5, r7", "vmov r0, s24"]
        if self.fixed_point:  # ties go up, then away from zero
            lines += ["vmov r2, s26", "vmov r4, s27", "mov r6, #1"]
            lines += ["vqrdmulh.s32 q4, q4, r9", "vqrdmulh.s32 q5, q5, r0"]
            for vector in ("q4", "q5"):
                lines += [f"vpt.s32 lt, {vector}, zr", f"vsubt.i32 {vector}, {vector}, r6"]
            lines += ["vrshl.s32 q4, r2", "vrshl.s32 q5, r4"]
        else:
            for code in ("vcvt.f32.s32 {0}, {0}", "vmul.f32 {0}, {0}, {1}", "vcvtn.s32.f32 {0}, {0}"):
                lines += [code.format("q4", "r9"), code.format("q5", "r0")]
        lines += ["vqmovnb.s32 q4, q4", "vqmovnt.s32 q4, q5", *narrowed("q4", self.output, "r0", "q5", self._kept[0])]
        return [*lines, "vstrb.16 q4, [r3, q7]", f"addw r3, r3, #{TOGETHER * self.row}"]


def _field(instruction: str, register: str, name: str) -> str:
    """Access to a field of the tile."""
    return f"{instruction} {register}, [r11, #{TILE[name]}]"
