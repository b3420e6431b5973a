"""Windows of maps by constant and computed places (ONNX's MaxPool with indices, MaxUnpool, Col2Im, DeformConv)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition, Operand, ints
from tinyseg_tvm.frontend.graph import Graph, Node, node_error
from tinyseg_tvm.frontend.rewrites.windows import unpooled_by_line


def max_pool_with_indices(graph: Graph, node: Node) -> list[Node] | None:
    """The greatest value of each window, the first of equals, and where in the whole tensor it lies."""
    if unpooled_by_line(graph, node):
        return None
    value, result = graph.types.get(node.inputs[0]), graph.shape(node.outputs[0])
    if value is None or result is None:
        return None
    spatial, attributes = value.shape[2:], node.attributes
    places = _windows(node, spatial, result[2:])
    maps, points, windows = value.shape[0] * value.shape[1], math.prod(spatial), len(places)
    lowest = np.iinfo(value.dtype).min if np.dtype(value.dtype).kind in "iu" else -np.inf
    made = Definition(graph, node)
    padding = np.full((maps, 1), lowest, value.dtype)
    data = made.add("Concat", made.reshape(node.inputs[0], maps, points), padding, axis=1)
    columns = made.add("Gather", data, np.where(places < 0, points, places), axis=1)
    greatest = made.add("ReduceMax", columns, ints(-1), keepdims=0)
    made.reshape(greatest, *result, to=0)
    if attributes.get("storage_order", 0):
        across = np.unravel_index(np.maximum(places, 0), spatial)
        places = np.asarray(np.ravel_multi_index(across[::-1], spatial[::-1]))
    first = made.add("ArgMax", columns, axis=-1, keepdims=0)
    chosen = made.add("Add", first, np.arange(windows, dtype=np.int64) * places.shape[1])
    found = made.add("Gather", places.reshape(-1).astype(np.int64), chosen, axis=0)
    whole = made.add("Add", found, np.arange(maps, dtype=np.int64)[:, None] * points)
    made.reshape(whole, *result, to=1)
    return made.nodes


def _windows(node: Node, spatial: Sequence[int], result: Sequence[int]) -> np.ndarray:
    """[window][place in it] of indices into a map; -1 in the padding. Source: ONNX operator MaxPool."""
    attributes, rank = node.attributes, len(spatial)
    kernel = attributes["kernel_shape"]
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    pads = list(attributes.get("pads") or [0] * 2 * rank)
    mode = attributes.get("auto_pad", "NOTSET")
    axes = []
    for i in range(rank):
        extent = (kernel[i] - 1) * dilations[i] + 1
        begin = pads[i]
        if mode.startswith("SAME"):
            total = max((result[i] - 1) * strides[i] + extent - spatial[i], 0)
            begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
        elif mode == "VALID":
            begin = 0
        places = np.arange(result[i])[:, None] * strides[i] - begin + np.arange(kernel[i]) * dilations[i]
        axes.append(np.where((places >= 0) & (places < spatial[i]), places, -1))
    index: np.ndarray = np.zeros((1, 1), np.int64)
    inside: np.ndarray = np.ones((1, 1), bool)
    for places, extent in zip(axes, spatial, strict=True):
        index = (index[:, None, :, None] * extent + places[None, :, None, :]).reshape(
            index.shape[0] * places.shape[0], -1
        )
        inside = (inside[:, None, :, None] & (places >= 0)[None, :, None, :]).reshape(index.shape)
    return np.where(inside, index, -1)


def max_unpool(graph: Graph, node: Node) -> list[Node] | None:
    """Zeros, and at the places that the indices say the values that a MaxPool found there."""
    if unpooled_by_line(graph, graph.producers().get(node.inputs[1])):
        return None
    value = graph.types.get(node.inputs[0])
    if value is None:
        return None
    shape, rank = value.shape, len(value.shape) - 2
    kernel = node.attributes["kernel_shape"]
    strides, pads = node.attributes.get("strides") or [1] * rank, node.attributes.get("pads") or [0] * 2 * rank
    inferred = [(shape[i + 2] - 1) * strides[i] - pads[i] - pads[rank + i] + kernel[i] for i in range(rank)]
    inferred = [*shape[:2], *inferred]
    wanted = graph.constant(node.input(2)) if node.input(2) else np.array(inferred)
    if wanted is None:
        raise node_error(node, "its output_shape is not constant", "export the model with a constant shape")
    after = [int(w) - i for w, i in zip(wanted.tolist(), inferred, strict=True)]
    made = Definition(graph, node)
    flat, indices = made.reshape(node.inputs[0], -1), made.reshape(node.inputs[1], -1)
    zeros = np.zeros(math.prod(inferred), value.dtype)
    full = made.add("ScatterElements", zeros, indices, flat, axis=0)
    full = made.reshape(full, *inferred)
    amounts = ints(*[0] * len(after), *after)
    made.add("Pad", full, amounts, np.zeros((), value.dtype), to=0)
    return made.nodes


def col2im(graph: Graph, node: Node) -> list[Node] | None:
    """Sums of windows' columns (N, C * window, windows) where they lie in an image (N, C, ...)."""
    value = graph.types.get(node.inputs[0])
    image, block = graph.constant(node.inputs[1]), graph.constant(node.inputs[2])
    if value is None:
        return None
    if image is None or block is None:
        raise node_error(node, "its shapes are not constant", "export the model with constant shapes")
    extents, kernel, rank = image.tolist(), block.tolist(), image.size
    attributes = node.attributes
    strides, dilations = (attributes.get(key) or [1] * rank for key in ("strides", "dilations"))
    pads = attributes.get("pads") or [0] * 2 * rank
    steps = [
        (extents[i] + pads[i] + pads[rank + i] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i in range(rank)
    ]
    like = Node(node.name, "MaxPool", [], [], {**attributes, "kernel_shape": kernel})
    places = _windows(like, extents, steps).T.reshape(-1)  # [place in the window][window]
    maps, points = value.shape[0] * value.shape[1] // math.prod(kernel), math.prod(extents)
    made = Definition(graph, node)
    columns = made.reshape(node.inputs[0], maps, places.size)
    where = np.broadcast_to(np.where(places < 0, points, places), (maps, places.size)).astype(np.int64)
    zeros = np.zeros((maps, points + 1), value.dtype)  # the last element takes what lies in the padding
    full = made.add("ScatterElements", zeros, where, columns, axis=1, reduction="add")
    made.reshape(made.slice(full, 1, 0, points), value.shape[0], -1, *extents, to=0)
    return made.nodes


def deform_conv(graph: Graph, node: Node) -> list[Node] | None:
    """A convolution of an image whose windows' places are moved by offsets, by bilinear interpolation; zero outside."""
    value, weight, offsets = (graph.types.get(name) for name in node.inputs[:3])
    if value is None or weight is None or offsets is None:
        return None
    if len(value.shape) != 4:
        raise node_error(node, f"it is on {len(value.shape) - 2} axes", "use two spatial axes")
    attributes, (batch, channels, *spatial) = node.attributes, value.shape
    kernel, groups = weight.shape[2:], attributes.get("offset_group", 1)
    result, taps = offsets.shape[2:], math.prod(kernel)
    strides, dilations = (attributes.get(key) or [1, 1] for key in ("strides", "dilations"))
    pads = attributes.get("pads") or [0] * 4
    windows = math.prod(result)
    made = Definition(graph, node)
    offset = made.reshape(node.inputs[2], batch, groups, taps, 2, windows)
    axes = []
    for i in range(2):
        base = np.arange(result[i])[None, :] * strides[i] - pads[i] + np.arange(kernel[i])[:, None] * dilations[i]
        at = [[slice(None), None, slice(None), None], [None, slice(None), None, slice(None)]][i]
        grid = np.broadcast_to(base[tuple(at)], (*kernel, *result)).reshape(taps, windows)
        moved = made.reshape(made.slice(offset, 3, i, i + 1), batch, groups, taps, windows)
        axes.append(_corners(made, made.add("Add", moved, grid.astype(value.dtype)), spatial[i]))
    data = made.reshape(node.inputs[0], batch, groups, channels // groups, math.prod(spatial))
    total = ""
    for row, row_share in axes[0]:
        for column, column_share in axes[1]:
            index = made.add("Add", made.add("Mul", row, np.array(spatial[1], np.int64)), column)
            index = made.reshape(index, batch, groups, 1, taps * windows)
            index = made.add("Expand", index, ints(batch, groups, channels // groups, taps * windows))
            taken = made.add("GatherElements", data, index, axis=3)
            share = made.reshape(made.add("Mul", row_share, column_share), batch, groups, 1, taps * windows)
            part = made.add("Mul", taken, share)
            total = made.add("Add", total, part) if total else part
    if node.input(4):
        total = made.add("Mul", total, made.reshape(node.inputs[4], batch, groups, 1, taps * windows))
    split = attributes.get("group", 1)
    columns = made.reshape(total, batch, split, channels // split * taps, windows)
    matrix = made.reshape(node.inputs[1], 1, split, weight.shape[0] // split, channels // split * taps)
    sums = made.reshape(made.add("MatMul", matrix, columns), batch, weight.shape[0], *result)
    bias: Operand = made.reshape(node.inputs[3], -1, 1, 1) if node.input(3) else np.zeros((), value.dtype)
    made.add("Add", sums, bias, to=0)
    return made.nodes


def _corners(made: Definition, place: str, extent: int) -> list[tuple[str, str]]:
    """The two indices on an axis around a place, inside the map, and the share of each; 0 outside."""
    dtype = made.graph.types[made.node.inputs[0]].dtype
    low = made.add("Floor", place)
    fraction = made.add("Sub", place, low)
    ends = []
    for step, share in ((0, made.add("Sub", np.array(1, dtype), fraction)), (1, fraction)):
        index = made.add("Add", low, np.array(step, dtype))
        clamped = made.add("Clip", index, np.array(0, dtype), np.array(extent - 1, dtype))
        inside = made.cast(made.add("Equal", index, clamped), dtype)
        ends.append((made.cast(clamped, "int64"), made.add("Mul", share, inside)))
    return ends


def roi_align(_graph: Graph, node: Node) -> list[Node] | None:
    """None; TVM's means are ONNX's, its maxima are not."""
    if node.attributes.get("mode", "avg") == "max":
        raise node_error(node, "maxima of sampled places (mode max)", "use the mode avg")
    return None
