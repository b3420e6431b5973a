"""Any function of one int8 value that differs from channel to channel, as a table of 256 entries for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.base import Exchanged, Operator
from tinyseg_tvm.operators.spatial_exchange import expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class ChannelLookup(LineByLine, Operator):
    """``y = tables[c][x as uint8 bit pattern]`` for the channel ``c``, the index along the last axis: PRelu, and chains
    of functions with a number per channel. Constants: ``tables`` (C, 256) int8 or uint8.
    """

    kind: ClassVar[str] = "channel_lookup"
    own_constants: ClassVar[tuple[str, ...]] = ("tables",)

    output_dtype: str  # "int8" or "uint8"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        tables = constants["tables"]
        if len(inputs) != 1 or inputs[0].dtype not in ("int8", "uint8") or not inputs[0].shape:
            raise ValueError(f"one operand of int8 or uint8 is needed, not {[operand.dtype for operand in inputs]}")
        needed = (inputs[0].shape[-1], 256)
        if tables.shape != needed or tables.dtype != self.output_dtype or self.output_dtype not in ("int8", "uint8"):
            raise ValueError(f"the tables are {tables.dtype} of shape {tables.shape}; {self.output_dtype} {needed}")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The tables' entries."""
        tables = constants["tables"]
        return (np.ascontiguousarray(tables[np.arange(len(tables)), inputs[0].view(np.uint8)]),)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
