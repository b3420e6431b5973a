"""Convolutions as scheduled TVM programs (codegen/programs): the variants whose tiles are decisions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from tinyseg_tvm.codegen.long_tail import PLACEHOLDER, LoweredProgram, lower_placed
from tinyseg_tvm.codegen.operators.direct_convolution import Columns, Window
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, requantize_cycles
from tinyseg_tvm.codegen.operators.pair_packing import can_join
from tinyseg_tvm.codegen.programs.micro_kernels import MOST_STEP, DspKernel, MicroKernel
from tinyseg_tvm.codegen.programs.schedule import Decisions, decision_space, scheduled, tile_of
from tinyseg_tvm.codegen.programs.weighted_sum import Line, Segment, WeightedSum, staged_copies
from tinyseg_tvm.network.problem import Cost

MOST_SEGMENTS = 32  # windows that a micro-kernel lists on the stack
REQUANTIZE_CYCLES = 16  # with an FPU, as the micro-kernels' estimates take for granted
STAGED_PIXELS = (0, 2, 4)  # 0: whole lines
_ALIGNMENT = 16  # of staged lines in the workspace


@dataclass(frozen=True)
class Convolution:
    """A convolution of one group; or several of the same shape, one for each of some successive lines.

    Attributes:
        weights: of each, (O, KH, KW, I) int8.
        biases: of each, (O,) int32 with the input's zero point folded in.
        multiplier: (O,) float32.
        channels: of each piece of the input.
        columns: where the windows lie.
        window: rows, taps and dilation.
        zero_point: of the input.
        output: zero point, least and greatest value of the output.
        padded: whether lines may be missing.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    multiplier: np.ndarray
    channels: tuple[int, ...]
    columns: Columns
    window: Window
    zero_point: int
    output: tuple[int, int, int]
    padded: bool

    def weighted_sum(self, staged_pixels: int) -> WeightedSum:
        """What it is to the micro-kernels."""
        columns, window = self.columns, self.window
        last = (columns.outputs - 1) * columns.stride + (window.taps - 1) * window.dilation - columns.before
        after = max(0, last - columns.width + 1)
        lines = tuple(
            Line(columns.width * c, columns.before * c, after * c, columns.stride * c)
            for _, c in itertools.product(range(window.rows), self.channels)
        )
        segments = tuple(segment for segment, _ in self._segments(self.weights[0]))
        outputs = int(self.weights[0].shape[0])
        return WeightedSum(lines, segments, columns.outputs, outputs, self.zero_point, self.output, True, staged_pixels)

    def segment_weights(self, number: int) -> list[np.ndarray]:
        """Weights (O, values) of each segment of one of the convolutions."""
        return [weights for _, weights in self._segments(self.weights[number])]

    def _segments(self, weight: np.ndarray) -> list[tuple[Segment, np.ndarray]]:
        """Piece by piece, so that those of the same size follow each other."""
        segments = []
        window = self.window
        parts = 1 if window.dilation == 1 else window.taps
        taps = window.taps // parts
        begin = 0
        for piece, channels in enumerate(self.channels):
            for row, part in itertools.product(range(window.rows), range(parts)):
                weights = weight[:, row, part * taps : (part + 1) * taps, begin : begin + channels]
                line = row * len(self.channels) + piece
                segment = Segment(line, part * window.dilation * channels, taps * channels)
                segments.append((segment, weights.reshape(weight.shape[0], -1)))
            begin += channels
        return segments


def suits(view: NodeView, convolution: Convolution) -> bool:
    """Whether the micro-kernels compute a convolution on this core."""
    if view.constants["weight"].dtype != np.int8 or convolution.columns.before < 0:
        return False
    segments = convolution.window.rows * len(convolution.channels)
    segments *= 1 if convolution.window.dilation == 1 else convolution.window.taps
    if segments > MOST_SEGMENTS:
        return False
    step = 2 * convolution.columns.stride * max(convolution.channels)
    return view.core.has_dsp and not view.core.has_mve and step <= MOST_STEP


def kernel_of(convolution: Convolution, staged_pixels: int) -> MicroKernel:
    """Its micro-kernels."""
    weighted_sum = convolution.weighted_sum(staged_pixels)
    sets = zip(convolution.weights, convolution.biases, strict=True)
    return DspKernel(weighted_sum, all(can_join(weight, bias, 1) for weight, bias in sets))


def best_decisions(kernel: MicroKernel, view: NodeView) -> Decisions:
    """Those of fewest estimated cycles."""
    return _best(kernel, requantize_cycles(view.core))


@cache
def _best(kernel: MicroKernel, requantize: int) -> Decisions:
    return min(decision_space(kernel.sum), key=lambda decisions: cycles(kernel, decisions, requantize))


@cache
def cycles(kernel: MicroKernel, decisions: Decisions, requantize: int) -> float:
    """Estimated cycles of an output line, with so many for each requantisation."""
    s = kernel.sum
    slower = requantize - REQUANTIZE_CYCLES
    total: float = 100.0
    for part in s.all_parts:
        pixels, channels = tile_of(part, decisions)
        tiles = (part.span.pixels // pixels) * (part.channels // channels)
        total += tiles * (kernel.cycles(pixels, channels) + slower * pixels * channels)
    for _, copy in staged_copies(s).values():
        total += copy.count * (kernel.cycles_per_staged_value * copy.total + 50)
    return total


def placements(s: WeightedSum) -> tuple[dict[str, int], int]:
    """Offset of each staged buffer in the scratch memory, where those of a span follow each other; their bytes."""
    size = np.dtype(s.dtype).itemsize
    offsets: dict[str, int] = {}
    most = 0
    for span in s.spans:
        end = 0
        for name, (_, copy) in s.copies(span).items():
            offsets[name] = end
            end += -(-size * copy.total // _ALIGNMENT) * _ALIGNMENT
        most = max(most, end)
    return offsets, most + _ALIGNMENT if most else 0  # the last pair of an odd segment reaches one value beyond


def cost(kernel: MicroKernel, decisions: Decisions, view: NodeView) -> Cost:
    """Of a step."""
    return Cost(placements(kernel.sum)[1], round(cycles(kernel, decisions, requantize_cycles(view.core))))


@cache
def lowered(kernel: MicroKernel, decisions: Decisions) -> LoweredProgram:
    """The program's C, after that of the micro-kernels."""
    program = lower_placed(scheduled(kernel, decisions), placements(kernel.sum)[0])
    tiles = dict.fromkeys(tile_of(part, decisions) for part in kernel.sum.all_parts)
    functions = "\n".join(kernel.source(*tile) for tile in tiles)
    return LoweredProgram(f"{functions}\n{program.source}", program.workspace_bytes)


def packed_weight(kernel: MicroKernel, weights: Sequence[np.ndarray], decisions: Decisions) -> np.ndarray:
    """Weights as the tiles take them, int8.

    Args:
        kernel: the micro-kernels.
        weights: (O, values) of each segment.
        decisions: which say how many channels a tile has.
    """
    blocks = []
    for part in kernel.sum.parts(kernel.sum.spans[0]):
        _, channels = tile_of(part, decisions)
        for first in range(part.first_channel, part.first_channel + part.channels, channels):
            blocks.append(kernel.packed([weight[first : first + channels] for weight in weights], channels))
    return np.concatenate(blocks)


def emit(convolution: Convolution, kernel: MicroKernel, decisions: Decisions, out: FunctionWriter) -> None:
    """Writes the call, for lines in ``lines``, and gives the function's C."""
    program = lowered(kernel, decisions)
    out.modules.add(kernel.module)
    function = f"{out.symbol}_tvm"
    out.sources.append(program.source.replace(PLACEHOLDER, function))
    line = "lines[{}]"
    if convolution.padded:
        longest = max(line.values for line in kernel.sum.lines)
        padding = out.constant("padding", np.full(longest, convolution.zero_point, np.int8))
        line = f"lines[{{0}}] != NULL ? lines[{{0}}] : {padding}"
    several = len(convolution.weights)
    packed = [packed_weight(kernel, convolution.segment_weights(i), decisions) for i in range(several)]
    offset = [f" + step % {several}u * {n}u" if several > 1 else "" for n in (packed[0].size, kernel.sum.channels)]
    constants = [
        ("int8_t", out.constant("weight", np.concatenate(packed)) + offset[0]),
        ("int32_t", out.constant("bias", np.concatenate(convolution.biases)) + offset[1]),
        ("float", out.constant("multiplier", convolution.multiplier)),
    ]
    # the generated functions know no const
    arguments = [f"(int8_t *)(uintptr_t)({line.format(i)})" for i in range(len(kernel.sum.lines))]
    arguments += [f"({ctype} *)(uintptr_t)({symbol})" for ctype, symbol in constants]
    arguments.append(out.output())
    if program.workspace_bytes:
        arguments.append(out.scratch or "NULL")
    out.write(f"{function}(", *(f"    {argument}," for argument in arguments[:-1]), f"    {arguments[-1]});")


def scheduled_variants(
    name: str, convolution: Callable[[NodeView], Convolution | None], lines: Callable[[NodeView, FunctionWriter], None]
) -> tuple[Variant, ...]:
    """The variants of an operator kind.

    Args:
        name: of the kind, in reports.
        convolution: the convolution that a node is; None if it is none of one group.
        lines: writes the declaration of ``lines``.
    """
    return tuple(_variant(name, staged_pixels, convolution, lines) for staged_pixels in STAGED_PIXELS)


def _variant(
    name: str,
    staged_pixels: int,
    convolution: Callable[[NodeView], Convolution | None],
    lines: Callable[[NodeView, FunctionWriter], None],
) -> Variant:
    def chosen(view: NodeView) -> tuple[Convolution, MicroKernel, Decisions] | None:
        found = convolution(view)
        if found is None or not suits(view, found) or found.columns.outputs < staged_pixels:
            return None
        kernel = kernel_of(found, staged_pixels)
        return found, kernel, best_decisions(kernel, view)

    def supports(view: NodeView) -> bool:
        return chosen(view) is not None

    def known(view: NodeView) -> tuple[Convolution, MicroKernel, Decisions]:
        choice = chosen(view)
        assert choice is not None
        return choice

    def costs(view: NodeView) -> Cost:
        _, kernel, decisions = known(view)
        return cost(kernel, decisions, view)

    def flash(view: NodeView) -> int:
        found, kernel, _ = known(view)
        channels = kernel.sum.channels + kernel.sum.channels % 2  # one alone has weights of 16 bits
        weights = kernel.sum.weights_per_channel * channels + 4 * kernel.sum.channels
        padding = max(line.values for line in kernel.sum.lines) if found.padded else 0
        return len(found.weights) * weights + 4 * kernel.sum.channels + padding

    def code(view: NodeView) -> int:
        _, kernel, decisions = known(view)
        return sum(kernel.code_bytes(*tile) for tile in {tile_of(part, decisions) for part in kernel.sum.all_parts})

    def write(view: NodeView, out: FunctionWriter) -> None:
        found, kernel, decisions = known(view)
        lines(view, out)
        emit(found, kernel, decisions, out)

    staged = f"{staged_pixels} pixels" if staged_pixels else "lines"
    return Variant(f"{name} tiles dsp, {staged} staged", supports, costs, write, flash, code)
