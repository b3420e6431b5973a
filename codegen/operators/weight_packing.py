"""The orders in which kernels read their weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from tinyseg_tvm.operators.arithmetic import accumulators

BLOCK = 4  # output channels that a kernel accumulates together


def interleave(matrix: np.ndarray) -> np.ndarray:
    """(O, K) as the kernels' blocks: [O // 4][K][4], then the remaining channels one after the other."""
    blocked = matrix.shape[0] // BLOCK * BLOCK
    blocks = matrix[:blocked].reshape(-1, BLOCK, matrix.shape[1]).transpose(0, 2, 1)
    return np.concatenate([blocks.reshape(-1), matrix[blocked:].reshape(-1)])


Interleave = Callable[[np.ndarray], np.ndarray]
"""How (O, K) becomes a kernel's blocks, as ``interleave``."""


def pack_convolution(
    weight: np.ndarray, groups: int, piece_channels: Sequence[int], interleave: Interleave = interleave
) -> np.ndarray:
    """(O, KH, KW, I / groups) as [group] blocks of [row][piece][tap][channel][4].

    Args:
        weight: of any type.
        groups: the convolution's groups; more than one only with one piece.
        piece_channels: channels of each piece, their sum is I.
        interleave: makes the blocks.
    """
    outputs = weight.shape[0]
    if len(piece_channels) > 1:
        bounds = np.cumsum([0, *piece_channels])
        rows = [
            weight[:, row, :, first:last].reshape(outputs, -1)
            for row in range(weight.shape[1])
            for first, last in itertools.pairwise(bounds)
        ]
        matrix = np.concatenate(rows, axis=1)
    else:
        matrix = weight.reshape(outputs, -1)
    per_group = outputs // groups
    return np.concatenate([interleave(matrix[g * per_group : (g + 1) * per_group]) for g in range(groups)])


def overlapping_blocks(weight: np.ndarray, groups: int) -> np.ndarray:
    """(O, ...) as tinyseg_conv2d_f32 takes it, whose last block of three channels begins with a channel once more."""
    per_group = weight.shape[0] // groups
    if per_group <= BLOCK or per_group % BLOCK != BLOCK - 1:
        return weight
    rows = [*range(per_group - BLOCK + 1), *range(per_group - BLOCK, per_group)]
    grouped = weight.reshape(groups, per_group, *weight.shape[1:])
    return np.asarray(grouped[:, rows].reshape(-1, *weight.shape[1:]))


def pack_dense(weight: np.ndarray, lines: int, interleave: Interleave = interleave) -> np.ndarray:
    """(O, I) as [line] blocks of [element][4], for an input of I elements in ``lines`` lines."""
    return np.concatenate([interleave(part) for part in np.split(weight, lines, axis=1)])


def folded_bias(bias: np.ndarray, weight: np.ndarray, input_zero_point: int) -> np.ndarray:
    """``bias - zero_point * sum(weight)`` per output channel, int32 (wraps, as the kernels' additions do)."""
    return accumulators.folded_bias(bias, weight, input_zero_point).astype(np.int32)
