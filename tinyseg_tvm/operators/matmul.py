"""Matrix product of two activations (ONNX MatMul, QLinearMatMul), of many matrices at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType

ROWS, INNER, OUTER = "rows", "inner", "outer"
"""What lines are indices of: rows of all matrices, or matrices of the inner or the outer batch."""


@dataclass(frozen=True)
class Matrices:
    """A tensor as (outer, inner, rows, columns): matrices, and the steps from one element to the next along each axis.

    Attributes:
        extents: of the four axes.
        steps: in elements; 0 along an axis of one element.
        lines: which axis the tensor's lines are indices of.
    """

    extents: tuple[int, int, int, int]
    steps: tuple[int, int, int, int]
    lines: str

    @staticmethod
    def of(shape: tuple[int, ...], *, inside: bool) -> Matrices:
        """Matrices (R, C), (inner, R, C), (outer, inner, R, C), or ``inside`` (1, R, inner, C).

        Raises:
            ValueError: another shape.
        """
        if inside:
            if len(shape) != 4 or shape[0] != 1:
                raise ValueError(f"matrices (1, rows, batch, columns) are needed, not {shape}")
            _, rows, inner, columns = shape
            extents = (1, inner, rows, columns)
            return Matrices(extents, (0, _step(inner, columns), _step(rows, inner * columns), 1), ROWS)
        if not 2 <= len(shape) <= 4:
            raise ValueError(f"matrices of rank 2 to 4 are needed, not {shape}")
        outer, inner, rows, columns = (1,) * (4 - len(shape)) + shape
        steps = (_step(outer, inner * rows * columns), _step(inner, rows * columns), _step(rows, columns), 1)
        lines = OUTER if outer > 1 else INNER if inner > 1 or len(shape) == 4 else ROWS
        return Matrices((outer, inner, rows, columns), steps, lines)

    def array(self, data: np.ndarray) -> np.ndarray:
        """The elements of ``data`` as an array of the four axes."""
        steps = tuple(step * data.itemsize for step in self.steps)
        return np.lib.stride_tricks.as_strided(np.ascontiguousarray(data), self.extents, steps, writeable=False)

    def step_of(self, role: str) -> int:
        """Elements from one index of ``role`` to the next."""
        return self.steps[(OUTER, INNER, ROWS).index(role)]

    def extent_of(self, role: str) -> int:
        """How many indices ``role`` has."""
        return self.extents[(OUTER, INNER, ROWS).index(role)]


def _step(extent: int, elements: int) -> int:
    return elements if extent > 1 else 0


@dataclass(frozen=True)
class Matmul(Operator):
    """``y[m, n] = result(sum(lhs[m, k] * rhs[k, n]))`` of all matrices of the operands, whose batches broadcast.

    Operands are (M, K), (batch, M, K) or (outer, batch, M, K). With ``inside`` the left operand and the result have
    the batch behind the rows, (1, M, batch, K), as heads of attention have; with ``rhs_inside`` the right one. Then a
    line is a row of all matrices, as it is without a batch, and the right operand is there as a whole: keys or values
    of attention. With ``transposed`` the right operand's rows are the result's columns, (..., N, K).
    """

    kind: ClassVar[str] = "matmul"

    inside: bool
    rhs_inside: bool
    transposed: bool
    arithmetic: forms.ProductSum

    def operands(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Matrices, Matrices]:
        """Both operands; of the right one the rows are as they are stored."""
        if len(shapes) != 2:
            raise ValueError(f"two operands are needed, not {len(shapes)}")
        return Matrices.of(shapes[0], inside=self.inside), Matrices.of(shapes[1], inside=self.rhs_inside)

    def result(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The result's shape. Raises ValueError where the operands do not fit."""
        lhs, rhs = self.operands(shapes)
        rows, inner = lhs.extents[2:]
        if inner != rhs.extents[3 if self.transposed else 2]:
            raise ValueError(f"the matrices {shapes[0]} and {shapes[1]} do not fit")
        for a, b in zip(lhs.extents[:2], rhs.extents[:2], strict=True):
            if a != b and 1 not in (a, b):
                raise ValueError(f"the batches of {shapes[0]} and {shapes[1]} do not broadcast")
        columns = rhs.extents[2 if self.transposed else 3]
        batches = [max(pair) for pair in zip(lhs.extents[:2], rhs.extents[:2], strict=True)]
        if self.inside:
            if batches[0] > 1:
                raise ValueError(f"{shapes[1]} has an outer batch, which {shapes[0]} has no place for")
            return (1, rows, batches[1], columns)
        rank = max(map(len, shapes))
        return (*batches, rows, columns)[4 - rank :]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """Batches broadcast; as many products are summed as the arithmetic allows."""
        self.arithmetic.expect_operands(inputs)
        shape = self.result([operand.shape for operand in inputs])
        self.arithmetic.expect_products(inputs[0].shape[-1])
        return (TensorType(shape, self.arithmetic.dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """All matrices at once."""
        shape = self.result([array.shape for array in inputs])
        lhs, rhs = (
            matrices.array(array)
            for matrices, array in zip(self.operands([array.shape for array in inputs]), inputs, strict=True)
        )
        made = self.arithmetic.results(lhs, rhs if self.transposed else rhs.swapaxes(2, 3))
        return (np.ascontiguousarray(made.swapaxes(1, 2) if self.inside else made).reshape(shape),)

    def follows(self, shapes: Sequence[tuple[int, ...]]) -> tuple[bool, bool]:
        """Whether step ``i`` takes line ``i`` of each operand; else it takes the whole operand."""
        made = Matrices.of(self.result(shapes), inside=self.inside)
        left, right = (
            operand.lines == made.lines and operand.extent_of(made.lines) == made.extent_of(made.lines)
            for operand in self.operands(shapes)
        )
        return left, right and made.lines != ROWS

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` of the result from line ``i`` of operands that have such, and all of the others."""
        steps = outputs[0].lines
        follows = self.follows([operand.shape for operand in inputs])
        reads = [
            each_line(steps) if by_line else (tuple(range(operand.lines)),) * steps
            for operand, by_line in zip(inputs, follows, strict=True)
        ]
        taken_whole = tuple(not by_line for by_line in follows)
        return LineAccess(steps, tuple(reads), (each_line(steps),), taken_whole, (False,))

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per element of the result and product of its sum."""
        return outputs[0].elements * inputs[0].shape[-1]

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Of maps, the batch is before the rows where it was behind them, and the other way round."""
        if any(len(operand.shape) != 4 for operand in inputs):
            raise ValueError(f"it multiplies matrices {inputs[0].shape} and {inputs[1].shape}")
        return Exchanged(replace(self, inside=not self.inside, rhs_inside=not self.rhs_inside), constants)
