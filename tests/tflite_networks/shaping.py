"""Layers that move codes, pool them, resize maps or reduce axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tflite_networks.growing import ACTIVATIONS, Impossible, Network, Value
from tests.tflite_networks.sums import convolution


def pool(n: Network, x: Value) -> Value:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    batch, height, width, channels = x.shape
    kernel, strides = [n.between(1, min(4, height)), n.between(1, min(4, width))], [n.between(1, 3), n.between(1, 3)]
    padding = n.one_of("SAME", "VALID")
    shape = [
        -(-size // stride) if padding == "SAME" else (size - k) // stride + 1
        for size, k, stride in zip((height, width), kernel, strides, strict=True)
    ]
    return n.like(
        n.one_of("AVERAGE_POOL_2D", "MAX_POOL_2D"),
        [x],
        (batch, *shape, channels),
        x,
        padding=padding,
        filter_height=kernel[0],
        filter_width=kernel[1],
        stride_h=strides[0],
        stride_w=strides[1],
        fused_activation_function=n.one_of("NONE", *ACTIVATIONS),
    )


def reduction(n: Network, x: Value) -> Value:
    """MEAN, SUM or REDUCE_MAX over some axes."""
    rank = len(x.shape)
    axes = sorted(int(axis) for axis in n.draw.choice(rank, n.between(1, rank - 1), replace=False))
    kept = n.maybe(0.5) or rank - len(axes) < 2
    shape = [1 if axis in axes else extent for axis, extent in enumerate(x.shape) if kept or axis not in axes]
    kinds = ["MEAN", "MEAN", "REDUCE_MAX"] + (["SUM"] if n.dtype == "int8" else [])
    kind = n.one_of(*kinds)
    operands: list[int | Value] = [x, n.constant([axis - rank if n.maybe(0.3) else axis for axis in axes])]
    if kind == "REDUCE_MAX":
        return n.like(kind, operands, shape, x, keep_dims=int(kept))
    count = int(np.prod([x.shape[axis] for axis in axes]))
    spread = n.spread(x) * (0.5 * np.sqrt(count) if kind == "SUM" else 0.7)
    same = kind == "MEAN" and n.maybe(0.4)
    scale, zero_point = (x.scale, x.zero_point) if same else (n.scale(spread), n.zero_point())
    return n.add(kind, operands, shape, scale, zero_point, keep_dims=int(kept))


def resize(n: Network, x: Value) -> Value:
    """RESIZE_BILINEAR of int8, or RESIZE_NEAREST_NEIGHBOR."""
    kinds = ["RESIZE_NEAREST_NEIGHBOR"] + (["RESIZE_BILINEAR"] * 2 if n.dtype == "int8" else [])
    sizes = [n.one_of(2 * x.shape[1], n.between(1, 12)), n.one_of(2 * x.shape[2], n.between(1, 12))]
    align, half = n.one_of((0, 0), (1, 0), (0, 1))
    shape = (x.shape[0], *sizes, x.shape[3])
    return n.like(n.one_of(*kinds), [x, n.constant(sizes)], shape, x, align_corners=align, half_pixel_centers=half)


def pad(n: Network, x: Value) -> Value:
    """PAD, PADV2 or MIRROR_PAD; mostly of rows and columns."""
    rank = len(x.shape)
    kind = n.one_of("PAD", "PAD", "PADV2", "MIRROR_PAD")
    mode = n.one_of("REFLECT", "SYMMETRIC")
    amounts = np.zeros((rank, 2), np.int64)
    for axis in range(1, rank):
        if axis < rank - 1 or n.maybe(0.3):
            most = 2 if kind != "MIRROR_PAD" else min(2, x.shape[axis] - (mode == "REFLECT"))
            amounts[axis] = [n.between(0, most), n.between(0, most)]
    shape = [extent + int(amounts[axis].sum()) for axis, extent in enumerate(x.shape)]
    operands: list[int | Value] = [x, n.constant(amounts)]
    if kind == "PADV2":
        operands.append(n.file.tensor((1,), n.dtype, x.scale, x.zero_point, n.codes((1,))))
    return n.like(kind, operands, shape, x, **({"mode": mode} if kind == "MIRROR_PAD" else {}))


def concatenation(n: Network, x: Value) -> Value:
    """Of activations that are quantised alike, and now and then of a constant."""
    axis = n.between(1, len(x.shape) - 1)

    def joins(other: tuple[int, ...]) -> bool:
        return len(other) == len(x.shape) and all(
            a == b for at, (a, b) in enumerate(zip(x.shape, other, strict=True)) if at != axis
        )

    fitting = [v for v in n.values if v.dtype == x.dtype and joins(v.shape)]
    parts = [x]
    for _ in range(n.between(1, 2)):
        other = n.one_of(*fitting)
        if (other.scale, other.zero_point) != (x.scale, x.zero_point):
            other = n.like("QUANTIZE", [other], other.shape, x)
        parts.append(other)
    shape = list(x.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return n.like("CONCATENATION", parts, shape, x, axis=axis, fused_activation_function="NONE")


def part(n: Network, x: Value) -> Value:
    """STRIDED_SLICE with steps either way, or SLICE."""
    rank = len(x.shape)
    begins, ends, steps = [], [], []
    for axis, extent in enumerate(x.shape):
        first = n.between(0, extent - 1) if axis and n.maybe(0.6) else 0
        last = n.between(first + 1, extent) if axis and n.maybe(0.6) else extent
        begins.append(first)
        ends.append(last)
        steps.append(n.one_of(1, 1, 2, 3) if axis else 1)
    if n.maybe(0.4):
        sizes = [last - first for first, last in zip(begins, ends, strict=True)]
        given = [
            -1 if e == x.shape[a] and n.maybe(0.5) else s for a, (s, e) in enumerate(zip(sizes, ends, strict=True))
        ]
        return n.like("SLICE", [x, n.constant(begins), n.constant(given)], sizes, x)
    masks = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0}
    taken: list[int] = []
    for axis in range(rank):
        if begins[axis] == 0 and n.maybe(0.5):
            masks["begin_mask"] |= 1 << axis
            begins[axis] = n.between(-5, 5) if n.maybe(0.3) else 0
            first = 0
        else:
            first = begins[axis]
        if ends[axis] == x.shape[axis] and n.maybe(0.5):
            masks["end_mask"] |= 1 << axis
        if axis and rank - len(taken) > 2 and n.maybe(0.1) and not masks["begin_mask"] >> axis & 1:
            masks["shrink_axis_mask"] |= 1 << axis
            steps[axis] = 1
            continue
        taken.append(len(range(first, ends[axis], steps[axis])))
    operands: list[int | Value] = [x, n.constant(begins), n.constant(ends), n.constant(steps)]
    return n.like("STRIDED_SLICE", operands, taken, x, **masks)


def split(n: Network, x: Value) -> Value:
    """SPLIT, SPLIT_V or UNPACK; all parts may be read."""
    axis = n.between(1, len(x.shape) - 1) if len(x.shape) > 1 else 0
    extent = x.shape[axis]
    kind = n.one_of("SPLIT", "SPLIT_V", "UNPACK")
    operands: list[int | Value] = [x]
    if kind == "UNPACK":
        if len(x.shape) < 3 or extent > 5:
            raise Impossible("too many parts")
        shapes = [[*x.shape[:axis], *x.shape[axis + 1 :]]] * extent
        options: dict[str, Any] = {"num": extent, "axis": axis}
    elif kind == "SPLIT":
        count = n.one_of(*(each for each in (1, 2, 3, 4) if extent % each == 0))
        shapes = [[*x.shape[:axis], extent // count, *x.shape[axis + 1 :]]] * count
        operands, options = [n.constant([axis]), x], {"num_splits": count}
    else:
        if extent < 2:
            raise Impossible("one element is no two parts")
        first = n.between(1, extent - 1)
        shapes = [[*x.shape[:axis], size, *x.shape[axis + 1 :]] for size in (first, extent - first)]
        operands, options = [x, n.constant([first, extent - first]), n.constant([axis])], {"num_splits": 2}
    return n.add_several(kind, operands, shapes, x.scale, x.zero_point, **options)[0]


def pack(n: Network, x: Value) -> Value:
    """PACK of two activations that are quantised alike."""
    alike = [v for v in n.values if (v.shape, v.scale, v.zero_point) == (x.shape, x.scale, x.zero_point)]
    if len(x.shape) > 3:
        raise Impossible("too many axes")
    axis = n.between(1, len(x.shape))
    shape = [*x.shape[:axis], 2, *x.shape[axis:]]
    return n.like("PACK", [x, n.one_of(*alike)], shape, x, values_count=2, axis=axis)


def transpose(n: Network, x: Value) -> Value:
    """Any order of the axes behind the batch."""
    order = [0, *(1 + int(axis) for axis in n.draw.permutation(len(x.shape) - 1))]
    return n.like("TRANSPOSE", [x, n.constant(order)], [x.shape[axis] for axis in order], x)


def reshape(n: Network, x: Value) -> Value:
    """RESHAPE, SQUEEZE or EXPAND_DIMS."""
    kind = n.one_of("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
    if kind == "EXPAND_DIMS" and len(x.shape) < 4:
        axis = n.between(1, len(x.shape))
        return n.like(kind, [x, n.constant([axis])], [*x.shape[:axis], 1, *x.shape[axis:]], x)
    ones = [axis for axis, extent in enumerate(x.shape) if axis and extent == 1]
    if kind == "SQUEEZE" and ones and len(x.shape) > 2:
        axis = n.one_of(*ones)
        return n.like(kind, [x], [*x.shape[:axis], *x.shape[axis + 1 :]], x, squeeze_dims=[axis])
    size = int(np.prod(x.shape))
    inner = n.one_of(*(each for each in range(1, size + 1) if size % each == 0))
    shape = n.one_of([1, size], [1, size // inner, inner], [1, size // inner, 1, inner])
    return n.like("RESHAPE", [x, n.constant(shape)], shape, x, new_shape=shape)


def block_batches(n: Network, x: Value) -> Value:
    """SPACE_TO_BATCH_ND, a convolution of each part, BATCH_TO_SPACE_ND: a dilated convolution, or only moved codes."""
    batch, height, width, channels = x.shape
    block = [n.between(1, 3), n.between(1, 3)]
    # The interpreter for microcontrollers pads the code 0.
    most = 3 if x.zero_point == 0 else 0
    before = [n.between(0, most), n.between(0, most)]
    after = [n.between(0, most), n.between(0, most)]
    padded = [size + b + a for size, b, a in zip((height, width), before, after, strict=True)]
    if any(size % each for size, each in zip(padded, block, strict=True)):
        raise Impossible("blocks do not fit")
    parts = batch * block[0] * block[1]
    inner = [size // each for size, each in zip(padded, block, strict=True)]
    pads = n.constant([[b, a] for b, a in zip(before, after, strict=True)])
    sizes = n.constant(block)
    y = n.like("SPACE_TO_BATCH_ND", [x, sizes, pads], (parts, *inner, channels), x)
    if n.maybe(0.7):
        y = convolution(n, y)
    crops = [[n.between(0, 1), n.between(0, 1)] for _ in block]
    shape = [size * each - sum(crop) for size, each, crop in zip(y.shape[1:3], block, crops, strict=True)]
    if min(shape) < 1:
        raise Impossible("all is cropped")
    return n.like("BATCH_TO_SPACE_ND", [y, sizes, n.constant(crops)], (batch, *shape, y.shape[3]), y)


def gather(n: Network, x: Value) -> Value:
    """Some places of an axis, in any order."""
    axis = n.between(1, len(x.shape) - 1)
    places = [n.between(0, x.shape[axis] - 1) for _ in range(n.between(1, 4))]
    shape = [*x.shape[:axis], len(places), *x.shape[axis + 1 :]]
    return n.like("GATHER", [x, n.constant(places)], shape, x, axis=axis, batch_dims=0)


def blocks(n: Network, x: Value) -> Value:
    """SPACE_TO_DEPTH or DEPTH_TO_SPACE."""
    batch, height, width, channels = x.shape
    size = n.one_of(2, 2, 3)
    if n.maybe(0.5) and channels % size**2 == 0:
        shape = (batch, height * size, width * size, channels // size**2)
        return n.like("DEPTH_TO_SPACE", [x], shape, x, block_size=size)
    if height % size or width % size:
        raise Impossible("blocks do not fit")
    shape = (batch, height // size, width // size, channels * size**2)
    return n.like("SPACE_TO_DEPTH", [x], shape, x, block_size=size)


def places(n: Network, x: Value) -> Value:
    """TILE, BROADCAST_TO, REVERSE_V2 or GATHER_ND: places in another order, or more than once."""
    kind, rank = n.one_of("TILE", "BROADCAST_TO", "REVERSE_V2", "GATHER_ND"), len(x.shape)
    if kind == "TILE":
        counts = [n.one_of(1, 1, 2, 3) for _ in x.shape]
        return n.like(kind, [x, n.constant(counts)], [e * c for e, c in zip(x.shape, counts, strict=True)], x)
    if kind == "BROADCAST_TO":
        shape = [n.between(1, 5) if extent == 1 and axis else extent for axis, extent in enumerate(x.shape)]
        return n.like(kind, [x, n.constant(shape)], shape, x)
    if kind == "REVERSE_V2":
        return n.like(kind, [x, n.constant([n.between(0, rank - 1)])], x.shape, x)
    depth, count = n.between(1, rank), n.between(1, 4)
    indices = np.stack([n.draw.integers(0, extent, count) for extent in x.shape[:depth]], axis=1)
    return n.like(kind, [x, n.constant(indices)], (count, *x.shape[depth:]), x)
