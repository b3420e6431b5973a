"""Columns of depthwise convolutions that are taken where they lie, for micro-kernels that stage nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Span


@dataclass(frozen=True)
class DirectSum(ChannelSum):
    """One output line, of values where they lie; a span's pixels have the same taps inside the line."""

    block = 1 << 16
    staged = False
    dtype = "int8"

    @property
    def weights(self) -> int:
        """Bytes of a channel's weights: [row][tap]."""
        return self.rows * self.taps

    def weight_at(self, row: int, tap: int) -> int:
        """Place of a weight among the bytes of its channel."""
        return row * self.taps + tap

    def staged_shape(self, columns: int, channels: int, /) -> tuple[int, int]:
        """Nothing is staged."""
        raise NotImplementedError

    def staged_at(self, column: int, channel: int, of: int, row: int) -> tuple[int, int]:
        """Nothing is staged."""
        raise NotImplementedError

    def staged_columns(self, first: int, count: int, of: int, /) -> tuple[slice, slice]:
        """Nothing is staged."""
        raise NotImplementedError

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """All pixels, ``run`` at a time of those that follow each other with the same taps inside."""
        spans: list[Span] = []
        first = 0
        while first < self.pixels:
            taps = self._inside(first)
            alike = next((x for x in range(first, self.pixels) if self._inside(x) != taps), self.pixels) - first
            groups, rest = divmod(alike, self.run)
            for pixels, count in ((self.run, groups), (rest, 1)):
                if pixels and count:
                    before, after = taps
                    inside = self.taps - before - after
                    source = first * self.stride - self.before + before * self.dilation if inside else 0
                    spans.append(Span(first, pixels, count, source, before, inside, after))
                    first += pixels * count
        return tuple(spans)

    def _inside(self, pixel: int) -> tuple[int, int]:
        """Taps ahead of the line, and behind it."""
        first = pixel * self.stride - self.before
        columns = [first + tap * self.dilation for tap in range(self.taps)]
        before = sum(column < 0 for column in columns)
        return before, sum(column >= self.width for column in columns[before:])
