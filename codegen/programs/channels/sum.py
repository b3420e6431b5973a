"""Depthwise convolutions as one computation: of each channel, a weighted sum over its own columns, requantised.

Neighbours in a line belong to different channels. Where micro-kernels want a channel's values side by side, columns are
*staged*: of a *block* of channels and a run of pixels at a time, values are copied to memory in an order that the
micro-kernels' family says (``dsp_columns.py``, ``mve_columns.py``). Others take the values where they lie.

The places of weights and columns are part of what is computed. A line is the sequence of its runs. Those that reach
into the padding at its sides are spans of their own, the others one together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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
        multiplier: type of what sums are multiplied by.
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
    multiplier: str = "float32"
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
