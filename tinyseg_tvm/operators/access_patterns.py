"""The shapes that line accesses take: line by line, over whole tensors, and reducers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.operators.base import LineAccess, Lines
from tinyseg_tvm.operators.tensor_type import TensorType


def each_line(lines: int) -> tuple[Lines, ...]:
    """Step ``i`` touches line ``i``."""
    return tuple((line,) for line in range(lines))


def by_line(reads: Sequence[tuple[Lines, ...]], output: TensorType) -> LineAccess:
    """Step ``i`` writes line ``i`` of the only result and reads what ``reads`` says of each operand."""
    return LineAccess(
        steps=output.lines,
        reads=tuple(reads),
        writes=(each_line(output.lines),),
        whole_reads=(False,) * len(reads),
        whole_writes=(False,),
    )


class LineByLine:
    """Mixed into an operator of one operand whose line ``i`` becomes line ``i`` of the result.

    It works in place where elements are as long: its kernels have read all that they need of a pixel before they write
    the first value of it.
    """

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Where elements are as long."""
        return (0,) if inputs[0].line_bytes == outputs[0].line_bytes else ()


def whole(inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> LineAccess:
    """One step that takes and gives whole tensors."""
    return LineAccess(
        steps=1,
        reads=tuple((tuple(range(operand.lines)),) for operand in inputs),
        writes=tuple((tuple(range(result.lines)),) for result in outputs),
        whole_reads=(True,) * len(inputs),
        whole_writes=(True,) * len(outputs),
    )


def reducer(operand: TensorType, state_bytes: int) -> LineAccess:
    """Step ``i`` takes line ``i``; the last one writes the result's only line. A single line needs no state."""
    steps = operand.lines
    return LineAccess(
        steps=steps,
        reads=(each_line(steps),),
        writes=(((),) * (steps - 1) + ((0,),),),
        whole_reads=(False,),
        whole_writes=(False,),
        state_bytes=state_bytes if steps > 1 else 0,
    )


def same_line_axis(operand: TensorType, result: TensorType) -> bool:
    """True where both divide into lines along the same axis, so that an operator may keep to lines."""
    return operand.line_axis == result.line_axis and len(operand.shape) == len(result.shape)
