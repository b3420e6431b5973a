"""Elements in another order (ONNX SpaceToDepth; chains of Reshape and Transpose). Any element type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Part:
    """An axis along which a rearrangement moves elements.

    Attributes:
        extent: places along it.
        source: elements from one place to the next in the operand.
        target: the same in the result.
    """

    extent: int
    source: int
    target: int

    def lines(self, line_elements: int) -> int:
        """Lines of the operand from one place to the next, 0 where they lie in one line."""
        return self.source // line_elements

    def digit(self, step: int, line_elements: int) -> int:
        """The place along it of line ``step`` of the result."""
        return step // (self.target // line_elements) % self.extent


@dataclass(frozen=True)
class Rearrange(Operator):
    """``y = x.reshape(early).transpose(permutation).reshape(shape)``: channel shuffles, blocks of pixels into channels.

    Works line by line where every line of operand and result is a place along some of the axes. Elements that
    change places within a pixel or a line need no map; blocks need the lines of a block.
    """

    kind: ClassVar[str] = "rearrange"
    onnx: ClassVar[tuple[str, ...]] = ("SpaceToDepth",)
    keeps_quantization: ClassVar[bool] = True

    early: tuple[int, ...]
    permutation: tuple[int, ...]
    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """``shape``, of as many elements."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        elements = inputs[0].elements
        if any(math.prod(shape) != elements or min(shape, default=1) < 1 for shape in (self.early, self.shape)):
            raise ValueError(f"the shape {inputs[0].shape} cannot become {self.early} and {self.shape}")
        if sorted(self.permutation) != list(range(len(self.early))):
            raise ValueError(f"{self.permutation} is no permutation of the axes of {self.early}")
        return (TensorType(self.shape, inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The same elements, moved."""
        moved = inputs[0].reshape(self.early).transpose(self.permutation)
        return (np.ascontiguousarray(moved).reshape(self.shape),)

    def parts(self, operand: TensorType, output: TensorType) -> tuple[Part, ...] | None:
        """The axes in the order of the result, none of which has places both in a line and in others; None where there
        are no such.
        """
        split = _split(self.early, self.permutation, (operand.line_elements,), (output.line_elements,))
        if split is None:
            return None
        early, permutation = split
        targets = _steps(tuple(early[axis] for axis in permutation))
        sources = _steps(early)
        return tuple(
            Part(early[axis], sources[axis], target) for axis, target in zip(permutation, targets, strict=True)
        )

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` reads the lines that have elements of line ``i``."""
        operand, output = inputs[0], outputs[0]
        parts = self.parts(operand, output)
        if parts is None:
            return whole(inputs, outputs)
        apart = [part for part in parts if part.source >= operand.line_elements and part.extent > 1]
        steps = [part for part in apart if part.target >= output.line_elements]
        others = [
            [place * part.lines(operand.line_elements) for place in range(part.extent)]
            for part in apart
            if part.target < output.line_elements
        ]
        offsets = sorted(sum(places) for places in product(*others))
        reads = []
        for line in range(output.lines):
            first = sum(part.digit(line, output.line_elements) * part.lines(operand.line_elements) for part in steps)
            reads.append(tuple(first + offset for offset in offsets))
        return by_line([tuple(reads)], output)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """A map that stays one is exchanged; any other result is as before."""
        map_shape = inputs[0].shape
        stays = len(self.shape) >= 4 and self.shape[0] == 1
        split = _split(
            self.early,
            self.permutation,
            _steps(map_shape)[:3],
            _steps(self.shape)[:3] if stays else (),
        )
        if split is None:
            raise ValueError(f"it takes the map {map_shape} apart into {self.early}, in the order of rows")
        early, permutation = split
        order = _exchanged_order(early, map_shape)
        moved = tuple(early[axis] for axis in permutation)
        places = [permutation[place] for place in _exchanged_order(moved, self.shape)] if stays else permutation
        shape = (self.shape[0], self.shape[2], self.shape[1], *self.shape[3:]) if stays else self.shape
        operator = Rearrange(tuple(early[axis] for axis in order), tuple(order.index(axis) for axis in places), shape)
        return Exchanged(operator, constants, result=stays)


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one place along each axis to the next."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _split(
    early: tuple[int, ...], permutation: tuple[int, ...], sources: Sequence[int], targets: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The same rearrangement, its axes split where they go beyond so many elements of the operand or of the result.

    None where they cannot be.
    """
    for bounds, of_result in ((sources, False), (targets, True)):
        for bound in bounds:
            order = permutation if of_result else tuple(range(len(early)))
            inner = 1
            for axis in reversed(order):
                outer = inner * early[axis]
                if inner < bound < outer:
                    if bound % inner or outer % bound:
                        return None
                    early = (*early[:axis], outer // bound, bound // inner, *early[axis + 1 :])
                    permutation = tuple(
                        place
                        for old in permutation
                        for place in ((axis, axis + 1) if old == axis else (old + (old > axis),))
                    )
                    break
                inner = outer
    return early, permutation


def _exchanged_order(axes: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    """The order of ``axes``, which divide those of a map of ``shape``, where its rows and columns are exchanged."""
    image, line, pixel = (math.prod(shape[axis + 1 :]) for axis in range(3))
    steps = _steps(axes)
    inner = [axis for axis, step in enumerate(steps) if step < pixel]
    columns = [axis for axis, step in enumerate(steps) if pixel <= step < line]
    rows = [axis for axis, step in enumerate(steps) if line <= step < image]
    front = [axis for axis, step in enumerate(steps) if step >= image]
    return [*front, *columns, *rows, *inner]
