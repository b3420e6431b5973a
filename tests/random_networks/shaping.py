"""Random layers that move values: slices, padding, resizing, concatenation, reshaping, transposition."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random_networks.growing import Builder, Impossible


def slice_of(b: Builder, x: str) -> str:
    """Slice with steps, also negative ones, from either end, to infinity."""
    shape = b.shape(x)
    axes = sorted(int(a) for a in b.draw.permutation(len(shape) - 1)[: b.one_of(1, 1, 2)] + 1)
    starts, ends, steps = [], [], []
    for axis in axes:
        extent = shape[axis]
        step = b.one_of(1, 1, 1, 2, 3)
        start, end = sorted((b.below(extent), b.below(extent) + 1))
        end = max(end, start + 1)
        if b.opset >= 10 and b.maybe(0.1):
            start, end, step = end - 1, (start - 1 if start else -extent - 1), -step
        elif b.maybe(0.3):
            end = 2**31 - 1
        elif b.maybe(0.2):
            start, end = start - extent, (end - extent if end < extent else extent)
        starts.append(start)
        ends.append(end)
        steps.append(step)
    named = [a - len(shape) if b.opset >= 10 and b.maybe(0.2) else a for a in axes]
    if b.opset < 10:
        return b.finish(b.call("Slice", [x], starts=starts, ends=ends, axes=named), moves=True)
    parts = [starts, ends, named] + ([steps] if b.maybe(0.3) or any(step != 1 for step in steps) else [])
    return b.finish(b.call("Slice", [x, *(b.constant(part) for part in parts)]), moves=True)


def pad(b: Builder, x: str) -> str:
    """Pad in any mode, of rows and columns and sometimes of channels."""
    rank = len(b.shape(x))
    mode = b.one_of("constant", "constant", "constant", "reflect", "edge")
    pads = [0] * (2 * rank)
    for axis in range(1 if b.maybe(0.15) else 2, rank):
        limit = min(4, b.shape(x)[axis])
        pads[axis], pads[axis + rank] = b.below(limit), b.below(limit)
    value = float(b.one_of(0, 0, 0, 1, -0.5)) if mode == "constant" else 0.0
    if b.opset < 11:
        return b.finish(b.call("Pad", [x], mode=mode, pads=pads, value=value), moves=value == 0)
    inputs = [x, b.constant(pads)]
    if mode == "constant" and (value or b.maybe(0.5)):
        inputs.append(b.constant(np.array(value, np.float32)))
    return b.finish(b.call("Pad", inputs, mode=mode), moves=value == 0)


def resize(b: Builder, x: str) -> str:
    """Resize or Upsample, nearest or linear, up and down, by scales or to sizes."""
    shape = b.shape(x)
    axes = len(shape) - 2
    mode = b.one_of("nearest", "nearest", "linear")
    factors = [b.one_of(0.5, 2.0, 2.0, 3.0, 1.0, 1.5, 0.75)] * axes
    if b.maybe(0.2):
        factors = [b.one_of(0.5, 1.0, 2.0, 1.25) for _ in range(axes)]
    scales = np.array([1.0, 1.0, *factors], np.float32)
    if b.opset == 9:
        if min(factors) < 1:
            raise Impossible("Upsample takes no smaller size")
        return b.finish(b.call("Upsample", [x, b.constant(scales)], mode=mode), moves=mode == "nearest")
    if b.opset == 10:
        return b.finish(b.call("Resize", [x, b.constant(scales)], mode=mode), moves=mode == "nearest")
    attributes: dict[str, Any] = {"mode": mode}
    if b.maybe(0.8):
        modes = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
        attributes["coordinate_transformation_mode"] = b.one_of(*modes + ["half_pixel_symmetric"] * (b.opset >= 19))
    if mode == "nearest" and b.maybe(0.7):
        attributes["nearest_mode"] = b.one_of("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")
    empty = "" if b.opset >= 13 else b.constant(np.zeros(0, np.float32))
    if b.maybe(0.5):
        inputs = [x, empty, b.constant(scales)]
    else:
        sizes = [max(1, int(e * f)) for e, f in zip(shape, scales, strict=True)]
        none = "" if b.opset >= 13 else b.constant(np.zeros(0, np.float32))
        inputs = [x, empty, none, b.constant(sizes)]
    return b.finish(b.call("Resize", inputs, **attributes), moves=mode == "nearest")


def concat(b: Builder, x: str) -> str:
    """Concatenation of two to five tensors, mostly along the channels; one can occur twice."""
    shape = b.shape(x)
    axis = 1 if b.maybe(0.8) else 1 + b.below(len(shape) - 1)

    def fits(other: tuple[int, ...]) -> bool:
        return len(other) == len(shape) and all(
            i == axis or a == c for i, (a, c) in enumerate(zip(shape, other, strict=True))
        )

    others = [name for name, value in b.network.values.items() if fits(value.shape) and value.dtype == np.float32]
    chosen = [x, *(b.one_of(*others) for _ in range(b.one_of(1, 1, 1, 2, 4)))]
    if b.maybe(0.1):
        operand = list(shape)
        operand[axis] = b.one_of(1, 2)
        chosen.append(b.constant(b.draw.normal(0, 1, operand).astype(np.float32), "operand"))
    chosen = [chosen[int(i)] for i in b.draw.permutation(len(chosen))]
    named = axis - len(shape) if b.opset >= 11 and b.maybe(0.2) else axis
    return b.finish(b.call("Concat", chosen, axis=named))


def split(b: Builder, x: str) -> str:
    """Split into two or three parts along some axis."""
    shape = b.shape(x)
    axis = 1 if b.maybe(0.7) else 1 + b.below(len(shape) - 1)
    if shape[axis] < 3:
        raise Impossible("too few to split")
    cuts = sorted({1 + b.below(shape[axis] - 1) for _ in range(b.one_of(1, 2))})
    sizes = [int(s) for s in np.diff([0, *cuts, shape[axis]])]
    if b.opset < 13:
        parts = b.results("Split", [x], len(sizes), axis=axis, split=sizes)
    elif b.opset >= 18 and b.maybe(0.3):
        parts = b.results("Split", [x], 2, axis=axis, num_outputs=2)
    else:
        parts = b.results("Split", [x, b.constant(sizes)], len(sizes), axis=axis)
    return b.finish(*parts, moves=True)


def transpose(b: Builder, x: str) -> str:
    """Any permutation behind the batch."""
    rank = len(b.shape(x))
    order = [0, *(int(a) + 1 for a in b.draw.permutation(rank - 1))]
    return b.finish(b.call("Transpose", [x], perm=order), moves=True)


def transposed_pair(b: Builder, x: str) -> str:
    """To channels last, something there, and back."""
    rank = len(b.shape(x))
    there = [0, *range(2, rank), 1]
    y = b.finish(b.call("Transpose", [x], perm=there), moves=True)
    kind = b.one_of("Relu", "Add", "Mul")
    if kind == "Relu":
        y = b.finish(b.call("Relu", [y]))
    else:
        operand = b.draw.normal(0.5, 0.5, b.shape(y)[-1]).astype(np.float32)
        y = b.finish(b.call(kind, [y, b.constant(operand, "operand")]))
    return b.finish(b.call("Transpose", [y], perm=[0, rank - 1, *range(1, rank - 1)]), moves=True)


def reshape(b: Builder, x: str) -> str:
    """Rows and columns merged, split or exchanged with channels; extents of 0 (kept) and -1."""
    shape = b.shape(x)
    if len(shape) == 4:
        _, c, h, w = shape
        choices = [[0, c, h * w], [0, c * h, w], [1, c, -1], [0, -1, h, w], [1, c, w, h], [0, c, 1, -1], [1, h, w, c]]
        choices += [[1, 2, c // 2, h * w]] * (c % 2 == 0) + [[1, c * 4, h // 2, -1]] * (h % 2 == 0 and w % 2 == 0)
    elif len(shape) == 3:
        _, c, length = shape
        choices = [[0, c, 1, length], [0, c, length, 1], [1, length, c], [1, 1, c, -1]]
        choices += [[0, c, length // 2, 2]] * (length % 2 == 0)
    else:
        choices = [[1, -1, 1, 1], [1, 1, -1], [1, 1, -1, 1], [0, -1]]
    return b.finish(b.call("Reshape", [x, b.constant(b.one_of(*choices))]), moves=True)


def squeeze(b: Builder, x: str) -> str:
    """An axis of extent 1 removed, or one put in."""
    shape = b.shape(x)
    ones = [axis for axis in range(1, len(shape)) if shape[axis] == 1]
    if ones and b.maybe(0.7):
        kind, axes = "Squeeze", [b.one_of(*ones)]
    elif len(shape) < 4:
        kind, axes = "Unsqueeze", [1 + b.below(len(shape))]
    else:
        raise Impossible("nothing to squeeze")
    if b.opset < 13:
        return b.finish(b.call(kind, [x], axes=axes), moves=True)
    return b.finish(b.call(kind, [x, b.constant(axes)]), moves=True)


def flatten(b: Builder, x: str) -> str:
    """All but the batch in one axis."""
    return b.finish(b.call("Flatten", [x], axis=1), moves=True)


def blocks(b: Builder, x: str) -> str:
    """DepthToSpace or SpaceToDepth."""
    shape = b.shape(x)
    if len(shape) != 4:
        raise Impossible("needs a map")
    if shape[1] % 4 == 0:
        attributes = {"mode": b.one_of("DCR", "CRD")} if b.opset >= 11 and b.maybe(0.6) else {}
        return b.finish(b.call("DepthToSpace", [x], blocksize=2, **attributes), moves=True)
    if shape[2] % 2 or shape[3] % 2:
        raise Impossible("odd extents")
    return b.finish(b.call("SpaceToDepth", [x], blocksize=2), moves=True)


def shuffle(b: Builder, x: str) -> str:
    """Channel shuffle: Reshape, Transpose, Reshape."""
    shape = b.shape(x)
    if len(shape) != 4 or shape[1] % 2:
        raise Impossible("needs a map of channels in pairs")
    _, c, h, w = shape
    y = b.finish(b.call("Reshape", [x, b.constant([1, 2, c // 2, h, w])]), moves=True)
    y = b.finish(b.call("Transpose", [y], perm=[0, 2, 1, 3, 4]), moves=True)
    return b.finish(b.call("Reshape", [y, b.constant([1, c, h, w])]), moves=True)
