"""Convolutions and dense layers as one TVM program: weighted sums over windows of lines.

A window is a list of *segments*, runs of neighbouring values of one input line. An output pixel's channel is the sum of
its window's values times the channel's weights, requantised. Before they are summed, values may be *staged*: copied to
memory where the padding stands beside them, widened to 16 bits where a micro-kernel wants that. Lines are staged whole,
once for all pixels; or some pixels' windows at a time, which needs less memory and more copying.

The program is a ``PrimFunc`` of TVM's schedulable form, without any decision on tiles, order or instructions
(``schedule.py`` takes those). Its parts are ranges of pixels and ranges of channels that tiles divide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
        """First and length of the ranges of pixels that tiles divide, those of most pixels first."""
        ranges = []
        end = first + extent
        for tile in self.tile_pixels:
            length = (end - first) // tile * tile
            if length:
                ranges.append((first, length))
                first += length
        return ranges

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


def program(s: WeightedSum) -> Any:
    """The ``tvm.tirx.PrimFunc``.

    Its parameters: the lines (values,) int8, weight (channels, weights_per_channel) int8, bias (channels,) int32 with
    the zero point folded in, multiplier (channels,) float32, out (pixels, row) int8.
    """
    from tvm.script.ir_builder import IRBuilder, tirx

    with IRBuilder() as builder, tirx.prim_func(s_tir=True):
        tirx.func_name("main")
        lines = [tirx.arg(f"line_{i}", tirx.Buffer((line.values,), "int8")) for i, line in enumerate(s.lines)]
        rest = {
            "weight": tirx.arg("weight", tirx.Buffer((s.channels, s.weights_per_channel), "int8")),
            "bias": tirx.arg("bias", tirx.Buffer((s.channels,), "int32")),
            "multiplier": tirx.arg("multiplier", tirx.Buffer((s.channels,), "float32")),
            "out": tirx.arg("out", tirx.Buffer((s.pixels, s.row), "int8")),
        }
        rest["sums"] = tirx.sblock_alloc_buffer((s.pixels, s.channels), "int32")
        IRBuilder.name("sums", rest["sums"])
        staged = {}
        for name, (_, copy) in staged_copies(s).items():
            staged[name] = tirx.sblock_alloc_buffer((copy.total,), s.dtype)
            IRBuilder.name(name, staged[name])
        written: set[str] = set()
        for span in s.spans:
            with tirx.serial(0, span.groups) as group:
                for name, (line, copy) in s.copies(span).items():
                    if name not in written:
                        build_copy(s, copy, f"copy_{name}", lines[line], staged[name], group)
                        written.add(name)
                sources = [staged.get(s.buffer(i, span), lines[i]) for i in range(len(s.lines))]
                for part in s.parts(span):
                    build_sum(s, part, sources, rest, group)
    return builder.get()


def build_copy(s: WeightedSum, copy: Copy, name: str, source: Any, target: Any, group: Any | None) -> None:
    """Adds the block that stages values to the program being built.

    Args:
        s: the sum.
        copy: which values.
        name: of the block.
        source: where from.
        target: where to.
        group: the loop over copies where there are several; None for an intrinsic, whose block knows no axis of one
            value.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    with tirx.serial(0, copy.total) as i0, tirx.sblock(name):
        begin: Any = copy.source - copy.before
        if copy.count > 1:
            begin = tirx.axis.spatial(copy.count, group) * copy.stride + begin
        i = 0 if group is None and copy.total == 1 else tirx.axis.spatial(copy.total, i0)
        value = tirx.cast(source[begin + i], s.dtype)
        if copy.padded:
            tirx.reads(source[copy.source : copy.source + copy.values])
            inside = tvm.tirx.all(i >= copy.before, i < copy.before + copy.values)
            value = tirx.if_then_else(inside, value, tvm.tirx.const(s.zero_point, s.dtype))
        else:
            tirx.reads(source[begin + i])
        tirx.writes(target[i])
        tirx.buffer_store(target, value, [i])


def build_sum(s: WeightedSum, part: Part, sources: list[Any], rest: dict[str, Any], group: Any | None) -> None:
    """Adds the block that computes a part to the program being built.

    Args:
        s: the sum.
        part: of it.
        sources: the buffer of each line.
        rest: the buffers ``weight bias multiplier sums out``.
        group: the loop over the span's groups; None for one tile of an intrinsic, whose lines begin with its window,
            and whose block knows no axis of one value.
    """
    from tvm.script.ir_builder import tirx

    span = part.span
    tile = group is None
    with tirx.grid(span.group, part.channels) as (x0, o0), tirx.sblock(part.name):
        t = tirx.axis.spatial(span.groups, group) if span.groups > 1 else 0
        x = 0 if tile and span.group == 1 else tirx.axis.spatial(span.group, x0)
        o = 0 if tile and part.channels == 1 else tirx.axis.spatial(part.channels, o0)
        starts = []
        for i, line in enumerate(s.lines):
            copy = None if tile else s.copy(i, span)
            origin = line.before if copy is None else copy.origin
            first = 0 if tile else span.first * line.step + s.window(i)[0] - origin
            alone = copy is not None and copy.count > 1
            starts.append((x if alone else t * span.group + x) * line.step + first)
        _build_block(s, sources, rest, starts, (t * span.group + x + span.first, o + part.first_channel))


def _build_block(
    s: WeightedSum, sources: list[Any], rest: dict[str, Any], starts: list[Any], place: tuple[Any, Any]
) -> None:
    """The body: the sum and the result of one pixel and channel (``place``), whose windows begin at ``starts``."""
    from tvm.script.ir_builder import tirx

    weight, sums, out = rest["weight"], rest["sums"], rest["out"]
    x, o = place
    windows = [
        source[start : start + s.window(i)[1]] for i, (source, start) in enumerate(zip(sources, starts, strict=True))
    ]
    tirx.reads(*windows, weight[o, 0 : s.weights_per_channel], rest["bias"][o], rest["multiplier"][o])
    tirx.writes(sums[x, o], out[x, o])
    tirx.buffer_store(sums, rest["bias"][o], [x, o])
    first = 0
    for segment in s.segments:
        start = starts[segment.line] + (segment.first - s.window(segment.line)[0])

        def add(k: Any, segment: Segment = segment, start: Any = start, first: int = first) -> None:
            product = tirx.cast(sources[segment.line][start + k], "int32") * tirx.cast(weight[o, first + k], "int32")
            tirx.buffer_store(sums, sums[x, o] + product, [x, o])

        if segment.values == 1:
            add(0)
        else:
            with tirx.serial(0, segment.values) as k:
                add(k)
        first += segment.weights
    result = tirx.call_pure_extern("int8", "tinyseg_requantize_sum", sums[x, o], rest["multiplier"][o], *s.output)
    tirx.buffer_store(out, result, [x, o])
