"""Micro-kernels of depthwise convolutions for Armv7-M: up to eight pixels' sums of a channel at a time.

Values are taken where they lie: a pixel's column is a constant distance away. So nothing is staged. Pixels whose
windows reach into the padding at the line's sides have micro-kernels of their own, with the zero point in the place of
what lies there. Three weights at a time are in registers for all pixels, and a column's value for all taps.

Results of the rule ``onnx`` are requantised by a factor of 2^-32: the product's upper word is the result, and its
lower one says whether it is near a tie, which the exact way then decides (runtime/tinyseg_channel_v7m.h). Those of
``tflite``, whose multipliers have two words, are made one by one by the runtime's own function.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyseg_tvm.codegen.programs.channels.direct_columns import DirectSum
from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel, assembler
from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part, Span
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.tiled import c_type

PIXELS = 8
WEIGHTS = 3  # in registers at a time
FARTHEST = 4095  # bytes that the offset of a load or a store reaches
MOST_PRODUCTS = 200  # of all rows that stand side by side
MOST_SIDE_BY_SIDE = 72  # of a row's, where pixels can be fewer
MOST_MARGIN = 1 << 28
LARGEST_FACTOR = 0.5
AROUND_CHANNEL = 16, 2  # instructions for a channel beyond products and results, and for each of its pixels
AROUND_ROW = 8  # of the loop over rows
RESULT_BY_RULE = 9  # instructions of a result that the runtime's function makes


@dataclass(frozen=True)
class V7mChannelKernel(ChannelKernel):
    """Products of int8 values one by one, in Thumb-2.

    Attributes:
        margin: how near to a tie, in units of 2^-32, the exact way decides a result.
    """

    sum: DirectSum
    margin: int = field(default=1 << 20, repr=False)  # the same program
    name = "v7m"
    module = "tinyseg_channel_v7m"
    together = 1

    @classmethod
    def of(cls, s: ChannelSum, weight: np.ndarray, bias: np.ndarray, multiplier: np.ndarray, /) -> V7mChannelKernel:
        """With the margin that its sums and factors need."""
        if not isinstance(s, DirectSum):
            raise TypeError(s)
        if s.multiplier != "float32":
            return cls(s)
        products = [weight.astype(np.int64).reshape(weight.shape[0], -1) * x for x in (-128, 127)]
        greatest = bias + np.maximum(*products).sum(axis=1)
        least = bias + np.minimum(*products).sum(axis=1)
        largest = int(max(np.abs(greatest).max(), np.abs(least).max()))
        # an error of the factor for each unit of the sum, and 2^-14 by the roundings to float32
        margin = 1 << (largest + (1 << 18)).bit_length()
        return cls(s, margin if float(multiplier.max()) < LARGEST_FACTOR else 1 << 32)

    def staged_bytes(self, _columns: int, /) -> int:
        """Nothing is staged."""
        return 0

    @property
    def suits(self) -> bool:
        """Whether offsets reach the columns of a pixel, and few enough results are near a tie."""
        s = self.sum
        return (s.taps - 1) * s.dilation * s.channels <= FARTHEST and self.margin <= MOST_MARGIN

    @property
    def padding(self) -> int:
        """As many as a tile's columns."""
        s = self.sum
        return min(s.columns(s.run), s.width) * s.channels

    @property
    def runs(self) -> tuple[int, ...]:
        """Pixels whose sums may be in registers together."""
        s = self.sum

        def fits(n: int) -> bool:
            return (s.columns(n) - 1) * s.channels <= FARTHEST and n * s.taps <= MOST_SIDE_BY_SIDE

        return tuple(n for n in range(1, min(PIXELS, s.pixels) + 1) if n == 1 or fits(n))

    def stage_source(self, part: Part) -> str:
        """Nothing is staged."""
        raise NotImplementedError

    def function(self, part: Part, pixels: int) -> str:
        """Name of the function of a part's tile."""
        return f"{PLACEHOLDER}_{pixels}_{part.span.before}_{part.span.columns}"

    def source(self, part: Part, pixels: int) -> str:
        """C of the function of a part's tile."""
        s, span = self.sum, part.span
        taken = range(s.rows) if span.columns else ()
        lines = "".join(f"int8_t *line_{row}, int32_t step_{row}, " for row in taken)
        sums = ", ".join(f"s{p}" for p in range(pixels))
        body = [
            f"static void {self.function(part, pixels)}"
            f"({lines}int8_t *weight, int32_t *bias, {c_type(s.multiplier)} *multiplier, int8_t *out)",
            "{",
            f"    {self.output}",
            *(
                [f"    const int8_t *rows[{s.rows}] = {{{', '.join(f'line_{row}' for row in taken)}}};"]
                if taken
                else []
            ),
            "    const int8_t *w = weight;",
            *(f"    (void)step_{row};" for row in taken),
            f"    for (int32_t c = 0; c < {part.channels}; ++c, ++out) {{",
            "        const int32_t begin = *bias++;",
            f"        const {c_type(s.multiplier)} scale = *multiplier++;",
            "#if TINYSEG_THUMB2_ASSEMBLER",
            f"        int32_t {sums};",
            *(f"        {line}" for line in self._products(span, pixels)),
            *(f"        {line}" for line in (self._near_ties(pixels) if self.has_ties else self._by_rule(pixels))),
            f"        const int32_t sums[{pixels}] = {{{sums}}};" if self.has_ties else "        continue;",
            "#else",
            *(f"        {line}" for line in self._twin(span, pixels)),
            *([] if self.has_ties else self._exact(pixels)),
            "#endif",
            *(self._exact(pixels) if self.has_ties else []),
            "    }",
            "}",
            "",
        ]
        return "\n".join(body)

    @property
    def has_ties(self) -> bool:
        """Whether a result can be near one of float32, as by ``onnx``."""
        return self.sum.multiplier == "float32"

    def _exact(self, pixels: int) -> list[str]:
        """The sums one by one, by a function."""
        return [f"        tinyseg_exact_results(sums, {pixels}, begin, scale, &output, out, {self.sum.channels});"]

    def _near_ties(self, pixels: int) -> list[str]:
        """Results of sums none of which is near a tie; then the channel is done."""
        start = (self.sum.output[0] << 32) + (1 << 31) + self.margin
        return [
            "{",
            "    const int32_t factor = tinyseg_factor_of(scale);",
            f"    const int64_t start = {start}LL + (int64_t)begin * factor;",
            "    int32_t low, high, near;",
            *(f"    {line}" for line in self._results(pixels)),
            "    if (near == 0) {",
            "        continue;",
            "    }",
            "}",
        ]

    def _by_rule(self, pixels: int) -> list[str]:
        """Results of all sums, as the project's rule makes them."""
        narrow = int(self.sum.output[1:] != (-128, 127))
        lines = ["const tinyseg_scale fixed = tinyseg_scale_of(scale);"]
        for p in range(pixels):
            total = f"(int32_t)((uint32_t)s{p} + (uint32_t)begin)"
            scaled = f"tinyseg_scaled_to({total}, fixed, output.zero_point)"
            within = f"tinyseg_within({scaled}, {narrow}, output.minimum, output.maximum)"
            lines.append(f"out[{p * self.sum.channels}] = {within};")
        return lines

    def _twin(self, span: Span, pixels: int) -> list[str]:
        """The sums in C."""
        s = self.sum
        lines = [f"int32_t sums[{pixels}];", f"for (int32_t p = 0; p < {pixels}; ++p) {{"]
        lines += ["    uint32_t sum = 0;", f"    for (int32_t i = 0; i < {s.weights}; ++i) {{"]
        if span.columns:
            lines.append(f"        const int32_t tap = i % {s.taps} - {span.before};")
            lines.append(f"        const int32_t place = (p * {s.stride} + tap * {s.dilation}) * {s.channels};")
            inside = f"tap >= 0 && tap < {span.columns}"
            lines.append(f"        const int32_t x = {inside} ? rows[i / {s.taps}][place] : {s.zero_point};")
        else:
            lines.append(f"        const int32_t x = {s.zero_point};")
        lines += ["        sum += (uint32_t)(x * w[i]);", "    }", "    sums[p] = (int32_t)sum;", "}"]
        lines.append(f"w += {s.weights};")
        if span.columns:
            lines += [f"for (int32_t row = 0; row < {s.rows}; ++row) {{", "    ++rows[row];", "}"]
        return lines

    def _products(self, span: Span, pixels: int) -> list[str]:
        """Statements that leave the sums of products in ``s0``, ``s1`` and so on."""
        s = self.sum
        first = self._row(span, pixels, begun=False)
        names = [f"w{i}" for i in range(min(WEIGHTS, s.taps))]
        outputs = [f'[s{p}] "{{}}"(s{p})' for p in range(pixels)] + ['[w] "+r"(w)', '[v] "=&r"(v)']
        outputs += [f'[{name}] "=&r"({name})' for name in names] + (['[x] "=&r"(x)'] if span.columns else [])
        declared = f"int32_t v, {', '.join(names)};"
        pointer = ["const int8_t *x;"] if span.columns else []
        if s.rows * len(first) <= MOST_PRODUCTS:
            code, memory = [], []
            for row in range(s.rows):
                code += self._row(span, pixels, begun=row > 0, row=f"row_{row}")
                memory += [f'[row_{row}] "+m"(rows[{row}])'] if span.columns else []
            statement = assembler(code, [o.format("=&r") for o in outputs] + memory, [], "cc")
            return ["{", *(f"    {line}" for line in (declared, *pointer, *statement)), "}"]
        code = self._row(span, pixels, begun=True, row="row")
        memory = ['[row] "+m"(line)'] if span.columns else []
        statement = assembler(code, [o.format("+r") for o in outputs] + memory, [], "cc")
        line = ["const int8_t *line = rows[row];"] if span.columns else []
        back = ["rows[row] = line;"] if span.columns else []
        return [
            *(f"s{p} = 0;" for p in range(pixels)),
            f"for (int32_t row = 0; row < {s.rows}; ++row) {{",
            *(f"    {each}" for each in (declared, *pointer, *line, *statement, *back)),
            "}",
        ]

    def _row(self, span: Span, pixels: int, *, begun: bool, row: str = "row") -> list[str]:
        """Assembler of a row's products."""
        s = self.sum
        code: list[str] = []
        there = set(range(pixels)) if begun else set()
        moved = False

        def multiply(pixel: int, weight: int) -> str:
            fresh = pixel not in there
            there.add(pixel)
            if fresh:
                return f"mul %[s{pixel}], %[v], %[w{weight}]"
            return f"mla %[s{pixel}], %[v], %[w{weight}], %[s{pixel}]"

        code += [f"ldr %[x], %[{row}]"] if span.columns else []
        inside = range(span.before, span.before + span.columns)
        for first in range(0, s.taps, WEIGHTS):
            taps = range(first, min(first + WEIGHTS, s.taps))
            code += [f"ldrsb %[w{tap - first}], [%[w]], #1" for tap in taps]
            outside = [tap for tap in taps if tap not in inside]
            code += [f"mov %[v], #{s.zero_point}"] if outside else []
            code += [multiply(pixel, tap - first) for tap in outside for pixel in range(pixels)]
            columns: dict[int, list[tuple[int, int]]] = {}
            for tap, pixel in itertools.product((tap for tap in taps if tap in inside), range(pixels)):
                column = pixel * s.stride + (tap - span.before) * s.dilation
                columns.setdefault(column, []).append((pixel, tap - first))
            for column, uses in sorted(columns.items()):
                if column == 0:
                    code.append("ldrsb %[v], [%[x]], #1")
                    moved = True
                else:
                    code.append(f"ldrsb %[v], [%[x], #{column * s.channels - moved}]")
                code += [multiply(*use) for use in uses]
        return [*code, f"str %[x], %[{row}]"] if span.columns else code

    def _results(self, pixels: int) -> list[str]:
        """Requantises the sums into ``out``; ``near`` says whether one is near a tie."""
        s = self.sum
        _, minimum, maximum = s.output
        code = ["mov %[near], #1"]
        for p in range(pixels):
            code += ["ldrd %[low], %[high], %[start]", f"smlal %[low], %[high], %[s{p}], %[factor]"]
            code += [f"cmp %[low], #{2 * self.margin}", "blo 1f", "ssat %[high], #8, %[high]"]
            if minimum > -128:
                code += [f"cmp %[high], #{minimum}", "it lt", f"movlt %[high], #{minimum}"]
            if maximum < 127:
                code += [f"cmp %[high], #{maximum}", "it gt", f"movgt %[high], #{maximum}"]
            code.append(f"strb %[high], [%[out], #{p * s.channels}]")
        outputs = [f'[{name}] "=&r"({name})' for name in ("low", "high", "near")]
        inputs = [f'[s{p}] "r"(s{p})' for p in range(pixels)]
        inputs += ['[factor] "r"(factor)', '[start] "m"(start)', '[out] "r"(out)']
        return assembler([*code, "mov %[near], #0", "1:"], outputs, inputs, "cc")

    def tile_cycles(self, part: Part, pixels: int, _requantize: int, /) -> float:
        """About one for an instruction."""
        s = self.sum
        row = len(self._row(part.span, pixels, begun=True))
        looped = s.rows * row > MOST_PRODUCTS
        results = self._result_instructions(pixels)
        channel = s.rows * (row + (AROUND_ROW if looped else 0)) + results
        channel += AROUND_CHANNEL[0] + AROUND_CHANNEL[1] * pixels
        return channel * part.channels + 30.0 + 4 * s.rows

    def _result_instructions(self, pixels: int) -> int:
        """That the results of so many pixels take."""
        if not self.has_ties:
            return RESULT_BY_RULE * pixels
        return sum(not line.endswith(':",') for line in self._results(pixels)) - 5

    def code_bytes(self, tiles: Sequence[tuple[Part, int]]) -> int:
        """Four for an instruction."""
        s = self.sum
        own = {(pixels, part.span.before, part.span.columns): part for part, pixels in tiles}
        total = 0
        for (pixels, _, _), part in own.items():
            row = len(self._row(part.span, pixels, begun=True))
            rows = s.rows if s.rows * row <= MOST_PRODUCTS else 1
            results = len(self._results(pixels)) if self.has_ties else RESULT_BY_RULE * pixels
            total += 4 * (rows * row + results) + 8 * s.rows + 160
        return total + 40 * len(tiles)
