"""Convolutions and dense layers as one computation: weighted sums over windows of lines.

A window is a list of *segments*, runs of neighbouring values of one input line. An output pixel's channel is the sum of
its window's values times the channel's weights, requantised. Before they are summed, values may be *staged*: copied to
memory where the padding stands beside them, widened to 16 bits where a micro-kernel wants that. Lines are staged whole,
once for all pixels; or some pixels' windows at a time, which needs less memory and more copying.

A line's parts are ranges of pixels and ranges of channels that tiles divide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

CHANNELS = 4  # of most tiles


@dataclass(frozen=True)
class Line:
    """An input line.

    Attributes:
        values: how many it has.
        before, after: values of padding that windows reach on both sides.
        step: values from an output pixel's window to the next one's.
    """

    values: int
    before: int
    after: int
    step: int


@dataclass(frozen=True)
class Segment:
    """Neighbouring values of a line.

    Attributes:
        line: number of the line.
        first: place of the first one, counted from the padding's first value.
        values: how many.
        weights: of a channel, as packed.
    """

    line: int
    first: int
    values: int
    weights: int


@dataclass(frozen=True)
class Copy:
    """Values of a line beside padding: ``before`` zero points, ``values`` from ``source`` on, ``after`` zero points.

    ``origin`` is the place of the first one, counted from the line's padding. Each of ``count`` copies begins
    ``stride`` values after the one before.
    """

    origin: int
    source: int
    before: int
    values: int
    after: int
    count: int = 1
    stride: int = 0

    @property
    def total(self) -> int:
        """Values of one, those of the padding included."""
        return self.before + self.values + self.after

    @property
    def padded(self) -> bool:
        """Whether any are padding."""
        return self.total != self.values


@dataclass(frozen=True)
class Span:
    """Neighbouring pixels; the windows of ``group`` of them, which divides them, are staged together."""

    first: int
    pixels: int
    group: int

    @property
    def groups(self) -> int:
        """How many groups."""
        return self.pixels // self.group


@dataclass(frozen=True)
class Part:
    """A span's results in neighbouring channels: as many as tiles divide, or those that remain."""

    span: Span
    first_channel: int
    channels: int

    @property
    def name(self) -> str:
        """Of its block in the program."""
        return f"sum_{self.span.first}_{self.first_channel}"


@dataclass(frozen=True)
class WeightedSum:
    """One output line.

    Attributes:
        lines: the input lines.
        segments: of a window, in the order of the weights.
        pixels, channels: of the output line.
        row: values from an output pixel to the next one.
        zero_point: of the input.
        output: zero point, least and greatest value of the output.
        dtype: of the values that are summed. In int16 all are staged; in int8 only those beside padding.
        tile_pixels: how many pixels tiles have, falling; ranges of pixels are divided for them.
        staged_pixels: how many pixels' windows are staged at a time; 0: lines are staged whole.
        tile_channels: channels that remain beyond a multiple of these are a part of their own.
        multiplier: type of what sums are multiplied by.
        odd_end: pixels of the tile that ends an odd number of them; 0: none does.
    """

    lines: tuple[Line, ...]
    segments: tuple[Segment, ...]
    pixels: int
    channels: int
    row: int
    zero_point: int
    output: tuple[int, int, int]
    dtype: str
    tile_pixels: tuple[int, ...]
    staged_pixels: int
    tile_channels: int = CHANNELS
    multiplier: str = "float32"
    odd_end: int = 0

    @property
    def weights_per_channel(self) -> int:
        """Weights of a channel, as packed."""
        return sum(segment.weights for segment in self.segments)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """All pixels. Those whose windows reach the padding are apart from those that are staged in groups."""
        if not self.staged_pixels:
            return tuple(Span(first, n, n) for first, n in self.divided(0, self.pixels))
        left, right = 0, self.pixels  # the pixels whose windows lie in the lines altogether
        for i, line in enumerate(self.lines):
            first, values = self.window(i)
            left = max(left, -(-(line.before - first) // line.step))
            right = min(right, (line.before + line.values - first - values) // line.step + 1)
        left = min(-(-left // self.staged_pixels) * self.staged_pixels, self.pixels)
        whole = max(right - left, 0) // self.staged_pixels * self.staged_pixels
        edges = [*self.divided(0, left), *self.divided(left + whole, self.pixels - left - whole)]
        spans = [Span(first, n, n) for first, n in edges]
        group = self.staged_pixels if self.dtype != "int8" else whole  # where nothing is staged, all are one
        return tuple([*spans, Span(left, whole, group)] if whole else spans)

    def divided(self, first: int, extent: int) -> list[tuple[int, int]]:
        """First and length of the ranges of pixels that tiles divide: those of most pixels first, an odd end last."""
        last = self.odd_end if extent % 2 and extent >= self.odd_end else 0
        ranges = []
        end = first + extent - last
        for tile in self.tile_pixels:
            length = (end - first) // tile * tile if tile != self.odd_end else 0
            if length:
                ranges.append((first, length))
                first += length
        return [*ranges, (end, last)] if last else ranges

    @property
    def channel_ranges(self) -> tuple[tuple[int, int], ...]:
        """First and number of channels that tiles divide, and of those that remain."""
        whole = self.channels // self.tile_channels * self.tile_channels
        ranges = ((0, whole), (whole, self.channels - whole))
        return tuple((first, n) for first, n in ranges if n)

    def parts(self, span: Span) -> tuple[Part, ...]:
        """What a span consists of."""
        return tuple(Part(span, first, n) for first, n in self.channel_ranges)

    @cached_property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts of all spans."""
        return tuple(part for span in self.spans for part in self.parts(span))

    def window(self, line: int) -> tuple[int, int]:
        """First value, and number of values, that a pixel's window takes of a line, gaps included."""
        own = [segment for segment in self.segments if segment.line == line]
        first = min(segment.first for segment in own)
        return first, max(segment.first + segment.values for segment in own) - first

    def window_values(self, line: int, pixels: int) -> int:
        """Values that the windows of neighbouring pixels take of a line."""
        return (pixels - 1) * self.lines[line].step + self.window(line)[1]

    def copy(self, line: int, span: Span) -> Copy | None:
        """What is staged of a line for a span; None: it is read where it lies."""
        shape = self.lines[line]
        if not self.staged_pixels:
            copy = Copy(0, 0, shape.before, shape.values, shape.after)
            return copy if self.dtype != "int8" or copy.padded else None
        origin = span.first * shape.step + self.window(line)[0]
        end = origin + self.window_values(line, span.group)
        before = min(max(0, shape.before - origin), end - origin)
        after = min(max(0, end - shape.before - shape.values), end - origin)
        values = max(0, end - origin - before - after)
        copy = Copy(origin, max(0, origin - shape.before), before, values, after, span.groups, span.group * shape.step)
        return copy if self.dtype != "int8" or copy.padded else None

    def buffer(self, line: int, span: Span) -> str:
        """Where a span's windows of a line are read, as the program names it."""
        if self.copy(line, span) is None:
            return f"line_{line}"
        return f"staged_{line}_{span.first}" if self.staged_pixels else f"staged_{line}"

    def copies(self, span: Span) -> dict[str, tuple[int, Copy]]:
        """Line and copy of each buffer that a span needs staged."""
        found = {}
        for line in range(len(self.lines)):
            copy = self.copy(line, span)
            if copy is not None:
                found[self.buffer(line, span)] = (line, copy)
        return found


def staged_copies(s: WeightedSum) -> dict[str, tuple[int, Copy]]:
    """Line and copy of each staged buffer."""
    return {name: copy for span in s.spans for name, copy in s.copies(span).items()}
