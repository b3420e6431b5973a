"""Gives every Resize constant sizes for the two spatial axes of an NCHW map.

Where the file's scales do not lead to a whole number (6 -> 10 written as 1.6666666), the size the file
declares for the result, else the nearest whole number, rules. Scales that truly mean another ratio than that of
the sizes, crops, antialiasing and resizing across other axes than two adjacent ones are refused.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, ValueType, node_error

# A scale within this distance of a whole number of pixels was meant to be that number.
_PIXEL_TOLERANCE = 1e-2


def resize_sizes(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The shape of the result, where the node states scales; None where inference decides."""
    shape, scales = graph.shape(node.inputs[0]), graph.constant(node.input(2))
    if shape is None or scales is None or scales.size == 0:
        return None
    axes = [axis % len(shape) for axis in node.attributes.get("axes", range(len(shape)))]
    if len(axes) != scales.size or not np.isfinite(scales).all() or (scales <= 0).any():
        raise node_error(node, f"scales {scales.tolist()} do not fit the shape {list(shape)}", "correct the scales")
    declared = graph.declared.get(node.outputs[0], ())
    result = list(shape)
    for axis, scale in zip(axes, scales.tolist(), strict=True):
        exact = shape[axis] * scale
        near = round(exact)
        result[axis] = near if abs(exact - near) < _PIXEL_TOLERANCE else int(exact)
        claim = declared[axis] if len(declared) == len(shape) else None
        if claim is not None and abs(exact - claim) < 1:
            result[axis] = claim
    if min(result) < 1 or max(result) > 1 << 24:
        raise node_error(node, f"scales {scales.tolist()} give the shape {result}", "correct the scales")
    return tuple(result)


def spell_resizes(graph: Graph) -> None:
    """Rewrite every Resize to sizes. Types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type != "Resize" or node.domain:
            return None
        before, after = graph.shape(node.inputs[0]), graph.shape(node.outputs[0])
        if before is None or after is None:
            graph.refuse(node, "its sizes are not constant", "export the model with fixed sizes")
            return None
        if (reason := _obstacle(graph, node, before, after)) is not None:
            graph.refuse(node, *reason)
            return None
        _set_sizes(graph, node, after)
        changed = [axis for axis in range(len(before)) if before[axis] != after[axis]]
        if len(before) == 4 and changed and changed[0] == 1 and max(changed) == 2:
            return _channels_last(graph, node, before, after)
        if any(axis < 2 for axis in changed):
            graph.refuse(node, f"it resizes {list(before)} to {list(after)}", "resize the last two axes only")
        return None

    graph.expand(rewrite)


def _set_sizes(graph: Graph, node: Node, sizes: tuple[int, ...]) -> None:
    node.inputs = [node.inputs[0], "", "", graph.add_constant(f"{node.name}.sizes", np.array(sizes, np.int64))]
    for key in ("axes", "keep_aspect_ratio_policy", "extrapolation_value", "antialias"):
        node.attributes.pop(key, None)


def _obstacle(graph: Graph, node: Node, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[str, str] | None:
    attributes = node.attributes
    mode = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize":
        return "it crops (tf_crop_and_resize)", "use Slice and Resize"
    if attributes.get("antialias", 0):
        shrinks = any(a < b for b, a in zip(before, after, strict=True))
        if shrinks and attributes.get("mode", "nearest") != "nearest":
            return "antialiased shrinking", "export without antialias"
    if attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return "keep_aspect_ratio_policy", "export with the final sizes"
    scales = graph.constant(node.input(2))
    if scales is None or scales.size == 0 or mode == "align_corners":
        return None
    axes = [axis % len(before) for axis in attributes.get("axes", range(len(before)))]
    for axis, scale in zip(axes, scales.tolist(), strict=True):
        if abs(before[axis] * scale - after[axis]) >= 0.5 * 1e-1 and abs(scale * before[axis] / after[axis] - 1) > 1e-3:
            return (
                f"scale {scale} of an axis of {before[axis]} gives {after[axis]} pixels at another ratio",
                "export with sizes, or with scales that give whole pixels",
            )
    return None


def _channels_last(graph: Graph, node: Node, before: tuple[int, ...], after: tuple[int, ...]) -> list[Node]:
    first, last = graph.fresh(f"{node.name}.nchw"), graph.fresh(f"{node.name}.resized")
    dtype = graph.dtype(node.inputs[0]) or "float32"
    graph.types[first] = ValueType(dtype, (before[0], before[3], before[1], before[2]))
    graph.types[last] = ValueType(dtype, (after[0], after[3], after[1], after[2]))
    to_first = Node(
        graph.node_name(f"{node.name}_to_channels_first"),
        "Transpose",
        [node.inputs[0]],
        [first],
        {"perm": [0, 3, 1, 2]},
    )
    to_last = Node(
        graph.node_name(f"{node.name}_to_channels_last"),
        "Transpose",
        [last],
        list(node.outputs),
        {"perm": [0, 2, 3, 1]},
    )
    node.inputs[0], node.outputs = first, [last]
    _set_sizes(graph, node, graph.types[last].shape)
    return [to_first, node, to_last]
