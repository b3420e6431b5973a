"""Moves a tensor to storage, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.stored_records import NO_CODEC, Records, check_codec, part_of_lines
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Spill(Operator):
    """Writes lines of a tensor to storage. The result is the *stored* tensor, which only Fetch can read.

    A step encodes a line into a staged record, and issues the record's transfer when the record is full. It
    waits only where all places of the ring are being transferred; the last step waits for the end of all.

    Attributes:
        storage: name of the storage.
        slot: number of a region in it; tensors that are not needed at the same time may share one.
        codec: "none", or the codec that makes lines shorter where it can.
        block: bytes of the storage's blocks (1: byte-addressable).
        group: lines per record.
        ring: records staged in RAM at the same time.
        first_line, lines: the part that is spilled; 0 lines: all from the first on.
    """

    kind: ClassVar[str] = "spill"
    stores_result: ClassVar[bool] = True
    keeps_quantization: ClassVar[bool] = True
    keeps_zeros: ClassVar[bool] = True

    storage: str
    slot: int
    codec: str = NO_CODEC
    block: int = 1
    group: int = 1
    ring: int = 1
    first_line: int = 0
    lines: int = 0

    @property
    def stored_line_bytes(self) -> int:
        """With a codec, a record's length is kept in RAM: a byte per line."""
        return 0 if self.codec == NO_CODEC else 1

    def records(self, stored: TensorType) -> Records:
        """How the result lies in storage."""
        return Records(stored.lines, stored.line_bytes, self.group, self.codec != NO_CODEC, self.block)

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The lines that are spilled."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        check_codec(self.codec)
        if self.ring < 1 or self.slot < 0 or not self.storage:
            raise ValueError(f"ring {self.ring} must be 1 or more, slot {self.slot} 0 or more, and the storage named")
        stored = part_of_lines(inputs[0], self.first_line, self.lines)
        self.records(stored)
        return (stored,)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The lines themselves."""
        kind = TensorType(inputs[0].shape, inputs[0].dtype.name)
        axis = kind.line_axis
        if axis is None:
            return (inputs[0],)
        end = self.first_line + self.lines if self.lines else kind.lines
        return (np.take(inputs[0], range(self.first_line, end), axis),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` takes the ``i``-th line of the part."""
        lines = outputs[0].lines
        records = self.records(outputs[0])
        return LineAccess(
            steps=lines,
            reads=(tuple((self.first_line + line,) for line in range(lines)),),
            writes=(each_line(lines),),
            whole_reads=(False,),
            whole_writes=(False,),
            state_bytes=min(self.ring, records.count) * records.place_bytes,
        )
