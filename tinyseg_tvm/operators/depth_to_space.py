"""Rearranges channels into pixels (ONNX DepthToSpace). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class DepthToSpace(Operator):
    """(1, H, W, C) to (1, H * block, W * block, C / block^2); ``mode`` "DCR" or "CRD" as in ONNX."""

    kind: ClassVar[str] = "depth_to_space"
    onnx: ClassVar[tuple[str, ...]] = ("DepthToSpace",)
    keeps_quantization: ClassVar[bool] = True

    block: int
    mode: str

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, H * block, W * block, C / block^2)."""
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        _, height, width, channels = inputs[0].shape
        if self.mode not in ("DCR", "CRD"):
            raise ValueError(f"mode {self.mode!r} is neither 'DCR' nor 'CRD'")
        if self.block < 1 or channels % (self.block * self.block):
            raise ValueError(f"{channels} channels do not divide into blocks of {self.block} x {self.block}")
        shape = (1, height * self.block, width * self.block, channels // (self.block * self.block))
        return (TensorType(shape, inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Channel ``(y * block + x) * C' + c`` (DCR) or ``(c * block + y) * block + x`` (CRD) gives pixel (y, x)."""
        _, height, width, channels = inputs[0].shape
        block = self.block
        depth = channels // (block * block)
        if self.mode == "DCR":
            split = inputs[0].reshape(height, width, block, block, depth).transpose(0, 2, 1, 3, 4)
        else:
            split = inputs[0].reshape(height, width, depth, block, block).transpose(0, 3, 1, 4, 2)
        return (split.reshape(1, height * block, width * block, depth),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """``block`` output lines in a row are made of the same input line."""
        return by_line([tuple((line // self.block,) for line in range(outputs[0].lines))], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Only where there is nothing to rearrange."""
        if self.block > 1:
            raise ValueError("its channels hold blocks in the order of rows")
        return Exchanged(self, constants)

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """A line becomes a block of lines."""
        return Sliding(self.block, 1, ((0, 0),) * self.block, whole_blocks=True)
