"""Convolutions by Winograd's minimal filtering F(4, 3) along the line (runtime/tinyseg_conv2d_winograd.h).

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4.1, in one dimension. The
weights' transform is scaled by 24, which makes every number an integer; the results are exact.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import (
    of_fixed_point,
    output_numbers,
    output_value,
    requantize_cycles,
    sum_bias,
    sum_multipliers,
)
from tinyseg_tvm.codegen.operators.convolution_window import declare_lines, piece_channels, piece_fields
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.pair_packing import convolution_segments, pair_order, pairs_of_segments
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d

TILE = 4  # output pixels of a tile
BLOCK = 4  # output channels whose sums are made together
SCALE = 24
WEIGHT_TRANSFORM = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.int64)
DATA_TRANSFORM = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.int64,
)
OFFSETS = np.array([128, 128, 128, 128, 2176, 2176], np.int64)  # that the kernel adds to the values of six columns
BIASED = 1  # the position whose sum is in each of the four results once
RESULT_RANGE = 1 << 28  # eight times a sum is an int32
LEAST_MULTIPLIER = 2.0**-123  # an eighth of it is exact
SUMS_BYTES = 4 * 6 * 2 * BLOCK


def transformed_weight(weight: np.ndarray) -> np.ndarray:
    """(O, KH, 3, I) as (6, O, KH, I) int64, 24 times the transform of each row of taps."""
    return np.asarray(np.einsum("pt,orti->pori", WEIGHT_TRANSFORM, weight.astype(np.int64)))


def sums_are_exact(weight: np.ndarray, bias: np.ndarray, input_zero_point: int) -> bool:
    """Whether the transformed weights fit int16, and eight times every result int32 whatever the input.

    The transformed data fit for any int8 values: they lie within 0 and 4095. Sums in between may wrap, the results are
    right modulo 2^32.

    Args:
        weight: (O, KH, 3, I).
        bias: (O,) int32, the zero point not folded in.
        input_zero_point: of the stored values.
    """
    flat = weight.reshape(weight.shape[0], -1).astype(np.int64)
    low = np.minimum(flat * (-128 - input_zero_point), flat * (127 - input_zero_point)).sum(axis=1) + bias
    high = np.maximum(flat * (-128 - input_zero_point), flat * (127 - input_zero_point)).sum(axis=1) + bias
    small = SCALE * np.abs(flat).max(initial=0) < 1 << 15
    return bool(small and (low >= -RESULT_RANGE).all() and (high < RESULT_RANGE).all())


def multipliers_are_exact(multiplier: np.ndarray) -> bool:
    """Whether an eighth of each is exact in float32, so that it scales eight times a sum to the very same bits."""
    return bool(((multiplier == 0) | (multiplier >= LEAST_MULTIPLIER)).all())


def _multipliers(view: NodeView[Conv2d]) -> np.ndarray | None:
    """As the kernel takes them: those of float32 scale eight times a sum; None where they are not exact."""
    multipliers = sum_multipliers(view)
    if multipliers.dtype != np.float32:
        return multipliers
    return multipliers / np.float32(8) if multipliers_are_exact(multipliers) else None


def pack_winograd(weight: np.ndarray, bias: np.ndarray, piece_channels: list[int]) -> tuple[np.ndarray, int]:
    """Words (uint32) as the kernel reads them, and the number of pairs of a window.

    Args:
        weight: (O, KH, 3, I).
        bias: (O,) int32 with the zero point folded in.
        piece_channels: channels of each piece, their sum is I.
    """
    outputs = weight.shape[0]
    transformed = transformed_weight(weight)
    begin = -(DATA_TRANSFORM @ OFFSETS)[:, None] * transformed.sum(axis=(2, 3))  # (6, O)
    begin[BIASED] += SCALE * bias.astype(np.int64)
    fill = -outputs % BLOCK
    begin = np.pad(begin, ((0, 0), (0, fill)))
    positions = []
    for numbers in transformed:
        rows = np.pad(numbers.astype(np.int16)[:, :, None, :], ((0, fill), (0, 0), (0, 0), (0, 0)))
        segments = [_whole_quads(segment) for segment in convolution_segments(rows, piece_channels, 1)]
        pairs = pairs_of_segments(segments)  # (O, P, 2)
        words = np.ascontiguousarray(pairs).view("<u4")[..., 0]
        positions.append(words.reshape(-1, BLOCK, words.shape[1]).transpose(0, 2, 1))  # (O / 4, P, 4)
    first = (begin % (1 << 32)).astype(np.uint32).reshape(6, -1, 1, BLOCK).transpose(1, 0, 2, 3)
    packed = np.concatenate([first, np.stack(positions, axis=1)], axis=2)  # (O / 4, 6, 1 + P, 4)
    return packed.reshape(-1), positions[0].shape[1]


def _whole_quads(segment: np.ndarray) -> np.ndarray:
    """(O, n) as the kernel reads it: the last three of more than four values come with the one before them, times 0."""
    n = segment.shape[1]
    return np.insert(segment, n - 3, 0, axis=1) if n > 4 and n % 4 == 3 else segment


def _pairs(view: NodeView[Conv2d]) -> int:
    rows: int = view.constants["weight"].shape[1]
    return rows * sum(len(pair_order(piece.shape[3])) for piece in view.inputs)


def suits_winograd(view: NodeView[Conv2d]) -> bool:
    """Whether the kernel computes the node: three taps side by side, and exact."""
    operator = view.operator
    weight = view.constants["weight"]
    form = weight.shape[2] == 3 and operator.strides[1] == 1 and operator.dilation[1] == 1 and operator.groups == 1
    return (
        view.core.has_dsp
        and of_fixed_point(view)
        and form
        and _multipliers(view) is not None
        and sums_are_exact(weight, view.constants["bias"], operator.arithmetic.operand_zero)
    )


def winograd_bytes(view: NodeView[Conv2d]) -> int:
    """Bytes of packed weights, the sums to begin with among them."""
    blocks = -(-int(view.constants["weight"].shape[0]) // BLOCK)
    return blocks * 6 * (1 + _pairs(view)) * 4 * BLOCK


def _copy_bytes(view: NodeView[Conv2d]) -> int:
    """Bytes of six columns of a piece, where a window may lie outside of the map."""
    operator = view.operator
    if not any(operator.padding) and view.outputs[0].shape[2] % TILE == 0:
        return 0
    return -(-6 * max(int(piece.shape[3]) for piece in view.inputs) // 4) * 4


def winograd_cost(view: NodeView[Conv2d]) -> Cost:
    """Scratch and estimated cycles of a step."""
    pairs = _pairs(view)
    outputs = int(view.constants["weight"].shape[0])
    width = view.outputs[0].shape[2]
    tiles = -(-width // TILE)
    blocks, rest = -(-outputs // BLOCK), outputs % BLOCK
    saved = (0, 10, 7, 3)[rest]  # cycles per pair of the block of the remaining channels, for two tiles
    double = blocks * (6 * (18 * pairs + 45) + 60) - 6 * saved * pairs
    single = blocks * (6 * (14 * pairs + 45) + 60)
    results = outputs * width * (requantize_cycles(view.core) + 8)
    cycles = tiles // 2 * double + tiles % 2 * single + results
    segments = int(view.constants["weight"].shape[1]) * len(view.inputs)
    partial = sum(piece.shape[3] % 4 in (1, 2) for piece in view.inputs) * segments // len(view.inputs)
    cycles += tiles * (40 * pairs + 45 * segments + 45 * partial)
    edges = 2 if _copy_bytes(view) else 0
    return Cost(48 * pairs + SUMS_BYTES + _copy_bytes(view), cycles + 150 * edges * segments + 200)


def emit_winograd(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    """Writes the node's function."""
    operator = view.operator
    weight = view.constants["weight"]
    channels = piece_channels(view)
    words, pairs = pack_winograd(weight, sum_bias(view), channels)
    multipliers = _multipliers(view)
    assert multipliers is not None
    out.modules.add("tinyseg_conv2d_winograd")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_winograd",
        {
            "weight": out.constant("weight", words),
            "multiplier": out.constant("multiplier", multipliers),
            **piece_fields(channels, out),
            "pairs": pairs,
            "input_width": view.inputs[0].shape[2],
            "output_width": view.outputs[0].shape[2],
            "output_channels": weight.shape[0],
            "kernel_height": weight.shape[1],
            "pad_left": operator.padding[1],
            "input_zero_point": operator.arithmetic.operand_zero,
            "output": output_value(*output_numbers(operator.arithmetic)),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_conv2d_winograd_line({parameters}, lines, {out.scratch}, {out.output()});")


WINOGRAD = Variant("conv2d winograd", suits_winograd, winograd_cost, emit_winograd, packed_weight(winograd_bytes))
