"""Softmax over the last axis of int8 (ONNX Softmax, QLinearSoftmax)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.accumulators import expect_int8
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.requantize import quantize
from tinyseg_tvm.operators.spatial_exchange import expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Softmax(Operator):
    """``e[i] = table[max(x) - x[i]]``, summed in order of ``i`` in float32, ``p = e[i] / sum`` in float32,
    ``y = clip(round_half_even(p / output_scale) + output_zero_point, -128, 127)``.

    Constants: ``table`` (256,) float32, ``table[d] = float32(exp(-d * input_scale))``, computed in float64.
    """

    kind: ClassVar[str] = "softmax"
    constant_names: ClassVar[tuple[str, ...]] = ("table",)

    output_scale: float
    output_zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        expect_int8(inputs)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        table = constants["table"]
        if table.dtype != "float32" or table.shape != (256,):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; float32 (256,) is needed")
        return (TensorType(inputs[0].shape, "int8"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above: the sum runs over the channels in order, vectorised over everything else."""
        data = inputs[0].astype(np.int16)
        exponentials = constants["table"][data.max(axis=-1, keepdims=True) - data]
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        return (quantize(exponentials / total[..., np.newaxis], self.output_scale, self.output_zero_point),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always: a pixel's maximum and sum are known before its first value is written."""
        return (0,)

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say; the scale in float32, in which it computes."""
        return float(np.float32(self.output_scale)), self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
