"""Softmax over the last axis of float32 (ONNX Softmax)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import expect_float32
from tinyseg_tvm.operators.float_functions import exponential
from tinyseg_tvm.operators.spatial_exchange import expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class FloatSoftmax(Operator):
    """``e[i] = exponential(x[i] - max(x))``, summed in order of ``i`` in float32, ``y = e[i] / sum``."""

    kind: ClassVar[str] = "float_softmax"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        expect_float32(inputs, 1)
        if not inputs[0].shape:
            raise ValueError("an operand of rank 1 or more is needed")
        return (TensorType(inputs[0].shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above: the sum runs over the channels in order, vectorised over everything else."""
        data = inputs[0]
        exponentials = exponential(data - data.max(axis=-1, keepdims=True))
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        return (np.asarray(exponentials / total[..., np.newaxis]),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always: an element is read before its own result is written, and the maximum is known before that."""
        return (0,)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
