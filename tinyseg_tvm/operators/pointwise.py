"""Expressions of float32 evaluated element by element, with integers at their borders (expressions.py), and their sums
along axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.arithmetic import expressions, float32
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes, exchanged_constant
from tinyseg_tvm.operators.tensor_type import TensorType

OPERAND_TYPES = ("float32", "int8", "uint8", "int16", "uint16", "int32", "bool")


@dataclass(frozen=True)
class Pointwise(Operator):
    """``y = expression(x0, x1, ..., c0, c1, ...)``, element by element.

    Activations and constants have the result's rank and broadcast against each other, as in NumPy; an activation of
    a single line may have a lower rank. Each is float32, or of integers, which are converted to float32 exactly or by
    the instruction ``dequantize``. The result is float32, bool (1 where the value is not 0), or integers where the last
    instruction is ``quantize``. Along the axes ``summed``, which stay with an extent of 1, results of float32 are added
    in order, from 0 on: a reducer where lines are among them.

    Constants: ``c0``, ``c1``, ... float32, as many as the expression names.
    """

    kind: ClassVar[str] = "pointwise"

    expression: str
    output_dtype: str
    summed: tuple[int, ...] = ()

    @property
    def constant_names(self) -> tuple[str, ...]:
        """As many as the expression names."""
        return tuple(f"c{number}" for number in range(expressions.referred(self.expression, "c")))

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """As the last instruction says."""
        return expressions.result_quantization(self.expression)

    @property
    def operand_quantization(self) -> tuple[float, int] | None:
        """As the instruction says that dequantises the only operand."""
        found = [each for each in expressions.instructions_of(self.expression) if each.function == "dequantize"]
        if len(found) != 1 or expressions.referred(self.expression, "x") != 1:
            return None
        return float(np.float32(found[0].operands[1])), int(found[0].operands[2])

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The shape that all operands broadcast to."""
        quantizes = self.result_quantization is not None
        if self.output_dtype not in (("int8", "uint8", "int16", "uint16") if quantizes else ("float32", "bool")):
            raise ValueError(f"{self.expression!r} has no results of {self.output_dtype}")
        if not inputs or expressions.referred(self.expression, "x") != len(inputs):
            raise ValueError(f"{self.expression!r} does not take {len(inputs)} activations")
        for operand in inputs:
            if operand.dtype not in OPERAND_TYPES:
                raise ValueError(f"an operand is {operand.dtype}; {', '.join(OPERAND_TYPES)} are possible")
        for instruction in expressions.instructions_of(self.expression):
            if instruction.function == "dequantize" and inputs[int(instruction.operands[0][1:])].dtype == "float32":
                raise ValueError(f"{instruction} is of float32")
        try:
            shape = np.broadcast_shapes(*(operand.shape for operand in (*inputs, *constants.values())))
        except ValueError:
            raise ValueError(f"the shapes {[operand.shape for operand in inputs]} do not broadcast") from None
        if 0 in shape:
            raise ValueError("there is nothing to compute")
        made = self._summed(inputs, TensorType(shape, self.output_dtype))
        for operand in inputs:
            if len(operand.shape) != len(shape) and operand.lines != 1:
                raise ValueError(f"the operand {operand.shape} has not the rank of the result {shape}")
        for name, constant in constants.items():
            if constant.dtype != "float32" or len(constant.shape) != len(shape):
                raise ValueError(
                    f"{name} is {constant.dtype} {constant.shape}; float32 of the rank of {shape} is needed"
                )
        return (made,)

    def _summed(self, inputs: Sequence[TensorType], whole: TensorType) -> TensorType:
        """The result of what the expression makes of the operands."""
        shape = whole.shape
        if not self.summed:
            return whole
        if self.output_dtype != "float32" or list(self.summed) != sorted({*self.summed}):
            raise ValueError(f"axes {self.summed} of {self.output_dtype} are not summed; float32 in order is needed")
        if not 0 <= self.summed[0] <= self.summed[-1] < len(shape):
            raise ValueError(f"the shape {shape} has no axes {self.summed}")
        made = TensorType(self._result_shape(shape), self.output_dtype)
        if made.line_axis != whole.line_axis or any(reads_whole(operand, whole) for operand in inputs):
            raise ValueError(f"sums of {shape} along {self.summed} have other lines")
        return made

    def _result_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(1 if axis in self.summed else extent for axis, extent in enumerate(shape))

    def evaluated(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> TensorType:
        """What the expression makes, before sums."""
        shapes = (operand.shape for operand in inputs)
        return TensorType(np.broadcast_shapes(*shapes, *(array.shape for array in constants.values())), "float32")

    def sums_lines(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> bool:
        """Whether one line after the other is added."""
        return self.evaluated(inputs, constants).line_axis in self.summed

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The expression, vectorised."""
        held = [constants[name] for name in self.constant_names]
        shape = np.broadcast_shapes(*(array.shape for array in (*inputs, *held)))
        made = expressions.evaluate(self.expression, inputs, held, self.output_dtype)
        whole = np.array(np.broadcast_to(made, shape), order="C")
        return (self._sums(whole) if self.summed else whole,)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        kept = [axis for axis in range(values.ndim) if axis not in self.summed]
        shape = self._result_shape(values.shape)
        rows = values.transpose(*kept, *self.summed).reshape(math.prod(shape), -1)
        return float32.Reduction().reduced("sum", rows).reshape(shape)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` from line ``i``, or from the only line of an operand that broadcasts along lines. An operand whose
        lines lie along another axis than the result's is taken whole in every step.
        """
        output = outputs[0]
        if self.sums_lines(inputs, constants):
            return self._reducer(inputs, outputs, constants)
        whole = [reads_whole(operand, output) for operand in inputs]
        reads = []
        for operand, taken in zip(inputs, whole, strict=True):
            every = each_line(output.lines) if operand.lines > 1 else ((0,),) * output.lines
            reads.append((tuple(range(operand.lines)),) * output.lines if taken else every)
        return LineAccess(output.lines, tuple(reads), (each_line(output.lines),), tuple(whole), (False,))

    def _reducer(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> LineAccess:
        """Step ``i`` takes line ``i``; the last one writes the only line of sums."""
        steps = self.evaluated(inputs, constants).lines
        reads = [each_line(steps) if operand.lines > 1 else ((0,),) * steps for operand in inputs]
        writes = ((),) * (steps - 1) + ((0,),)
        apart = (False,) * len(inputs)
        return LineAccess(steps, tuple(reads), (writes,), apart, (False,), outputs[0].bytes if steps > 1 else 0)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Every operand of the result's shape and size, where nothing is summed."""
        result = outputs[0]
        if self.summed:
            return ()
        return tuple(
            index
            for index, operand in enumerate(inputs)
            if operand.shape == result.shape and operand.line_bytes == result.line_bytes
        )

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The same along exchanged axes; constants that are maps are exchanged."""
        made = dict(constants)
        for name, array in constants.items():
            made = exchanged_constant(made, name) if array.ndim >= 3 else made
        if not self.summed:
            return Exchanged(self, made)
        places = exchanged_axes(tuple(range(len(inputs[0].shape))))
        return Exchanged(replace(self, summed=tuple(sorted(places[axis] for axis in self.summed))), made)


def reads_whole(operand: TensorType, result: TensorType) -> bool:
    """Whether an operand of several lines has them along another axis than the result: a step takes it whole."""
    return operand.lines > 1 and operand.line_axis != result.line_axis
