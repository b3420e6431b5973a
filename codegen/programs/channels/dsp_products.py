"""Products of depthwise convolutions for the DSP extension: the sums of some pixels of a channel.

Where a channel's widened weights fit into registers (3x3 and less), they stay there for all pixels of a tile; of larger
kernels they are widened once for a tile, and taken from there some at a time (a *turn*). A column's words are loaded
once for all the taps, and all of the four pixels, that they are multiplied with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum
from tinyseg_tvm.codegen.programs.channels.kernels import assembler

PIXELS = 4  # whose sums are in registers together
RESIDENT = 5  # words of weights that stay in registers
AT_ONCE = 5  # words of weights in registers for a while
FARTHEST = 4095, 1020  # bytes that the offset of a load of one word, and of two, reaches


@dataclass(frozen=True)
class Products:
    """Some taps of a pair of rows or of the single row.

    Attributes:
        words: the words of weights, by number.
        taps: which.
        place: of a channel's word in a column.
        single: whether it is the single row.
    """

    words: tuple[int, ...]
    taps: tuple[int, ...]
    place: int
    single: bool


@dataclass(frozen=True)
class PixelProducts:
    """The products of up to four pixels, as assembler and its C twin."""

    sum: DspSum

    @property
    def resident(self) -> bool:
        """Whether a channel's weights stay in registers."""
        return self.sum.words <= RESIDENT

    @property
    def has_assembler(self) -> bool:
        """Whether offsets of loads reach all columns."""
        s = self.sum
        return 2 * s.column * s.columns(PIXELS) <= FARTHEST[0]

    @property
    def weights(self) -> list[str]:
        """Declares the widened weights: ``w0`` and so on, or ``weights``."""
        s = self.sum
        if not self.resident:
            return [f"uint32_t weights[{s.words}];", f"tinyseg_widen_weights(weights, weight, {s.words});"]
        lines = []
        for word in range(s.words):
            widen = f"tinyseg_widen_{'odd' if word % 2 else 'even'}"
            lines.append(f"const uint32_t w{word} = {widen}(tinyseg_load_4({moved('weight', word // 2 * 4)}));")
        return lines

    def code(self, pixels: int) -> list[list[str]]:
        """Assembler of some pixels' products, turn by turn; none where offsets do not reach."""
        if not self.has_assembler:
            return []
        if self.resident:
            return [self._resident_code(pixels, 0)]
        turns = []
        for products in self.rows:
            for taps in _chunks(products.taps, 2 * AT_ONCE if products.single else AT_ONCE):
                turns.append(self._turn(products, taps, pixels, 0)[1])
        return turns

    def statements(self, pixels: int, half: int) -> list[str]:
        """Statements that leave the sums of neighbouring pixels, from ``x`` on, in ``s0``, ``s1`` and so on.

        Args:
            pixels: how many.
            half: of the channel, as ``DspSum.half`` has it.
        """
        begin = "" if self.resident else " = bias"
        sums = ", ".join(f"s{p}{begin}" for p in range(pixels))
        lines = [f"int32_t {sums};"]
        twin = self._twin(pixels, half)
        if self.has_assembler:
            code = self._resident(pixels, half) if self.resident else self._in_turns(pixels, half)
            lines += ["#if TINYSEG_DSP_ASSEMBLER", *code, "#else", *twin, "#endif"]
        else:
            lines += twin
        return lines

    @cached_property
    def rows(self) -> tuple[Products, ...]:
        """Pairs of rows, then the single row; all taps, for a channel in the lower half."""
        s = self.sum
        taps = tuple(range(s.taps))
        found = [Products(tuple(p * s.taps + t for t in taps), taps, p, single=False) for p in range(s.pairs)]
        if s.single:
            first = s.pairs * s.taps
            found.append(Products(tuple(range(first, s.words)), taps, s.pairs, single=True))
        return tuple(found)

    def _place(self, products: Products, half: int) -> int:
        """Of the upper half's channels, the single row comes first."""
        if not half:
            return products.place
        return 0 if products.single else products.place + 1

    def _twin(self, pixels: int, half: int) -> list[str]:
        """The same in C."""
        return self._resident_twin(pixels, half) if self.resident else self._twin_in_turns(pixels, half)

    def _resident_twin(self, pixels: int, half: int) -> list[str]:
        s = self.sum
        lines = []
        for p in range(pixels):
            total = "bias"
            for products in self.rows:
                for tap in products.taps:
                    at = (p * s.stride + tap * s.dilation) * s.column + 2 * self._place(products, half)
                    value = f"tinyseg_load_pair({moved('x', at)})"
                    word = f"w{products.words[tap // 2 if products.single else tap]}"
                    lines.append(f"s{p} = {_product(products.single, half, str(tap % 2), value, word, total)};")
                    total = f"s{p}"
        return lines

    def _twin_in_turns(self, pixels: int, half: int) -> list[str]:
        s = self.sum
        lines = [
            f"for (int32_t tap = 0; tap < {s.taps}; ++tap) {{",
            f"    const int16_t *const column = x + tap * {s.dilation * s.column};",
        ]

        def products(of: Products, at: str, word: str) -> Iterator[str]:
            yield f"    const uint32_t w = weights[{word}];"
            for p in range(pixels):
                value = f"tinyseg_load_pair({moved('column', p * s.stride * s.column)} + {at})"
                yield f"    s{p} = {_product(of.single, half, 'tap & 1', value, 'w', f's{p}')};"

        if s.pairs:
            lines.append(f"    for (int32_t pair = 0; pair < {s.pairs}; ++pair) {{")
            found = products(self.rows[0], f"2 * pair + {2 * half}", f"pair * {s.taps} + tap")
            lines += [f"    {line}" for line in found]
            lines.append("    }")
        if s.single:
            at = 0 if half else 2 * s.pairs
            found = products(self.rows[-1], str(at), f"{s.pairs * s.taps} + tap / 2")
            lines += ["    {", *(f"    {line}" for line in found), "    }"]
        return [*lines, "}"]

    def _resident_code(self, pixels: int, half: int) -> list[str]:
        """Column by column, all words of each."""
        s = self.sum
        code: list[str] = []
        begun: set[int] = set()
        words = {self._place(products, half): products for products in self.rows}
        for column, uses in self._uses(pixels, range(s.taps)):
            for place in sorted(words):
                if place % 2 == 0:
                    code += _load(["x0", "x1"][: min(2, len(words) - place)], "x", 2 * (column * s.column + 2 * place))
                for pixel, tap in uses:
                    products = words[place]
                    word = products.words[tap // 2 if products.single else tap]
                    total = f"s{pixel}" if pixel in begun else "bias"
                    code.append(_multiply(products.single, half, tap, f"s{pixel}", f"x{place % 2}", f"w{word}", total))
                    begun.add(pixel)
        return code

    def _resident(self, pixels: int, half: int) -> list[str]:
        """Assembler with all weights in registers."""
        temporaries = ["x0", "x1"][: min(2, len(self.rows))]
        outputs = [f'[{name}] "=&r"({name})' for name in [*(f"s{p}" for p in range(pixels)), *temporaries]]
        inputs = [f'[{name}] "r"({name})' for name in ["x", *(f"w{word}" for word in range(self.sum.words)), "bias"]]
        return [f"uint32_t {', '.join(temporaries)};", *assembler(self._resident_code(pixels, half), outputs, inputs)]

    def _in_turns(self, pixels: int, half: int) -> list[str]:
        """Assembler row by row, with some of its weights at a time."""
        s = self.sum
        lines = ["const uint32_t *w = weights;", f"const int16_t *u = {moved('x', 2 * half)};"]
        if s.pairs:
            rows = self._row(self.rows[0], pixels, half)
            loop = f"for (int32_t pair = 0; pair < {s.pairs}; ++pair, u += 2) {{"
            lines += [loop, *(f"    {line}" for line in rows), "}"] if s.pairs > 1 else rows
        if s.single:
            lines.append(f"u = {'x' if half else moved('x', 2 * s.pairs)};")
            lines += self._row(self.rows[-1], pixels, half)
        return lines

    def _row(self, products: Products, pixels: int, half: int) -> list[str]:
        """Assembler of one row's products, from ``u`` on, whose words follow ``w``."""
        lines: list[str] = []
        for taps in _chunks(products.taps, 2 * AT_ONCE if products.single else AT_ONCE):
            names, code = self._turn(products, taps, pixels, half)
            outputs = [f'[s{p}] "+r"(s{p})' for p in range(pixels)] + ['[w] "+r"(w)']
            outputs += [f'[{name}] "=&r"({name})' for name in [*names, "x0"]]
            body = [f"uint32_t x0, {', '.join(names)};", *assembler(code, outputs, ['[u] "r"(u)'])]
            lines += ["{", *(f"    {line}" for line in body), "}"]
        return lines

    def _turn(self, products: Products, taps: Sequence[int], pixels: int, half: int) -> tuple[list[str], list[str]]:
        """Registers of weights, and the code that loads and uses them."""
        per_word = 2 if products.single else 1
        names = [f"w{word}" for word in range(-(-len(taps) // per_word))]
        code = []
        for first in range(0, len(names), 2):
            loaded = names[first : first + 2]
            operands = ", ".join(f"%[{name}]" for name in loaded)
            code.append(f"ldr{'d' if len(loaded) == 2 else '.w'} {operands}, [%[w]], #{4 * len(loaded)}")
        for column, uses in self._uses(pixels, taps):
            code += _load(["x0"], "u", 2 * column * self.sum.column)
            for pixel, tap in uses:
                word = names[(tap - taps[0]) // per_word]
                total = f"s{pixel}"
                code.append(_multiply(products.single, half, tap - taps[0], total, "x0", word, total))
        return names, code

    def _uses(self, pixels: int, taps: Sequence[int]) -> list[tuple[int, list[tuple[int, int]]]]:
        """Columns, and pixel and tap of each product that takes them."""
        s = self.sum
        columns: dict[int, list[tuple[int, int]]] = {}
        for pixel in range(pixels):
            for tap in taps:
                columns.setdefault(pixel * s.stride + tap * s.dilation, []).append((pixel, tap))
        return sorted(columns.items())


def moved(pointer: str, offset: int) -> str:
    """A pointer so many elements on, in C."""
    return f"{pointer} + {offset}" if offset else pointer


def _chunks(taps: Sequence[int], most: int) -> list[Sequence[int]]:
    """As few as possible, of about the same size; all but the last of an even one."""
    count = -(-len(taps) // most)
    size = -(-len(taps) // count)
    size += size % 2 if size < most else 0
    return [taps[first : first + size] for first in range(0, len(taps), size)]


def _load(names: Sequence[str], pointer: str, offset: int) -> list[str]:
    """Loads of neighbouring words."""
    if len(names) == 2 and offset <= FARTHEST[1]:
        return [f"ldrd %[{names[0]}], %[{names[1]}], [%[{pointer}], #{offset}]"]
    return [f"ldr %[{name}], [%[{pointer}], #{offset + 4 * i}]" for i, name in enumerate(names)]


def _multiply(single: bool, half: int, tap: int, result: str, value: str, weight: str, total: str) -> str:
    """One product or two, added to ``total``."""
    instruction = f"smla{'bt'[half]}{'bt'[tap % 2]}" if single else "smlad"
    return f"{instruction} %[{result}], %[{value}], %[{weight}], %[{total}]"


def _product(single: bool, half: int, tap_half: str, value: str, weight: str, total: str) -> str:
    """The same in C."""
    if single:
        return f"tinyseg_multiply_halves({value}, {half}, {weight}, {tap_half}, {total})"
    return f"tinyseg_dual_multiply({value}, {weight}, {total})"
