"""Index of the largest value along the last axis (ONNX ArgMax)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class ArgMax(Operator):
    """The lowest index wins, or the highest with ``select_last_index``."""

    kind: ClassVar[str] = "argmax"
    onnx: ClassVar[tuple[str, ...]] = ("ArgMax",)

    keepdims: bool
    select_last_index: bool
    output_dtype: str  # "int64", "int32" or "uint8"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape with the last axis 1, or without it."""
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        if self.output_dtype not in ("int64", "int32", "uint8"):
            raise ValueError(f"an index of type {self.output_dtype} is not possible; int64, int32 or uint8 is")
        shape = inputs[0].shape
        if shape[-1] - 1 > np.iinfo(self.output_dtype).max:
            raise ValueError(f"{shape[-1]} classes do not fit {self.output_dtype}")
        return (TensorType((*shape[:-1], 1) if self.keepdims else shape[:-1], self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """First or last index of the maximum."""
        data = inputs[0]
        if self.select_last_index:
            index = data.shape[-1] - 1 - np.argmax(data[..., ::-1], axis=-1)
        else:
            index = np.argmax(data, axis=-1)
        result = np.asarray(index, self.output_dtype)
        return (result[..., np.newaxis] if self.keepdims else result,)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``; one step where dropping the last axis changes how the tensor divides into lines."""
        if inputs[0].line_axis != outputs[0].line_axis and inputs[0].lines != 1:
            return whole(inputs, outputs)
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
