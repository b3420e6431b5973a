"""Makes the windows of convolutions and pooling explicit: ``pads`` for auto_pad, output_shape and ceil_mode.

Afterwards Conv, ConvTranspose, MaxPool and AveragePool carry ``kernel_shape``, ``strides``, ``pads``, ``dilations``
(and ``group``, ``output_padding``, ``count_include_pad``) and nothing else that decides positions.
Source: ONNX operators Conv, ConvTranspose, MaxPool, AveragePool.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, node_error

POOLS = ("MaxPool", "AveragePool", "LpPool")


def spell_windows(graph: Graph) -> None:
    """Rewrite every convolution and pooling node. Types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.domain or node.op_type not in ("Conv", "ConvInteger", "ConvTranspose", *POOLS):
            return None
        shape = graph.shape(node.inputs[0])
        if shape is None:
            return None
        _fill_defaults(graph, node, len(shape) - 2)
        if node.op_type == "ConvTranspose":
            _transposed_pads(graph, node, shape[2:])
            return None
        _auto_pad(node, shape[2:])
        _check(graph, node, shape)
        if node.op_type not in POOLS:
            return None
        if node.op_type == "MaxPool":
            _indices(graph, node)
        return _partial_windows(graph, node, shape)

    graph.expand(rewrite)


def _fill_defaults(graph: Graph, node: Node, axes: int) -> None:
    attributes = node.attributes
    if "kernel_shape" not in attributes:
        weight = graph.shape(node.input(1))
        if weight is None:
            raise node_error(node, "it has no kernel_shape", "export the model again")
        attributes["kernel_shape"] = list(weight[2:])
    for key, default in (("strides", [1] * axes), ("dilations", [1] * axes), ("pads", [0] * 2 * axes)):
        if not attributes.get(key):
            attributes[key] = default
    for key, count in (("kernel_shape", axes), ("strides", axes), ("dilations", axes), ("pads", 2 * axes)):
        values = attributes[key]
        if len(values) != count or (key != "pads" and min(values, default=1) < 1):
            raise node_error(node, f"{key} {values} does not fit {axes} axes", "correct the attribute")


def _check(graph: Graph, node: Node, shape: tuple[int, ...]) -> None:
    if min(node.attributes["pads"], default=0) < 0:
        graph.refuse(node, f"negative pads {node.attributes['pads']}", "slice the input instead")
    result = graph.shape(node.outputs[0])
    if result is not None and min(result) < 1:
        raise node_error(node, f"the window does not fit the input {list(shape)}", "use a larger input")


def _extent(node: Node, axis: int) -> int:
    return int(node.attributes["kernel_shape"][axis] - 1) * int(node.attributes["dilations"][axis]) + 1


def _auto_pad(node: Node, spatial: tuple[int, ...]) -> None:
    mode = node.attributes.pop("auto_pad", "NOTSET")
    axes = len(spatial)
    if mode == "VALID":
        node.attributes["pads"] = [0] * 2 * axes
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        begins, ends = [], []
        for axis, size in enumerate(spatial):
            stride = node.attributes["strides"][axis]
            total = max((-(-size // stride) - 1) * stride + _extent(node, axis) - size, 0)
            small, large = total // 2, total - total // 2
            begins.append(small if mode == "SAME_UPPER" else large)
            ends.append(large if mode == "SAME_UPPER" else small)
        node.attributes["pads"] = begins + ends
        node.attributes.pop("ceil_mode", None)  # the windows of SAME cover the input exactly
    elif mode != "NOTSET":
        raise node_error(node, f"auto_pad {mode!r} is unknown", "use NOTSET, VALID, SAME_UPPER or SAME_LOWER")


def _transposed_pads(graph: Graph, node: Node, spatial: tuple[int, ...]) -> None:
    attributes, axes = node.attributes, len(spatial)
    mode = attributes.pop("auto_pad", "NOTSET")
    target = attributes.pop("output_shape", None)
    extra = list(attributes.get("output_padding") or [0] * axes)
    if mode == "VALID":
        attributes["pads"] = [0] * 2 * axes
    if target or mode in ("SAME_UPPER", "SAME_LOWER"):
        begins, ends = [], []
        for axis, size in enumerate(spatial):
            full = attributes["strides"][axis] * (size - 1) + extra[axis] + _extent(node, axis)
            # SAME only takes away, in ONNX Runtime: a kernel below the stride gives less than size times stride.
            wanted = list(target)[axis - axes] if target else min(attributes["strides"][axis] * size, full)
            total = full - wanted
            if total < 0:
                extra[axis], total = extra[axis] - total, 0
            small, large = total // 2, total - total // 2
            begins.append(small if mode == "SAME_UPPER" else large)
            ends.append(large if mode == "SAME_UPPER" else small)
        attributes["pads"] = begins + ends
    attributes["output_padding"] = extra
    if any(
        amount >= max(s, d) for amount, s, d in zip(extra, attributes["strides"], attributes["dilations"], strict=True)
    ):
        graph.refuse(
            node, f"output_padding {extra} is not smaller than the stride or dilation", "pad the result instead"
        )
    if min(attributes["pads"], default=0) < 0:
        graph.refuse(node, f"negative pads {attributes['pads']}", "pad the result instead")


def unpooled_by_line(graph: Graph, node: Node | None) -> bool:
    """Whether a MaxPool's indices are read by MaxUnpool alone, which puts values back where the maxima were found."""
    names = [name for name in node.outputs[1:] if name] if node is not None and node.op_type == "MaxPool" else []
    if node is None or not names or names[0] in graph.outputs:
        return False
    shape, readers = graph.shape(node.inputs[0]), graph.consumers().get(names[0], [])
    if shape is None or len(shape) != 4 or set(node.attributes.get("dilations", [1])) != {1} or not readers:
        return False
    for reader in readers:
        result = graph.shape(reader.outputs[0])
        extent = graph.constant(reader.input(2))
        result = tuple(map(int, extent)) if extent is not None else result
        if reader.op_type != "MaxUnpool" or reader.inputs[0] == names[0] or result is None or result[2:] != shape[2:]:
            return False
    return True


def _indices(graph: Graph, node: Node) -> None:
    """MaxUnpool has the windows of the MaxPool whose indices it reads."""
    node.attributes.pop("storage_order", None)
    if not unpooled_by_line(graph, node):
        node.outputs = node.outputs[:1]
        return
    for reader in graph.consumers()[node.outputs[1]]:
        extent = graph.add_constant(f"{reader.name}.shape", np.array(graph.types[reader.outputs[0]].shape, np.int64))
        reader.inputs = [*reader.inputs[:2], extent]
        reader.attributes = {key: list(node.attributes[key]) for key in ("kernel_shape", "strides", "pads")}


def windowed_shape(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """Shape of a node's result as ONNX Runtime computes it, where ONNX's own inference can differ; None elsewhere.

    ONNX's counts windows of ``ceil_mode`` that begin beyond the map, and has transposed convolutions of ``auto_pad``
    grow to the product of size and stride.
    """
    shape = graph.shape(node.input(0))
    if node.domain or shape is None or len(shape) < 3:
        return None
    if node.op_type in POOLS:
        return *shape[:2], *_pooled(graph, node, shape)
    weight = graph.shape(node.input(1))
    same = node.attributes.get("auto_pad") in ("SAME_UPPER", "SAME_LOWER") and not node.attributes.get("output_shape")
    if node.op_type != "ConvTranspose" or weight is None or len(weight) != len(shape) or not same:
        return None
    spelled = replace(node, attributes=dict(node.attributes))
    _fill_defaults(graph, spelled, len(shape) - 2)
    extra = node.attributes.get("output_padding") or [0] * (len(shape) - 2)
    strides = spelled.attributes["strides"]
    extents = (
        min(strides[axis] * size, strides[axis] * (size - 1) + extra[axis] + _extent(spelled, axis))
        for axis, size in enumerate(shape[2:])
    )
    return shape[0], weight[1] * int(node.attributes.get("group", 1)), *extents


def _pooled(graph: Graph, node: Node, shape: tuple[int, ...]) -> list[int]:
    """Windows of a pool along each axis."""
    spelled = replace(node, attributes=dict(node.attributes))
    _fill_defaults(graph, spelled, len(shape) - 2)
    _auto_pad(spelled, shape[2:])
    windows = [_windows(spelled, axis, size) for axis, size in enumerate(shape[2:])]
    if min(windows) < 1:
        raise node_error(node, f"the window does not fit the input {list(shape)}", "use a larger input")
    return windows


def _windows(node: Node, axis: int, size: int) -> int:
    """Windows of a pool along an axis. Where the map is smaller than one, less than a stride lets it have one.

    Source: ONNX operator MaxPool, and ``PoolAttributes::ComputeOutputSize`` of ONNX Runtime.
    """
    attributes, axes = node.attributes, len(node.attributes["kernel_shape"])
    stride, before = int(attributes["strides"][axis]), int(attributes["pads"][axis])
    space = size + before + int(attributes["pads"][axes + axis]) - _extent(node, axis)
    if not attributes.get("ceil_mode", 0):
        return 0 if space <= -stride else max(space, 0) // stride + 1
    windows = -(-space // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + before else windows  # none begins beyond the map


def _partial_windows(graph: Graph, node: Node, shape: tuple[int, ...]) -> list[Node] | None:
    """Extend the end pads so that all windows of ``ceil_mode``, or one that is larger than the map, lie inside."""
    attributes = node.attributes
    spatial, axes = shape[2:], len(shape) - 2
    pads, extension = attributes["pads"], [0] * axes
    for axis, size in enumerate(spatial):
        needed = (_windows(node, axis, size) - 1) * attributes["strides"][axis] + _extent(node, axis)
        extension[axis] = max(needed - size - pads[axis] - pads[axes + axis], 0)
    attributes.pop("ceil_mode", None)
    if not any(extension):
        return None
    longer = [*pads[:axes], *(p + e for p, e in zip(pads[axes:], extension, strict=True))]
    if node.op_type != "AveragePool" or not attributes.get("count_include_pad", 0) or not any(pads):
        attributes["pads"] = longer
        attributes.pop("count_include_pad", None)  # only the extension is padding, and that never counts
        if node.op_type == "AveragePool":
            attributes["count_include_pad"] = 0
        return None
    # The file's padding counts in the average, the extension does not: pad first, then extend.
    padded_name = graph.fresh(f"{node.name}.padded")
    amounts = graph.add_constant("pads", np.array([0, 0, *pads[:axes], 0, 0, *pads[axes:]], np.int64))
    zero = graph.add_constant("zero", np.zeros((), graph.dtype(node.inputs[0]) or "float32"))
    pad = Node(graph.node_name(f"{node.name}_pad"), "Pad", [node.inputs[0], amounts, zero], [padded_name])
    node.inputs = [padded_name]
    attributes["pads"] = [0] * axes + extension
    attributes["count_include_pad"] = 0
    return [pad, node]
