"""Weights, scratch memory and cost of the kernels for the vector extension (runtime/tinyseg_*_mve.h state layouts)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.pair_packing import convolution_segments
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators import Operator

VECTOR = 16  # values of int8
WIDEST_PIXEL = 21844  # bytes between output pixels: three of them and one are a 16 bit offset


def filled(array: np.ndarray, axis: int, multiple: int) -> np.ndarray:
    """With zeros at the end of an axis, up to a multiple."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % multiple)
    return np.pad(array, widths)


def vectors(values: int) -> int:
    """Vectors that hold so many int8 values."""
    return -(-values // VECTOR)


def pack_channel_pairs(weight: np.ndarray, groups: int, piece_channels: Sequence[int]) -> np.ndarray:
    """(O, KH, KW, I / groups) int8 as [group][pair of channels][vector][2][16], zeros where there is nothing."""
    parts = []
    for group in np.split(weight, groups):
        segments = list(convolution_segments(group, piece_channels, group.shape[2]))
        matrix = filled(filled(np.concatenate(segments, axis=1), 1, VECTOR), 0, 2)
        pairs = matrix.reshape(-1, 2, matrix.shape[1] // VECTOR, VECTOR)
        parts.append(pairs.transpose(0, 2, 1, 3).reshape(-1))
    return np.concatenate(parts)


def channel_pair_bytes(weight: np.ndarray, groups: int) -> int:
    """Bytes of what ``pack_channel_pairs`` gives."""
    pairs = -(-(weight.shape[0] // groups) // 2)
    return int(groups * pairs * 2 * VECTOR * vectors(int(np.prod(weight.shape[1:]))))


def pack_dense_vectors(weight: np.ndarray, lines: int) -> np.ndarray:
    """(O, I) int8 as [line][block of four channels][vector][4][16], zeros where there is nothing."""
    parts = []
    for part in np.split(filled(weight, 0, 4), lines, axis=1):
        blocks = filled(part, 1, VECTOR).reshape(part.shape[0] // 4, 4, -1, VECTOR)
        parts.append(blocks.transpose(0, 2, 1, 3).reshape(-1))
    return np.concatenate(parts)


DEPTHWISE_LANES = np.asarray([0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15])


def depthwise_blocks(array: np.ndarray) -> np.ndarray:
    """(C, ...) as (blocks, 16, ...): the last of more than 16 channels begins 16 before the end."""
    channels = array.shape[0]
    if channels < VECTOR:
        return filled(array, 0, VECTOR)[np.newaxis]
    return np.stack([array[min(c, channels - VECTOR) :][:VECTOR] for c in range(0, channels, VECTOR)])


def depthwise_lanes(array: np.ndarray) -> np.ndarray:
    """(C,) in the order of the sums' lanes."""
    return np.ascontiguousarray(depthwise_blocks(array)[:, DEPTHWISE_LANES]).reshape(-1)


def needs_spread(weight: np.ndarray) -> bool:
    """Whether a channel has weights of -128 at two taps that are summed in 16 bits."""
    flat = weight.reshape(weight.shape[0], -1)
    pairs = flat[:, : flat.shape[1] // 2 * 2].reshape(weight.shape[0], -1, 2)
    return bool((pairs == -128).all(axis=2).any())


def pack_depthwise_vectors(weight: np.ndarray) -> np.ndarray:
    """(C, KH, KW, 1) int8 as (blocks, taps, 16), with a tap of zeros after each where the weights need it."""
    flat = weight.reshape(weight.shape[0], -1)
    if needs_spread(weight):
        flat = np.stack([flat, np.zeros_like(flat)], axis=2).reshape(weight.shape[0], -1)
    return np.ascontiguousarray(depthwise_blocks(flat).transpose(0, 2, 1))


def depthwise_scratch(weight: np.ndarray) -> int:
    """Bytes of the table of taps and of a vector of padding."""
    taps = weight.shape[1] * weight.shape[2] * (2 if needs_spread(weight) else 1)
    return int(8 * (-(-taps // 4) * 4) + VECTOR)


def windows_lie_together(weight: np.ndarray, groups: int, pieces: int, dilation: int) -> bool:
    """Whether a window's values lie side by side in the input."""
    _, rows, taps, _ = weight.shape
    return bool(rows == 1 and pieces == 1 and groups == 1 and (taps == 1 or dilation == 1))


def convolution_scratch(weight: np.ndarray, *, direct: bool, padded: bool) -> int:
    """Bytes that hold the windows of four pixels."""
    values = int(np.prod(weight.shape[1:]))
    whole = values % VECTOR == 0
    return 0 if direct and whole and not padded else 4 * VECTOR * vectors(values)


def convolution_cost(
    view: NodeView[Operator], scratch: int, pixels: float, groups: int = 1, *, direct: bool = False
) -> Cost:
    """Estimated cycles of a step: vectors of four pixels and two channels, windows laid out, requantisation.

    Args:
        view: the node.
        scratch: bytes; windows are laid out where there are any.
        pixels: output pixels of a step.
        groups: how often each pixel's values are laid out.
        direct: most windows are read where they lie.
    """
    outputs = view.outputs[0].elements / max(view.access.steps, 1) / pixels
    blocks = -(-view.macs_per_step / (pixels * outputs) // VECTOR)
    weight = view.constants["weight"]
    segments = (weight.shape[1] if weight.ndim == 4 else 1) * len(view.inputs)
    laying_out = groups * (10 * blocks + 15 * segments + 40) if scratch and not direct else 15
    pairs = groups * -(-outputs / groups // 2)
    return Cost(scratch, round(pixels / 4 * (pairs * (16 * blocks + 46) + laying_out)) + 150)
