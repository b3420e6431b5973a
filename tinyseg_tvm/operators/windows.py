"""Sliding windows along one axis: how many fit, and which lines each one covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from tinyseg_tvm.operators.base import Lines, Operator, Part, Slid
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.tensor_type import TensorType

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A kernel that slides along an axis padded by ``before`` and ``after`` elements."""

    kernel: int
    stride: int
    before: int
    after: int
    dilation: int = 1

    def count(self, extent: int) -> int:
        """Windows that fit along an axis of ``extent`` elements.

        Raises:
            ValueError: the kernel is larger than the padded axis, or an attribute is out of range.
        """
        if min(self.kernel, self.stride, self.dilation) < 1 or min(self.before, self.after) < 0:
            raise ValueError(f"{self}: kernel, stride and dilation must be at least 1, the padding at least 0")
        span = extent + self.before + self.after - self.dilation * (self.kernel - 1) - 1
        if span < 0:
            raise ValueError(
                f"a kernel of {self.kernel} with dilation {self.dilation} is larger than {extent} elements padded by "
                f"{self.before} and {self.after}"
            )
        return span // self.stride + 1

    def misses(self, extent: int) -> bool:
        """Whether a window without dilation lies in the padding altogether: the first one or the last one does then."""
        return self.before >= self.kernel or (self.count(extent) - 1) * self.stride - self.before >= extent

    def taps(self, extent: int) -> tuple[Lines, ...]:
        """Positions inside the axis that each window covers, ascending; none where it lies in the padding."""
        return tuple(
            tuple(
                position
                for position in (index * self.stride - self.before + tap * self.dilation for tap in range(self.kernel))
                if 0 <= position < extent
            )
            for index in range(self.count(extent))
        )

    def seen_by(self, tap: int, count: int) -> slice:
        """Positions of the *padded* axis that ``tap`` sees in the first ``count`` windows."""
        first = tap * self.dilation
        return slice(first, first + (count - 1) * self.stride + 1, self.stride)

    def inside(self, tap: int, extent: int, count: int) -> tuple[slice, slice]:
        """Of ``count`` windows those whose ``tap`` lies inside the axis, and the positions that it sees there."""
        offset = tap * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        last = max(first, min(count, (extent - 1 - offset) // self.stride + 1))
        begin = first * self.stride + offset
        return slice(first, last), slice(begin, begin + (last - first) * self.stride, self.stride)

    def sliding(self, padding: float) -> Sliding:
        """How lines follow where they never end and those of padding count as ``padding``."""
        reach = self.dilation * (self.kernel - 1)
        return Sliding(1, self.stride, ((-self.before, reach - self.before),), padding)


@dataclass(frozen=True)
class TransposedWindow:
    """The kernel of a transposed convolution along one axis: element ``i`` lands on ``i * stride + tap * dilation``,
    of which ``before`` and ``after`` positions are cut off and ``output_padding`` ones added at the end.
    """

    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    output_padding: int

    def extent(self, extent: int) -> int:
        """Positions made of ``extent`` elements.

        Raises:
            ValueError: nothing is left after the padding is cut off, or an attribute is out of range.
        """
        if min(self.kernel, self.stride, self.dilation) < 1 or min(self.before, self.after, self.output_padding) < 0:
            raise ValueError(f"{self}: kernel, stride and dilation must be at least 1, the padding at least 0")
        result = self.landing(extent) - self.before - self.after + self.output_padding
        if result < 1:
            raise ValueError(f"the padding {self.before}, {self.after} leaves {result} positions of {extent} elements")
        return result

    def landing(self, extent: int) -> int:
        """Positions that ``extent`` elements land on, nothing cut off."""
        return (extent - 1) * self.stride + self.dilation * (self.kernel - 1) + 1

    def taps(self, extent: int) -> tuple[Lines, ...]:
        """Elements that contribute to each position, ascending; none where only the bias is."""
        result = []
        for index in range(self.extent(extent)):
            elements = set()
            for tap in range(self.kernel):
                element, rest = divmod(index + self.before - tap * self.dilation, self.stride)
                if rest == 0 and 0 <= element < extent:
                    elements.add(element)
            result.append(tuple(sorted(elements)))
        return tuple(result)

    def landing_of(self, tap: int, extent: int) -> slice:
        """Where ``tap`` puts each of ``extent`` elements, nothing cut off."""
        first = tap * self.dilation
        return slice(first, first + (extent - 1) * self.stride + 1, self.stride)

    def sliding(self, padding: float) -> Sliding:
        """How lines follow where they never end. One that no element lands on reads what would be nearest."""
        reads = []
        for rest in range(self.stride):
            places = (rest + self.before - tap * self.dilation for tap in range(self.kernel))
            hit = [place // self.stride for place in places if place % self.stride == 0]
            nearest = (rest + self.before) // self.stride
            reads.append((min(hit, default=nearest), max(hit, default=nearest)))
        return Sliding(self.stride, 1, tuple(reads), padding)

    def part(self, first: int, lines: int, first_read: int, lines_read: int) -> TransposedWindow:
        """Makes ``lines`` positions from ``first`` on of ``lines_read`` elements from ``first_read`` on."""
        before = first + self.before - first_read * self.stride
        after = self.landing(lines_read) - before - lines
        return replace(self, before=before, after=max(after, 0), output_padding=max(-after, 0))


def windows(kernel: Pair, strides: Pair, padding: tuple[int, int, int, int], dilation: Pair) -> tuple[Window, Window]:
    """Windows down and across a map. ``padding``: top, left, bottom, right."""
    top, left, bottom, right = padding
    return (
        Window(kernel[0], strides[0], top, bottom, dilation[0]),
        Window(kernel[1], strides[1], left, right, dilation[1]),
    )


class PaddedMap:
    """Mixed into an operator whose windows slide over a map with a frame of ``padding``."""

    padding: tuple[int, int, int, int]  # top, left, bottom, right

    def over(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray], part: Part) -> Slid:
        """Without padding at the first and the last line."""
        del inputs, part
        _, left, _, right = self.padding
        return Slid(cast(Operator, replace(cast(Any, self), padding=(0, left, 0, right))), constants)
