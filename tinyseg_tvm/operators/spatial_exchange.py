"""Rows and columns exchanged: attributes, weights and axes of operators as they are then (``Operator.exchanged``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.operators.tensor_type import TensorType


def exchanged_pair(pair: tuple[int, int]) -> tuple[int, int]:
    """An attribute of (rows, columns)."""
    return pair[1], pair[0]


def exchanged_padding(padding: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A padding of (top, left, bottom, right)."""
    top, left, bottom, right = padding
    return left, top, right, bottom


def exchanged_axes(values: tuple[int, ...]) -> tuple[int, ...]:
    """A value per axis of a map (1, H, W, ...)."""
    return values[0], values[2], values[1], *values[3:]


def exchanged_constant(constants: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """``constants`` with axes 1 and 2 of ``name`` exchanged."""
    return {**constants, name: np.ascontiguousarray(constants[name].swapaxes(1, 2))}


def exchanged_dense_weight(constants: Mapping[str, np.ndarray], operand: TensorType) -> dict[str, np.ndarray]:
    """``constants`` of a layer that flattens ``operand`` (1, H, W, ...), with the weight's columns in its new order."""
    weight = constants["weight"]
    columns = weight.reshape(-1, *operand.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    return {**constants, "weight": np.ascontiguousarray(columns)}


def expect_pixels_of_channels(inputs: Sequence[TensorType]) -> None:
    """Raises ValueError where the last axis, along which the operator works, is the width."""
    if len(inputs[0].shape) == 3:
        raise ValueError(f"it works along the width of {inputs[0].shape}")
