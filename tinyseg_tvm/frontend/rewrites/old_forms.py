"""Brings the operator forms of opset 7 and later to those of CANONICAL_OPSET.

Covers what changed in a way that matters: attributes that became inputs (Clip, Pad, Slice, Split, Squeeze, Unsqueeze,
Reduce*, TopK, Dropout), operators that were replaced (Upsample, Scatter), Resize of opset 10, the flattening
Softmax family before opset 13, and the names of GridSample's modes. All other forms of old opsets are valid today.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseg_tvm.frontend.graph import CANONICAL_OPSET, Graph, Node, node_error

NEVER_OLD = 1 << 30  # the handler sees the operator in models of any opset

# Reductions whose axes became an input with opset 18 (ReduceSum: 13).
_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")


def modernize(graph: Graph) -> None:
    """Rewrite every node to the canonical opset and set ``graph.opset``. Types must be inferred."""
    opset = graph.opset

    def rewrite(node: Node) -> list[Node] | None:
        if node.domain:
            return None
        for first, handler in _HANDLERS.get(node.op_type, ()):
            if opset < first and (replacement := handler(graph, node, opset)) is not None:
                return replacement
        return None

    graph.expand(rewrite)
    graph.opset = max(opset, CANONICAL_OPSET)


def _attributes_to_inputs(*names: str, dtype: Any = np.int64) -> Callable[[Graph, Node, int], list[Node] | None]:
    """A handler that turns attributes, where present, into constant inputs behind the first."""

    def handler(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
        values = [node.attributes.pop(name, None) for name in names]
        node.inputs = node.inputs[:1] + [
            "" if value is None else graph.add_constant(f"{node.name}.{name}", np.array(value, dtype))
            for name, value in zip(names, values, strict=True)
        ]
        while not node.inputs[-1]:
            node.inputs.pop()
        return None

    return handler


def _reduction(graph: Graph, node: Node, opset: int) -> list[Node] | None:
    return _attributes_to_inputs("axes")(graph, node, opset) if len(node.inputs) == 1 else None


def _clip(graph: Graph, node: Node, opset: int) -> list[Node] | None:
    dtype = graph.dtype(node.inputs[0]) or "float32"
    return _attributes_to_inputs("min", "max", dtype=dtype)(graph, node, opset)


def _pad(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    pads = node.attributes.pop("pads", node.attributes.pop("paddings", []))
    value = node.attributes.pop("value", 0.0)
    node.inputs = [
        node.inputs[0],
        graph.add_constant(f"{node.name}.pads", np.array(pads, np.int64)),
        graph.add_constant(f"{node.name}.value", np.array(value, graph.dtype(node.inputs[0]) or "float32")),
    ]
    return None


def _top_k(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    k = [node.attributes.pop("k", 1)]
    node.inputs = [node.inputs[0], graph.add_constant(f"{node.name}.k", np.array(k, np.int64))]
    return None


def _split(graph: Graph, node: Node, opset: int) -> list[Node] | None:
    if opset < 13:
        _attributes_to_inputs("split")(graph, node, opset)
    if len(node.inputs) == 1:
        node.attributes["num_outputs"] = len(node.outputs)
    return None


def _scatter(_graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    node.op_type = "ScatterElements"
    return None


def _grid_sample(_graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    mode = node.attributes.get("mode", "bilinear")
    node.attributes["mode"] = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return None


def _is_read(graph: Graph, results: Sequence[str]) -> bool:
    read = {*graph.outputs, *(name for other in graph.nodes for name in other.inputs)}
    return bool(read.intersection(filter(None, results)))


def _dropout(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    node.attributes = {}
    if _is_read(graph, node.outputs[1:]):
        raise node_error(node, "its mask means nothing before opset 12", "export the model with a newer opset")
    return None


def _batch_normalization(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    if node.attributes.pop("spatial", 1) != 1:
        raise node_error(node, "spatial=0 is not supported", "export the model with an opset of 9 or later")
    if _is_read(graph, node.outputs[1:]):
        raise node_error(
            node, "its results beyond the first are of training mode", "export the model in inference mode"
        )
    node.outputs = node.outputs[:1]
    return None


def _dft(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    axis = graph.add_constant(f"{node.name}.axis", np.array(node.attributes.pop("axis", 1), np.int64))
    node.inputs = [node.inputs[0], node.input(1), axis]
    return None


def _upsample(graph: Graph, node: Node, opset: int) -> list[Node] | None:
    if opset < 9:
        scales = graph.add_constant(f"{node.name}.scales", np.array(node.attributes.pop("scales", []), np.float32))
    else:
        scales = node.input(1)
    node.op_type = "Resize"
    return _resize_asymmetric(graph, node, scales)


def _resize(graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    return _resize_asymmetric(graph, node, node.input(1))


def _resize_asymmetric(graph: Graph, node: Node, scales: str) -> list[Node] | None:
    """Coordinates are products by the scale; a nearest element is found downwards, upwards where an axis shrinks."""
    mode, found = node.attributes.get("mode", "nearest"), graph.constant(scales)
    shrinks = [] if found is None else np.flatnonzero(found.reshape(-1) < 1).tolist()
    grows = [] if found is None else np.flatnonzero(found.reshape(-1) > 1).tolist()
    node.attributes = {
        "mode": "linear" if mode == "bilinear" else mode,
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "ceil" if shrinks else "floor",
    }
    node.inputs = [node.inputs[0], "", scales]
    if mode != "nearest" or not (shrinks and grows):
        return None
    between = graph.fresh(f"{node.name}.shrunk")  # one after the other
    parts = []
    for axes, (source, result), rounding in (
        (shrinks, (node.inputs[0], between), "ceil"),
        (grows, (between, node.outputs[0]), "floor"),
    ):
        assert found is not None
        chosen = graph.add_constant(f"{node.name}.scales", found.reshape(-1)[axes])
        name = node.name if axes is grows else graph.node_name(f"{node.name}_shrink")
        attributes = {**node.attributes, "nearest_mode": rounding, "axes": axes}
        parts.append(Node(name, "Resize", [source, "", chosen], [result], attributes))
    return parts


def _any_order(_graph: Graph, node: Node, _opset: int) -> list[Node] | None:
    """A TopK whose results may come in any order gives them sorted."""
    node.attributes["sorted"] = 1
    return None


def _softmax(graph: Graph, node: Node, opset: int) -> list[Node] | None:
    """Before opset 13 the axes from ``axis`` on are flattened into one.

    A node out of QLinearSoftmax carries its own opset, whatever the model's.
    """
    if (node.opset or opset) >= 13:
        node.attributes.setdefault("axis", -1)
        return None
    shape = graph.shape(node.inputs[0])
    if shape is None:
        return None
    axis = node.attributes.pop("axis", 1)
    axis += len(shape) if axis < 0 else 0
    if not 0 <= axis <= len(shape):
        raise node_error(node, f"axis {axis} is outside shape {list(shape)}", "export the model again")
    if all(extent == 1 for extent in shape[axis:-1]) and axis < len(shape):
        node.attributes["axis"] = -1 if shape[-1] != 1 or axis == len(shape) - 1 else axis
        return None
    return flattened_softmax(graph, node, axis)


def flattened_softmax(graph: Graph, node: Node, axis: int) -> list[Node]:
    """Softmax over all axes from ``axis`` on, as one."""
    shape = graph.types[node.inputs[0]].shape
    flat, soft = graph.fresh(f"{node.name}.flat"), graph.fresh(f"{node.name}.soft")
    matrix = np.array([math.prod(shape[:axis]), math.prod(shape[axis:])], np.int64)
    return [
        Node(f"{node.name}_flatten", "Reshape", [node.inputs[0], graph.add_constant("shape", matrix)], [flat]),
        Node(node.name, node.op_type, [flat], [soft], {"axis": -1}),
        Node(
            f"{node.name}_unflatten",
            "Reshape",
            [soft, graph.add_constant("shape", np.array(shape, np.int64))],
            list(node.outputs),
        ),
    ]


_HANDLERS: dict[str, tuple[tuple[int, Callable[[Graph, Node, int], list[Node] | None]], ...]] = {
    "DFT": ((20, _dft),),
    "Upsample": ((10, _upsample),),
    "Resize": ((11, _resize),),
    "Slice": ((10, _attributes_to_inputs("starts", "ends", "axes")),),
    "TopK": ((10, _top_k), (NEVER_OLD, _any_order)),
    "Clip": ((11, _clip),),
    "Pad": ((11, _pad),),
    "Scatter": ((11, _scatter),),
    "Dropout": ((12, _dropout),),
    "BatchNormalization": ((14, _batch_normalization),),
    "Squeeze": ((13, _attributes_to_inputs("axes")),),
    "Unsqueeze": ((13, _attributes_to_inputs("axes")),),
    "ReduceSum": ((13, _attributes_to_inputs("axes")),),
    "Split": ((18, _split),),
    "Softmax": ((NEVER_OLD, _softmax),),
    "LogSoftmax": ((13, _softmax),),
    "Hardmax": ((13, _softmax),),
    "GridSample": ((20, _grid_sample),),
    **{f"Reduce{name}": ((18, _reduction),) for name in _REDUCTIONS},
}
