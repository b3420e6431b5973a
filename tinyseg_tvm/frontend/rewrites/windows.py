"""Makes the windows of convolutions and pooling explicit: ``pads`` for auto_pad, output_shape and ceil_mode.

Afterwards Conv, ConvTranspose, MaxPool and AveragePool carry ``kernel_shape``, ``strides``, ``pads``, ``dilations``
(and ``group``, ``output_padding``, ``count_include_pad``) and nothing else that decides positions.
Source: ONNX operators Conv, ConvTranspose, MaxPool, AveragePool.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, node_error

_POOLS = ("MaxPool", "AveragePool", "LpPool")


def spell_windows(graph: Graph) -> None:
    """Rewrite every convolution and pooling node. Types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.domain or node.op_type not in ("Conv", "ConvInteger", "ConvTranspose", *_POOLS):
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
        if node.op_type not in _POOLS:
            return None
        if node.op_type == "MaxPool":
            _drop_indices(graph, node)
        return _ceil_mode(graph, node, shape)

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
        wanted = (
            list(target)[-axes:] if target else [s * n for s, n in zip(attributes["strides"], spatial, strict=True)]
        )
        begins, ends = [], []
        for axis, size in enumerate(spatial):
            full = attributes["strides"][axis] * (size - 1) + extra[axis] + _extent(node, axis)
            total = full - wanted[axis]
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


def _drop_indices(graph: Graph, node: Node) -> None:
    readers = graph.consumers()
    if any(name and (name in readers or name in graph.outputs) for name in node.outputs[1:]):
        graph.refuse(node, "its second result (indices) is used", "upsample with Resize instead of MaxUnpool")
        return
    node.outputs = node.outputs[:1]
    node.attributes.pop("storage_order", None)


def _ceil_mode(graph: Graph, node: Node, shape: tuple[int, ...]) -> list[Node] | None:
    """Extend the end pads so that rounding down yields the same windows."""
    attributes = node.attributes
    if not attributes.pop("ceil_mode", 0):
        return None
    spatial, axes = shape[2:], len(shape) - 2
    pads, extension = attributes["pads"], [0] * axes
    for axis, size in enumerate(spatial):
        stride, extent = attributes["strides"][axis], _extent(node, axis)
        padded = size + pads[axis] + pads[axes + axis]
        windows = -(-(padded - extent) // stride) + 1
        if (windows - 1) * stride >= size + pads[axis]:
            windows -= 1  # a window that would begin beyond the input
        extension[axis] = max((windows - 1) * stride + extent - padded, 0)
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
