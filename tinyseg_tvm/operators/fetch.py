"""Brings a stored tensor back, line by line and ahead of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.base import LineAccess, Lines, Operator
from tinyseg_tvm.operators.stored_records import NO_CODEC, Records, check_codec
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Fetch(Operator):
    """Reads the result of a Spill; several may read the same one, each in order.

    A step waits for the record of its line, checks it, and decodes the line. When a record is used up, the one
    that is ``ahead`` records further on is asked for. So a step also *reads* the stored lines that it asks for, which
    makes every schedule spill them before.

    Where a part of a tensor was spilled (``first_line``), the second operand is that tensor: its other lines are
    passed on, in place wherever the plan puts both lines at one address.

    Attributes:
        storage, slot, codec, block, group: as in the Spill.
        ahead: records asked for ahead of the one in use; 0: a record is asked for when it is needed.
        first_line: of the spilled part.
    """

    kind: ClassVar[str] = "fetch"
    keeps_quantization: ClassVar[bool] = True
    keeps_zeros: ClassVar[bool] = True

    storage: str
    slot: int
    codec: str = NO_CODEC
    ahead: int = 1
    block: int = 1
    group: int = 1
    first_line: int = 0

    @property
    def places(self) -> int:
        """Records staged in RAM at the same time."""
        return max(self.ahead, 1)

    def records(self, stored: TensorType) -> Records:
        """How the operand lies in storage."""
        return Records(stored.lines, stored.line_bytes, self.group, self.codec != NO_CODEC, self.block)

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The stored tensor's type, or that of the tensor it is a part of."""
        if len(inputs) not in (1, 2):
            raise ValueError(f"one or two operands are needed, not {len(inputs)}")
        check_codec(self.codec)
        if self.ahead < 0 or self.slot < 0 or not self.storage:
            raise ValueError(f"ahead {self.ahead} and slot {self.slot} must be 0 or more, and the storage named")
        self.records(inputs[0])
        if len(inputs) == 1:
            if self.first_line:
                raise ValueError("a part of a tensor is completed by that tensor: it is the second operand")
            return (inputs[0],)
        stored, whole = inputs
        fits = 0 <= self.first_line <= whole.lines - stored.lines
        if stored.dtype != whole.dtype or stored.line_shape != whole.line_shape or not fits:
            raise ValueError(f"{stored} from line {self.first_line} on is no part of {whole}")
        return (whole,)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The stored lines in their places."""
        if len(inputs) == 1:
            return (inputs[0],)
        stored, result = inputs[0], inputs[1].copy()
        axis = TensorType(result.shape, result.dtype.name).line_axis
        if axis is None:
            return (stored,)
        lines = slice(self.first_line, self.first_line + stored.shape[axis])
        result[(slice(None),) * axis + (lines,)] = stored
        return (result,)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` gives line ``i``, and reads all stored lines up to the end of the last record asked for."""
        stored = self.records(inputs[0])
        steps = outputs[0].lines
        part = range(self.first_line, self.first_line + stored.lines)
        reads = [tuple(self._stored_lines(stored, i - self.first_line) if i in part else () for i in range(steps))]
        if len(inputs) == 2:
            reads.append(tuple(() if i in part else (i,) for i in range(steps)))
        return LineAccess(
            steps=steps,
            reads=tuple(reads),
            writes=(each_line(steps),),
            whole_reads=(False,) * len(inputs),
            whole_writes=(False,),
            state_bytes=min(self.places, stored.count) * stored.place_bytes,
        )

    def _stored_lines(self, stored: Records, line: int) -> Lines:
        """From ``line`` to the end of the last record that has been asked for when its step ends."""
        record = line // self.group
        used_up = line == stored.last_line(record)
        asked = record + self.places - (0 if used_up and self.ahead else 1)
        return tuple(range(line, stored.last_line(min(asked, stored.count - 1)) + 1))

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """The lines that were kept."""
        return (1,) if len(inputs) == 2 else ()
