"""Some of the channels of a tensor: how many there are to divide, and what takes them."""

from __future__ import annotations

from tinyseg_tvm.operators import Slice, TensorType


def divisible_channels(kind: TensorType) -> int:
    """Channels between which a line can be divided: those of the last axis, where it is not that of the lines."""
    divisible = kind.line_axis is not None and kind.line_axis < len(kind.shape) - 1
    return kind.shape[-1] if divisible else 1


def channels_of(kind: TensorType, begin: int, end: int) -> Slice:
    """The operator that takes some channels."""
    last = len(kind.shape) - 1
    return Slice((0,) * last + (begin,), (*kind.shape[:last], end), (1,) * (last + 1))
