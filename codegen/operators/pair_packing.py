"""Weights for kernels that multiply two 16 bit pairs at a time (runtime/tinyseg_conv2d_dsp.h states the layout)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import requantize_cycles
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.programs.windows.pair_words import pair_words
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators import Operator

JOINED_RANGE = 1 << 23  # results of second channels that can be told from joined sums


def pair_order(n: int) -> list[tuple[int, int | None]]:
    """Which two of ``n`` consecutive values each widened word holds; None: nothing.

    Four bytes are widened at a time, the first with the third and the second with the fourth.
    """
    pairs: list[tuple[int, int | None]] = []
    for first in range(0, n - n % 4, 4):
        pairs += [(first, first + 2), (first + 1, first + 3)]
    rest = n - n % 4
    tails: list[list[tuple[int, int | None]]] = [
        [],
        [(rest, None)],
        [(rest, rest + 1)],
        [(rest, rest + 2), (rest + 1, None)],
    ]
    return pairs + tails[n % 4]


def pairs_of_segments(segments: Sequence[np.ndarray]) -> np.ndarray:
    """Weights (O, n) of each segment as pairs (O, P, 2) over all segments, 0 where a pair has one value."""
    parts = []
    for segment in segments:
        padded = np.concatenate([segment, np.zeros((segment.shape[0], 1), segment.dtype)], axis=1)
        order = np.asarray(
            [(low, segment.shape[1] if high is None else high) for low, high in pair_order(segment.shape[1])]
        )
        parts.append(padded[:, order.reshape(-1, 2).astype(np.intp)])
    if not parts:
        return np.zeros((0, 0, 2), np.int8)
    return np.concatenate(parts, axis=1)


def can_join(weight: np.ndarray, bias: np.ndarray, groups: int) -> bool:
    """Whether the words of two channels can be joined as runtime/tinyseg_joined.h describes.

    Args:
        weight: (O, ...) int8.
        bias: (O,) as the kernel begins with it: the input's zero point is folded in.
        groups: the convolution's groups.
    """
    flat = weight.reshape(groups, weight.shape[0] // groups, -1).astype(np.int64)
    first, second = flat[:, 0 : flat.shape[1] - 1 : 2], flat[:, 1::2]
    if bool(((second == -128) & (first < 0)).any()):
        return False
    begin = bias.reshape(groups, -1)[:, 1::2].astype(np.int64)
    low = begin + np.minimum(second * -128, second * 127).sum(axis=2)
    high = begin + np.maximum(second * -128, second * 127).sum(axis=2)
    return bool((low >= -JOINED_RANGE).all() and (high < JOINED_RANGE).all())


def convolution_segments(weight: np.ndarray, piece_channels: Sequence[int], segment_taps: int) -> Iterator[np.ndarray]:
    """Weights (O, KH, KW, I) as segments (O, n), in the order of rows, pieces, taps."""
    outputs, rows, taps, _ = weight.shape
    bounds = np.cumsum([0, *piece_channels])
    for row in range(rows):
        for first, last in itertools.pairwise(bounds):
            for tap in range(0, taps, segment_taps):
                yield weight[:, row, tap : tap + segment_taps, first:last].reshape(outputs, -1)


def pack_pairs(
    weight: np.ndarray, groups: int, piece_channels: Sequence[int], segment_taps: int, *, joined: bool
) -> tuple[np.ndarray, int]:
    """(O, KH, KW, I / groups) int8 as uint32 words, and the number of pairs of a pixel.

    Args:
        weight: int8.
        groups: the convolution's groups; more than one only with one piece.
        piece_channels: channels of each piece that one group uses.
        segment_taps: taps of a row whose values lie side by side.
        joined: whether two channels' weights are joined (``can_join``).
    """
    per_group = weight.shape[0] // groups
    words = []
    pairs = 0
    for group in range(groups):
        part = weight[group * per_group : (group + 1) * per_group]
        packed = pairs_of_segments(list(convolution_segments(part, piece_channels, segment_taps)))
        pairs = packed.shape[1]
        words.append(pair_words(packed, joined=joined))
    return np.concatenate(words), pairs


def pair_bytes(weight: np.ndarray, groups: int, piece_channels: Sequence[int], segment_taps: int) -> int:
    """Bytes of what ``pack_pairs`` gives."""
    segments = weight.shape[1] * (weight.shape[2] // segment_taps)
    pairs = segments * sum(len(pair_order(segment_taps * c)) for c in piece_channels)
    fours, rest = divmod(weight.shape[0] // groups, 4)
    words = (0, -(-pairs // 2), pairs, 2 * pairs)[rest] + 2 * pairs * fours
    return int(4 * groups * words)


def one_more(array: np.ndarray) -> np.ndarray:
    """(O + 1,): a block of three channels reads a fourth."""
    return np.concatenate([array, np.zeros(1, array.dtype)])


def pair_scratch(weight: np.ndarray, piece_channels: Sequence[int], segment_taps: int, *, padded: bool) -> int:
    """Bytes that hold the widened windows of two pixels, and copies of a segment where there is padding."""
    segments = [segment_taps * c for c in piece_channels]
    pairs = weight.shape[1] * (weight.shape[2] // segment_taps) * sum(len(pair_order(n)) for n in segments)
    copies = 2 * max(segments) if padded else 0
    return int(8 * pairs + -(-copies // 4) * 4)


def pair_cost(view: NodeView[Operator], scratch: int, pixels: float, groups: int = 1, rows: int | None = None) -> Cost:
    """Estimated cycles of a step, fitted to the Cortex-M4 estimates of tinyseg_tvm/micro/cortex_m/cycle_estimate.py.

    Args:
        view: the node.
        scratch: bytes.
        pixels: output pixels of a step.
        groups: how often each pixel's values are laid out.
        rows: of the kernel, where not all are used for a pixel.
    """
    weight = view.constants["weight"]
    outputs = view.outputs[0].elements / max(view.access.steps, 1) / pixels
    values = view.macs_per_step / (pixels * outputs)
    height, taps = (rows or weight.shape[1], weight.shape[2]) if weight.ndim == 4 else (1, 1)
    segments = height * len(view.inputs) * (taps if groups > 1 else 1)
    pairs = segments * math.ceil(values / segments / 2)
    fours, rest = divmod(round(outputs / groups), 4)
    fours, rest = (fours + 1, 0) if rest == 3 else (fours, rest)
    requantize = requantize_cycles(view.core)
    blocks = fours * (8.6 * pairs + 20 + 4 * requantize) + rest * (2.4 * pairs + requantize)
    pixel = groups * (blocks + 5.7 * pairs + 25 * segments + 72)
    odd = 0.75 * (round(pixels) % 2)  # two pixels go together; the last one alone is not much faster
    edges = 250 * groups * segments if any(getattr(view.operator, "padding", ())) else 0
    return Cost(scratch, round((pixels + odd) * pixel) + edges + 300)


def portable_cost(cost: Cost, view: NodeView[Operator]) -> Cost:
    """The cost of a portable kernel, on the scale of the DSP extension's kernels where it competes with them."""
    return Cost(0, round(1.6 * cost.cycles_per_step)) if view.core.has_dsp else cost


def _dense_blocks(outputs: int) -> list[int]:
    """Channels of each block: eight, then four where no more remain."""
    eights, rest = divmod(outputs, 8)
    return [8] * (eights + (rest > 4)) + [4] * (0 < rest <= 4)


def filled_to_blocks(array: np.ndarray) -> np.ndarray:
    """(O,) with zeros up to whole blocks of channels."""
    return np.concatenate([array, np.zeros(sum(_dense_blocks(array.size)) - array.size, array.dtype)])


def pack_dense_quads(weight: np.ndarray, lines: int) -> np.ndarray:
    """(O, I) int8 as words for runtime/tinyseg_dense_dsp.h: [line][block][elements / 4][channel], elements as bytes."""
    blocks = _dense_blocks(weight.shape[0])
    parts = []
    for part in np.split(weight, lines, axis=1):
        padded = np.pad(part, ((0, sum(blocks) - part.shape[0]), (0, -part.shape[1] % 4)))
        for block in np.split(padded, np.cumsum(blocks)[:-1]):
            quads = block.reshape(block.shape[0], -1, 4).transpose(1, 0, 2)
            parts.append(np.ascontiguousarray(quads).view("<u4").reshape(-1))
    return np.concatenate(parts)
