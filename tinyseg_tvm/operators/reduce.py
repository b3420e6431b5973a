"""Reductions over any axes (ONNX ReduceSum, ReduceMean, ReduceProd, ReduceMax, ReduceMin; variances)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, reducer, same_line_axis, whole
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType

_SUM_BYTES = 4


@dataclass(frozen=True)
class Span:
    """Elements as loops over five axes, of which ``outer``, ``middle`` and ``inner`` are kept, ``rows`` and ``columns``
    reduced.
    """

    outer: int
    rows: int
    middle: int
    columns: int
    inner: int

    @property
    def results(self) -> int:
        """Elements that are left."""
        return self.outer * self.middle * self.inner

    @property
    def reduced(self) -> int:
        """Elements that each of these is made of."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Reduce(Operator):
    """One element in place of all along ``axes``, which stay with an extent of 1: a reducer where lines are among them.

    ``sum``, ``mean``, ``product`` and ``variance`` are made by the arithmetic; ``max`` and ``min`` have none. With
    ``groups`` the channels (last axis) are reduced in so many groups of neighbours as well, and every channel of the
    result holds its group's.
    """

    kind: ClassVar[str] = "reduce"
    onnx: ClassVar[tuple[str, ...]] = (
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "ReduceSumSquare",
    )

    function: str  # "max", "min", or one of the arithmetic's functions
    axes: tuple[int, ...]
    groups: int = 0
    arithmetic: forms.Average | forms.Reduction | None = None

    @property
    def keeps_quantization(self) -> bool:
        """A maximum or minimum does."""
        return self.arithmetic is None

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape with axes of one element; float32 where the arithmetic is a reduction."""
        if len(inputs) != 1 or not self.axes or sorted({*self.axes}) != list(self.axes):
            raise ValueError(f"one operand and axes in order are needed, not {len(inputs)} and {self.axes}")
        operand = inputs[0]
        if not 0 <= self.axes[0] <= self.axes[-1] < len(operand.shape):
            raise ValueError(f"the shape {operand.shape} has no axes {self.axes}")
        if self.groups and (self.axes[-1] == len(operand.shape) - 1 or operand.shape[-1] % self.groups):
            raise ValueError(f"{self.groups} groups do not divide the last axis of {operand.shape}")
        known = ("max", "min") if self.arithmetic is None else self.arithmetic.reductions
        if self.function not in known:
            raise ValueError(f"function {self.function!r} is none of {', '.join(known)}")
        span = self.span(operand.shape)
        dtype = operand.dtype
        if self.arithmetic is not None:
            self.arithmetic.expect_operands(inputs)
            if span.reduced > self.arithmetic.most_values():
                raise ValueError(f"{span.reduced} values are more than {self.arithmetic.most_values()} to reduce")
            dtype = "float32" if isinstance(self.arithmetic, forms.Reduction) else self.arithmetic.dtype
        shape = tuple(1 if axis in self.axes else extent for axis, extent in enumerate(operand.shape))
        return (TensorType(shape, dtype),)

    def span(self, shape: Sequence[int], first: int = 0) -> Span:
        """The loops over the axes of ``shape`` from ``first`` on.

        Raises:
            ValueError: axes to reduce have others between them more than once.
        """
        axes = [(extent, axis in self.axes) for axis, extent in enumerate(shape)][first:]
        if self.groups:
            axes[-1:] = [(self.groups, False), (shape[-1] // self.groups, True)]
        runs: list[tuple[int, bool]] = [(1, False)]
        for extent, reduced in axes:
            if extent == 1:
                continue
            if runs[-1][1] == reduced:
                runs[-1] = (runs[-1][0] * extent, reduced)
            else:
                runs.append((extent, reduced))
        extents = [extent for extent, _ in runs] + [1] * max(0, 5 - len(runs))
        if len(extents) > 5:
            raise ValueError(f"the axes {self.axes} of {tuple(shape)} lie too far apart to be reduced at once")
        return Span(*extents)

    def line_span(self, operand: TensorType) -> Span:
        """The loops over a line."""
        return self.span(operand.shape, len(operand.shape) - len(operand.line_shape))

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The elements of each result in their order."""
        data = inputs[0]
        span = self.span(data.shape)
        split = data.reshape(span.outer, span.rows, span.middle, span.columns, span.inner)
        values = split.transpose(0, 2, 4, 1, 3).reshape(span.results, span.reduced)
        if self.arithmetic is None:
            result = values.max(axis=1) if self.function == "max" else values.min(axis=1)
        elif isinstance(self.arithmetic, forms.Reduction):
            result = self.arithmetic.reduced(self.function, values)
        else:
            summed = self.arithmetic.values(values)
            sums = np.zeros(span.results, summed.dtype)
            for place in range(span.reduced):
                sums = sums + summed[:, place]
            result = self.arithmetic.results(sums, np.asarray(span.reduced if self.function == "mean" else 1))
        shape = [1 if axis in self.axes else extent for axis, extent in enumerate(data.shape)]
        if self.groups:
            result = np.repeat(result, data.shape[-1] // self.groups)
        return (np.ascontiguousarray(result.reshape(shape)),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``, or a reducer with a state for each result."""
        operand, output = inputs[0], outputs[0]
        if not same_line_axis(operand, output) or operand.line_axis is None:
            return whole(inputs, outputs)
        if operand.line_axis not in self.axes:
            return by_line([each_line(output.lines)], output)
        return reducer(operand, self.line_span(operand).results * self._state_bytes(operand))

    def _state_bytes(self, operand: TensorType) -> int:
        if self.arithmetic is None:
            return np.dtype(operand.dtype).itemsize
        return (
            self.arithmetic.state_bytes(self.function) if isinstance(self.arithmetic, forms.Reduction) else _SUM_BYTES
        )

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Rows are columns, and the other way round; the elements of a result are taken in the new order."""
        places = exchanged_axes(tuple(range(len(inputs[0].shape))))
        operator = replace(self, axes=tuple(sorted(places[axis] for axis in self.axes)))
        operator.span(exchanged_axes(inputs[0].shape))
        return Exchanged(operator, constants)
