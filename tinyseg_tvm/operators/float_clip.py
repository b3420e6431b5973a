"""Clamp of float32 (ONNX Relu, Clip)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import clamp, expect_bounds, expect_float32
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class FloatClip(Operator):
    """``y = clip(x, output_min, output_max)``, where it could not be part of the operator before it."""

    kind: ClassVar[str] = "float_clip"
    any_pixel_order: ClassVar[bool] = True

    output_min: float
    output_max: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        expect_float32(inputs, 1)
        expect_bounds(self.output_min, self.output_max)
        return (TensorType(inputs[0].shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The clamp."""
        return (clamp(inputs[0], self.output_min, self.output_max),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always."""
        return (0,)
