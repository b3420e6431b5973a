"""Depthwise convolutions as a TVM program: of each channel, a weighted sum over its own columns, requantised.

Neighbours in a line belong to different channels. Where micro-kernels want a channel's values side by side, columns are
*staged*: of a *block* of channels and a run of pixels at a time, values are copied to memory in an order that the
micro-kernels' family says (``dsp_columns.py``, ``mve_columns.py``). Others take the values where they lie.

The program is a ``PrimFunc`` of TVM's schedulable form; the places of weights and columns are part of it. A line is the
sequence of its runs. Those that reach into the padding at its sides are spans of their own, the others one together.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar


@dataclass(frozen=True)
class Span:
    """Pixels from ``first`` on, in ``groups`` runs of ``pixels`` pixels each.

    The columns of a run are ``before`` ones in the padding, ``columns`` of the line from ``source`` on, and ``after``
    ones in the padding. Where columns are not staged, these are the taps of every pixel.
    """

    first: int
    pixels: int
    groups: int
    source: int
    before: int
    columns: int
    after: int

    @property
    def total(self) -> int:
        """Columns of a run."""
        return self.before + self.columns + self.after


@dataclass(frozen=True)
class Part:
    """A span's results in ``blocks`` neighbouring blocks of ``channels`` channels."""

    span: Span
    first_channel: int
    channels: int
    blocks: int

    @property
    def name(self) -> str:
        """Of its blocks in the program."""
        return f"{self.span.first}_{self.first_channel}"


@dataclass(frozen=True)
class ChannelSum(ABC):
    """One output line.

    Attributes:
        rows, taps: of the kernel.
        stride, dilation: in columns.
        width: columns of an input line.
        before: columns of padding ahead of it.
        pixels, channels: of the output line.
        zero_point: of the input.
        output: zero point, least and greatest value of the output.
        run: pixels whose columns are staged at a time.
        block: channels that go together; those that remain are a block of their own.
        staged: whether columns are staged.
        dtype: of staged values.
    """

    rows: int
    taps: int
    stride: int
    dilation: int
    width: int
    before: int
    pixels: int
    channels: int
    zero_point: int
    output: tuple[int, int, int]
    run: int
    block: ClassVar[int]
    staged: ClassVar[bool] = True
    dtype: ClassVar[str]

    @property
    @abstractmethod
    def weights(self) -> int:
        """Bytes of a channel's weights."""

    @abstractmethod
    def weight_at(self, row: int, tap: int) -> int:
        """Place of a weight among a channel's bytes."""

    @abstractmethod
    def staged_shape(self, columns: int, channels: int, /) -> tuple[int, int]:
        """Extents of the buffer of a run's columns."""

    @abstractmethod
    def staged_at(self, column: Any, channel: Any, of: int, row: int) -> tuple[Any, Any]:
        """Where a value lies in it, of one ``of`` so many channels."""

    @abstractmethod
    def staged_columns(self, first: Any, count: int, of: int, /) -> tuple[slice, slice]:
        """Region of some columns of ``of`` channels."""

    def staged_window(self, first: Any, _channel: Any, of: int, /) -> tuple[slice, slice]:
        """Region of a channel's window from a column on, or a larger one."""
        return self.staged_columns(first, self.reach, of)

    @property
    def reach(self) -> int:
        """Columns of a pixel."""
        return (self.taps - 1) * self.dilation + 1

    def columns(self, pixels: int) -> int:
        """Columns of neighbouring pixels."""
        return (pixels - 1) * self.stride + self.reach

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """All pixels."""
        spans: list[Span] = []
        for first in range(0, self.pixels, self.run):
            span = self._run(first, min(self.run, self.pixels - first))
            if spans and span.before == span.after == 0 == spans[-1].before == spans[-1].after:
                last = spans[-1]
                if last.pixels == span.pixels:
                    spans[-1] = Span(last.first, last.pixels, last.groups + 1, last.source, 0, last.columns, 0)
                    continue
            spans.append(span)
        return tuple(spans)

    def _run(self, first: int, pixels: int) -> Span:
        begin = first * self.stride - self.before
        total = self.columns(pixels)
        before = min(max(0, -begin), total)
        after = min(max(0, begin + total - self.width), total - before)
        columns = total - before - after
        return Span(first, pixels, 1, max(0, begin) if columns else 0, before, columns, after)

    def parts(self, span: Span) -> tuple[Part, ...]:
        """What a span consists of: whole blocks, and channels that remain."""
        blocks, rest = divmod(self.channels, self.block)
        parts = [Part(span, 0, self.block, blocks)] if blocks else []
        return tuple([*parts, Part(span, blocks * self.block, rest, 1)] if rest else parts)

    @cached_property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts of all spans."""
        return tuple(part for span in self.spans for part in self.parts(span))


def program(s: ChannelSum) -> Any:
    """The ``tvm.tirx.PrimFunc``.

    Its parameters: of each row the line (width, channels) int8, whose columns lie ``step`` bytes apart (0: all are the
    same column, for lines of padding); their steps, int32; weight (channels, bytes of a channel) int8, bias (channels,)
    int32 with the zero point folded in, multiplier (channels,) float32, out (pixels, channels) int8.
    """
    from tvm.script.ir_builder import IRBuilder, tirx

    with IRBuilder() as builder, tirx.prim_func(s_tir=True):
        tirx.func_name("main")
        handles = [tirx.arg(f"line_{row}", tirx.handle()) for row in range(s.rows)]
        steps = [tirx.arg(f"step_{row}", tirx.int32()) for row in range(s.rows)]
        rest = {
            "weight": tirx.arg("weight", tirx.Buffer((s.channels, s.weights), "int8")),
            "bias": tirx.arg("bias", tirx.Buffer((s.channels,), "int32")),
            "multiplier": tirx.arg("multiplier", tirx.Buffer((s.channels,), "float32")),
            "out": tirx.arg("out", tirx.Buffer((s.pixels, s.channels), "int8")),
        }
        lines = [
            tirx.match_buffer(handle, (s.width, s.channels), "int8", strides=[step, 1])
            for handle, step in zip(handles, steps, strict=True)
        ]
        for row, line in enumerate(lines):
            IRBuilder.name(f"line_{row}", line)
        rest["sums"] = tirx.sblock_alloc_buffer((s.pixels, s.channels), "int32")
        IRBuilder.name("sums", rest["sums"])
        for part in s.all_parts:
            values: Any = lines
            if s.staged:
                values = tirx.sblock_alloc_buffer(s.staged_shape(part.span.total, part.channels), s.dtype)
                IRBuilder.name(f"staged_{part.name}", values)
            with _loops((part.span.groups, part.blocks)) as (group, block):
                if s.staged:
                    build_stage(s, part, lines, values, group, block)
                build_sum(s, part, values, rest, group, block)
    return builder.get()


@contextmanager
def _loops(extents: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Loops one in the other; 0 in the place of those of one round."""
    from tvm.script.ir_builder import tirx

    with ExitStack() as stack:
        yield tuple(stack.enter_context(tirx.serial(0, n)) if n > 1 else 0 for n in extents)


def _axis(extent: int, loop: Any, *, always: bool) -> Any:
    """A block's axis; none for a loop of one round unless ``always`` (TVM drops it of what an intrinsic replaces)."""
    from tvm.script.ir_builder import tirx

    return tirx.axis.spatial(extent, loop) if always or extent > 1 else 0


def build_stage(s: ChannelSum, part: Part, lines: Sequence[Any], staged: Any, group: Any, block: Any) -> None:
    """Adds the block that stages the columns of a run and a block of channels to the program being built.

    Args:
        s: the sum.
        part: of it.
        lines: the buffer of each row, from the part's first channel on if ``group`` is None.
        staged: where to.
        group: the loop over runs; None for the description of an intrinsic.
        block: the loop over blocks.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    span = part.span
    alone = group is None
    with tirx.serial(0, span.total) as column, tirx.sblock(f"stage_{part.name}"):
        g = 0 if alone else _axis(span.groups, group, always=False)
        b = 0 if alone else _axis(part.blocks, block, always=False)
        x = _axis(span.total, column, always=not alone)
        first = 0 if alone else g * (span.pixels * s.stride) + span.source
        origin = 0 if alone else b * s.block + part.first_channel
        inside = tvm.tirx.all(x >= span.before, x < span.before + span.columns) if span.columns < span.total else None
        at = first + x - span.before
        if span.columns:
            here = slice(first, first + span.columns) if inside is not None else slice(at, at + 1)
            tirx.reads(*(line[here, origin : origin + part.channels] for line in lines))
        else:
            tirx.reads()
        tirx.writes(staged[s.staged_columns(x, 1, part.channels)])
        with _loops((part.channels,)) as (k,):
            for row in range(s.rows):
                padding = tvm.tirx.const(s.zero_point, s.dtype)
                value = tirx.cast(lines[row][at, origin + k], s.dtype) if span.columns else padding
                if inside is not None and span.columns:
                    value = tirx.if_then_else(inside, value, padding)
                tirx.buffer_store(staged, value, list(s.staged_at(x, k, part.channels, row)))


def build_sum(s: ChannelSum, part: Part, values: Any, rest: dict[str, Any], group: Any, block: Any) -> None:
    """Adds the block that computes a run's pixels in a block of channels to the program being built.

    Args:
        s: the sum.
        part: of it.
        values: the staged columns; or the buffer of each row, from the part's first channel and column on if ``group``
            is None.
        rest: the buffers ``weight bias multiplier sums out``.
        group: the loop over runs; None for the description of an intrinsic.
        block: the loop over blocks.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    span = part.span
    alone = group is None
    with tirx.grid(span.pixels, part.channels) as (x0, k0), tirx.sblock(f"sum_{part.name}"):
        g = 0 if alone else _axis(span.groups, group, always=False)
        b = 0 if alone else _axis(part.blocks, block, always=False)
        x = _axis(span.pixels, x0, always=not alone)
        k = _axis(part.channels, k0, always=not alone)
        pixel = x if alone else g * span.pixels + x + span.first
        channel = k if alone else b * s.block + k + part.first_channel
        begin = x * s.stride if span.pixels > 1 else 0
        weight, sums, out = rest["weight"], rest["sums"], rest["out"]
        if s.staged:
            read = [values[s.staged_window(begin, k, part.channels)]]
        else:
            begin = begin if alone else g * (span.pixels * s.stride) + begin + span.source
            window = (span.columns - 1) * s.dilation + 1
            read = [line[begin : begin + window, channel] for line in values] if span.columns else []
        tirx.reads(*read, weight[channel, 0 : s.weights], rest["bias"][channel], rest["multiplier"][channel])
        tirx.writes(sums[pixel, channel], out[pixel, channel])
        tirx.buffer_store(sums, rest["bias"][channel], [pixel, channel])

        for row, tap in itertools.product(range(s.rows), range(s.taps)):
            if s.staged:
                value = values[s.staged_at(begin + tap * s.dilation, k, part.channels, row)]
            elif span.before <= tap < span.before + span.columns:
                value = values[row][begin + (tap - span.before) * s.dilation, channel]
            elif s.zero_point:
                value = tvm.tirx.const(s.zero_point, "int8")
            else:
                continue
            product = tirx.cast(value, "int32") * tirx.cast(weight[channel, s.weight_at(row, tap)], "int32")
            tirx.buffer_store(sums, sums[pixel, channel] + product, [pixel, channel])
        result = tirx.call_pure_extern(
            "int8", "tinyseg_requantize_sum", sums[pixel, channel], rest["multiplier"][channel], *s.output
        )
        tirx.buffer_store(out, result, [pixel, channel])
