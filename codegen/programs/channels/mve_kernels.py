"""Micro-kernels of depthwise convolutions for the vector extension: eight pixels' sums of a channel at a time.

Columns lie as ``mve_columns.py`` has them: a vector is four columns of a channel, and VMLADAVA sums its products with a
piece of the channel's weights. Where two or four pixels' windows lie in one vector, it is loaded once for all of them.

The assembler's registers: sums in the even ones, as VMLADAVA needs; the pixels' columns in r1, results in r3, the
multiplier (or the address of one of two words) in r5, the bias in r7, groups of pixels counted in r9, the tile in r11,
places of results in q7. Weights stay in q2 to q6 for all pixels where they fit; otherwise r11 reads them, and the
tile's address waits in s24. Vectors of these that weights leave hold the constants of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_columns import COLUMNS, ROWS, MveSum
from tinyseg_tvm.codegen.programs.channels.sum import Part
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.mve_assembler import MOST_OFFSET, VECTOR, kept_constants, narrowed, statement
from tinyseg_tvm.codegen.programs.tiled import FIXED_POINT, c_type

PIXELS = 8
SUMS = ("r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr")
MOST_RESIDENT = 5  # vectors of weights
MOST_PLACE = 65535  # of a result, from a group's first one
MOST_PRODUCTS = 200  # instructions of a plane's or of all planes' products that stand side by side
STAGED = {1: 10, 2: 14, 3: 22, 4: 26}  # instructions for a column of so many rows
TOGETHER = 8  # columns, at the least, of three rows of all 3, 4, 8 or 16 channels that are staged by whole vectors
STAGED_TOGETHER = {3: 25, 4: 19, 8: 19, 16: 19}  # instructions for a vector of these
STAGED_IN_PART = 5  # more, of less than 16 channels


@dataclass(frozen=True)
class MveChannelKernel(ChannelKernel):
    """Vectors of four columns times pieces of weights."""

    sum: MveSum
    name = "mve"
    module = "tinyseg_planes_mve"
    together = PIXELS
    zeros = VECTOR

    def staged_bytes(self, columns: int) -> int:
        """Of so many columns, and of what the last vector reaches beyond."""
        s = self.sum
        channels = 4 * -(-min(s.block, s.channels) // 4)
        last = (columns - s.reach) // s.stride // s.sharing * s.sharing * s.stride
        beyond = max(0, last + s.pieces[-1] + COLUMNS - columns)
        return ROWS * (channels * s.planes * columns + beyond)

    @property
    def suits(self) -> bool:
        """Whether code and places of results are within limits."""
        s = self.sum
        return len(s.pieces) * 2 * PIXELS <= MOST_PRODUCTS and (PIXELS - 1) * s.channels <= MOST_PLACE

    def stage_source(self, part: Part) -> str:
        """C of the function that stages columns."""
        return self._staging(part, "tinyseg_stage_planes", self.sum.rows, part.channels)

    def function(self, part: Part, pixels: int) -> str:
        """Name of the function of a part's tile."""
        return f"{PLACEHOLDER}_{pixels}x{part.channels}_{part.span.total}"

    def source(self, part: Part, pixels: int) -> str:
        """C of the function of a part's tile."""
        s = self.sum
        code = _code(s, pixels, part.span.total * ROWS)
        places = ", ".join(str((lane // 2 + lane % 2 * 4) * s.channels) for lane in range(8))
        lines = [
            f"static void {self.function(part, pixels)}"
            f"(int8_t *columns, int8_t *weight, int32_t *bias, {c_type(s.multiplier)} *multiplier, int8_t *out)",
            "{",
            f"    tinyseg_channel_tile tile = {{columns, out, bias, multiplier, weight + {s.lead}, {part.channels}}};",
            "#if TINYSEG_MVE",
            f"    static const uint16_t places[8] = {{{places}}};",
            '    register tinyseg_channel_tile *t __asm__("r11") = &tile;',
            '    register uint16x8_t q7 __asm__("q7") = vldrhq_u16(places);',
            *(f"    {line}" for line in statement(code.lines, '"+r"(t)', '"w"(q7)')),
            "#else",
            *(f"    {line}" for line in self._twin(pixels, part.span.total * ROWS)),
            "#endif",
            "}",
            "",
        ]
        return "\n".join(lines)

    def _twin(self, pixels: int, distance: int) -> list[str]:
        """The same in C."""
        s = self.sum
        firsts = ", ".join(map(str, s.pieces))
        return [
            self.output,
            f"static const int32_t pieces[{len(s.pieces)}] = {{{firsts}}};",
            "for (; tile.channels > 0; --tile.channels) {",
            f"    for (int32_t p = 0; p < {pixels}; ++p) {{",
            "        int32_t sum = *tile.bias;",
            "        const int8_t *w = tile.weight;",
            f"        for (int32_t i = 0; i < {s.planes * len(s.pieces)}; ++i, w += {VECTOR}) {{",
            f"            const int32_t first = pieces[i % {len(s.pieces)}];",
            f"            const int8_t *const x = tile.x + i / {len(s.pieces)} * {distance} + first * {ROWS};",
            f"            const int32_t left = ({s.reach} - first) * {ROWS};",
            f"            sum = tinyseg_piece_products(x + p * {s.stride * ROWS}, w, left < {VECTOR} ? left : {VECTOR},"
            " sum);",
            "        }",
            f"        tile.out[p * {s.channels}] = tinyseg_requantize(sum, *tile.multiplier, &output);",
            "    }",
            f"    tile.x += {s.planes * distance};",
            f"    tile.weight += {s.weights};",
            "    ++tile.bias;",
            "    ++tile.multiplier;",
            "    ++tile.out;",
            "}",
        ]

    def tile_cycles(self, part: Part, pixels: int, _requantize: int, /) -> float:
        """About one for an instruction."""
        return _code(self.sum, pixels, part.span.total * ROWS).executed * part.channels + 30.0

    def staging_cycles(self, part: Part) -> float:
        """About one for an instruction."""
        s, span = self.sum, part.span
        partly = part.channels < s.block
        total = 20.0 + 4 * s.rows
        if s.rows == 3 and s.channels in STAGED_TOGETHER and span.columns >= TOGETHER:
            fours = -(-s.channels // 4)
            vectors, rest = divmod(span.columns * fours, 4)
            total += 110 + STAGED_TOGETHER[s.channels] * vectors + 6 * fours * (span.before + span.after)
            return total + (110 + STAGED[3] * (rest // fours) if rest else 0)
        for plane in range(s.planes):
            column = STAGED[len(s.rows_of(plane))] + STAGED_IN_PART * partly
            total += 140 + column * span.columns + 6 * (span.before + span.after)
        return total

    def code_bytes(self, tiles: Sequence[tuple[Part, int]]) -> int:
        """Four for an instruction."""
        own = {(pixels, part.channels, part.span.total) for part, pixels in tiles}
        code = sum(4 * len(_code(self.sum, pixels, total * ROWS).lines) for pixels, _, total in own)
        return code + 120 * len(own) + sum(60 + 24 * self.sum.rows for _ in tiles)


@dataclass(frozen=True)
class Code:
    """Assembler of a tile.

    Attributes:
        lines: instructions and labels.
        executed: how many instructions a channel takes.
    """

    lines: list[str]
    executed: int


@cache
def _code(s: MveSum, pixels: int, distance: int) -> Code:
    """A loop over channels, around one over groups of pixels.

    Args:
        s: the sum.
        pixels: of the tile.
        distance: bytes from plane to plane.
    """
    vectors = s.planes * len(s.pieces) * s.sharing
    resident = vectors <= MOST_RESIDENT
    groups, rest = divmod(pixels, PIXELS)
    shifts = range(s.sharing)
    begin = ["ldrd r1, r3, [r11]", *_add("r0", "r1", s.planes * distance), "add.w r2, r3, #1", "strd r0, r2, [r11]"]
    multiplier = ["mov r5, r2", "add.w r2, r2, #8"] if s.multiplier == FIXED_POINT else ["ldr r5, [r2], #4"]
    begin += ["ldrd r0, r2, [r11, #8]", "ldr r7, [r0], #4", *multiplier, "strd r0, r2, [r11, #8]"]
    begin.append("ldr r9, [r11, #16]")
    if resident:
        names = iter(f"q{n}" for n in range(2, 2 + vectors))
        for _ in range(vectors // s.sharing):
            for shift in reversed(shifts):
                begin.append(_weights(next(names), "r9", s, shift))
        begin.append("str r9, [r11, #16]")
    else:
        begin += ["vmov s25, r9", *_add("r9", "r9", s.weights), "str r9, [r11, #16]", "vmov s24, r11"]
    end = [] if resident else ["vmov r11, s24"]
    end += ["ldr r0, [r11, #20]", "subs r0, r0, #1", "str r0, [r11, #20]"]
    left = range(2 + vectors, 7) if resident else range(2 + s.sharing, 6)  # s24 to s26 are in q6
    kept, setting = kept_constants(s.output, [f"q{n}" for n in left], "r0")
    lines, executed = [*setting, "1:", *begin], len(begin) + len(end) + 1
    if groups:
        body, count = _group(s, PIXELS, distance, kept, resident=resident)
        move = _add("r3", "r3", PIXELS * s.channels)
        lines += [f"movw r9, #{groups}", "2:"] if groups > 1 else []
        lines += [*body, *move, *(["subs r9, r9, #1", "bne.w 2b"] if groups > 1 else [])]
        executed += groups * (count + len(move) + (2 if groups > 1 else 0)) + (groups > 1)
    if rest:
        body, count = _group(s, rest, distance, kept, resident=resident)
        lines += body
        executed += count
    return Code([*lines, *end, "bne.w 1b"], executed)


def _weights(vector: str, pointer: str, s: MveSum, shift: int) -> str:
    """Loads a piece's weights for the pixel that is ``shift`` pixels behind the first one of a vector; 0 goes on."""
    if shift:
        return f"vldrb.8 {vector}, [{pointer}, #{-shift * s.stride * ROWS}]"
    return f"vldrb.8 {vector}, [{pointer}], #{VECTOR}"


def _group(s: MveSum, pixels: int, distance: int, kept: Mapping[str, str], *, resident: bool) -> tuple[list[str], int]:
    """Products and results of up to eight pixels, and how many instructions are executed."""
    together = 2 * PIXELS * len(s.pieces) * s.planes <= MOST_PRODUCTS
    lines = [] if resident else ["vmov r11, s25"]
    step = PIXELS * s.stride * ROWS
    if together:
        lines += _products(s, pixels, range(s.planes), distance, step, resident=resident, begun=False)
        executed = len(lines)
    else:
        lines += [f"mov {sum_}, #0" for sum_ in SUMS[:pixels]]
        body = _products(s, pixels, range(1), distance, distance, resident=False, begun=True)
        body += ["subs r9, r9, #1", "bne.w 3b"]
        lines += ["vmov s26, r9", f"movw r9, #{s.planes}"]
        executed = len(lines) + s.planes * len(body) + 1
        back = _add("r1", "r1", step - s.planes * distance)
        lines += ["3:", *body, "vmov r9, s26", *back]
        executed += len(back)
    results = _results(s, pixels, kept)
    return [*lines, *results], executed + len(results)


def _products(
    s: MveSum, pixels: int, planes: range, distance: int, end: int, *, resident: bool, begun: bool
) -> list[str]:
    """Instructions that sum the products of some planes.

    Args:
        s: the sum.
        pixels: up to eight.
        planes: which.
        distance: bytes from plane to plane.
        end: how far r1 goes on.
        resident: whether the weights are in registers.
        begun: whether the sums are there already.
    """
    loads: list[tuple[int, list[str], list[str]]] = []  # place, instructions before, instructions on X after
    number = 2
    for plane in planes:
        for first in s.pieces:
            names = {shift: f"q{number + s.sharing - 1 - shift}" for shift in range(s.sharing)}
            before = [] if resident else [_weights(names[n], "r11", s, n) for n in reversed(range(s.sharing))]
            number += s.sharing if resident else 0
            fresh = not begun and plane == 0 and first == 0
            for pixel in range(0, pixels, s.sharing):
                at = plane * distance + (first + pixel * s.stride) * ROWS
                of = range(pixel, min(pixel + s.sharing, pixels))
                multiply = "vmladav.s8" if fresh else "vmladava.s8"
                loads.append((at, before, [f"{multiply} {SUMS[p]}, {names[p - pixel]}, X" for p in of]))
                before = []
    lines: list[str] = []
    places = [at for at, _, _ in loads] + [end]
    if places[0]:
        lines += _add("r1", "r1", places[0])
    for i, (at, before, products) in enumerate(loads):
        vector, move = f"q{i % 2}", places[i + 1] - at
        near = abs(move) <= MOST_OFFSET
        lines += before
        lines.append(f"vldrb.8 {vector}, [r1]" + (f", #{move}" if near and move else ""))
        lines += [] if near else _add("r1", "r1", move)
        lines += [line.replace("X", vector) for line in products]
    return lines


def _results(s: MveSum, pixels: int, kept: Mapping[str, str]) -> list[str]:
    """Requantises the sums and stores them."""
    two = pixels > PIXELS // 2
    lines = ["vmov d0, r0, r2", "vmov d1, r4, r6"]
    lines += ["vmov d2, r8, r10", "vmov d3, r12, lr"] if two else []
    multiplied: tuple[str, ...] = ("vcvt.f32.s32 {0}, {0}", "vmul.f32 {0}, {0}, r5", "vcvtn.s32.f32 {0}, {0}")
    if s.multiplier == FIXED_POINT:  # shift and twice the multiplier; ties go up, then away from zero
        lines += ["ldrd r0, r2, [r5]", "lsr.w r2, r2, #1", "rsb.w r0, r0, #0", "mov r4, #1"]
        away = "vpt.s32 lt, {0}, zr\n\tvsubt.i32 {0}, {0}, r4"
        multiplied = ("vqrdmulh.s32 {0}, {0}, r2", away, "vrshl.s32 {0}, r0")
    for code in ("vadd.i32 {0}, {0}, r7", *multiplied):
        for q in ("q0", "q1") if two else ("q0",):
            lines += code.format(q).split("\n\t")
    lines.append("vqmovnb.s32 q0, q0")
    lines += ["vqmovnt.s32 q0, q1"] if two else []
    lines += narrowed("q0", s.output, "r0", "q1", kept)
    if pixels == PIXELS:
        return [*lines, "vstrb.16 q0, [r3, q7]"]
    lanes = [2 * (p % 4) + p // 4 for p in range(pixels)]
    return [
        *lines,
        f"movw r0, #{sum(3 << 2 * lane for lane in lanes)}",
        "vmsr p0, r0",
        "vpst",
        "vstrbt.16 q0, [r3, q7]",
    ]


def _add(to: str, register: str, amount: int) -> list[str]:
    """Adds any amount, in steps where it is too large."""
    mnemonic = "sub" if amount < 0 else "add"
    size = abs(amount)
    if size <= 4095:
        return [f"{mnemonic}w {to}, {register}, #{size}"]
    step = min(size, 0xFF00) // 0x100 * 0x100
    rest = size - step
    return [f"{mnemonic}.w {to}, {register}, #{step}", *(_add(to, to, rest if amount > 0 else -rest) if rest else [])]
