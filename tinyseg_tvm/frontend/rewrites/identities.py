"""Removes nodes that copy their input, and spells every change of shape as Reshape with a full constant shape.

Removed: Identity, Dropout at inference, Cast to the same type, Transpose and Reshape that change nothing, Sum, Max,
Min, Mean and Concat of one operand, pads and slices of nothing. Sum and Mean of several operands become Adds.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node

_SHAPE_CHANGES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
_VARIADIC = ("Sum", "Max", "Min", "Mean", "Concat")


def remove_identities(graph: Graph) -> None:
    """Take every node that copies its first input out of the graph. Types must be inferred."""
    for node in list(graph.nodes):
        if node.op_type == "Dropout" and any(node.outputs[1:]):
            readers = graph.consumers()
            if any(name in readers or name in graph.outputs for name in node.outputs[1:]):
                graph.refuse(node, "the mask of Dropout is used", "export the model in inference mode")
                continue
        if not node.domain and _copies(graph, node):
            bypass(graph, node)
    for node in graph.nodes:  # a chain of reshapes is its last one
        _skip_reshapes(graph, node)


def bypass(graph: Graph, node: Node) -> None:
    """Let the node's readers read its first input. Where both ends are fixed names it stays, as Identity."""
    source, result = node.inputs[0], node.outputs[0]
    if result not in graph.outputs:
        graph.replace_uses(result, source)
    else:
        producer = graph.producers().get(source)
        if producer is None or source in graph.outputs:
            node.op_type, node.inputs, node.outputs, node.attributes = "Identity", [source], [result], {}
            return
        graph.replace_uses(source, result)
        producer.outputs = [result if name == source else name for name in producer.outputs]
        graph.types[result] = graph.types[source]
    graph.nodes = [other for other in graph.nodes if other is not node]


def _copies(graph: Graph, node: Node) -> bool:
    if node.op_type in ("Identity", "Dropout"):
        return True
    if node.op_type in _VARIADIC and len(node.inputs) == 1:
        return True
    before, after = graph.types.get(node.input(0)), graph.types.get(node.outputs[0])
    if before is None or before != after:
        return False
    if node.op_type in ("Cast", "CastLike", "Slice", "Expand", "Tile", *_SHAPE_CHANGES):
        # A slice of equal shape with a negative step reverses.
        steps = graph.constant(node.input(4)) if node.op_type == "Slice" else None
        return steps is None or bool((steps > 0).all())
    if node.op_type == "Transpose":
        permutation = node.attributes.get("perm", list(range(len(before.shape)))[::-1])
        moved = [axis for axis in permutation if before.shape[axis] != 1]
        return moved == sorted(moved)
    if node.op_type == "Pad":
        pads = graph.constant(node.input(1))
        return pads is not None and not pads.any()
    return False


def spell_reshapes(graph: Graph) -> None:
    """Replace Flatten, Squeeze, Unsqueeze and relative Reshapes by Reshape to a full shape; Sum and Mean by Adds."""
    for node in graph.nodes:
        shape = graph.shape(node.outputs[0])
        if node.op_type in _SHAPE_CHANGES and not node.domain and shape is not None:
            node.op_type, node.attributes = "Reshape", {}
            node.inputs = [node.inputs[0], graph.add_constant(f"{node.name}.shape", np.array(shape, np.int64))]

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type not in ("Sum", "Mean") or node.domain:
            return None
        total, nodes = node.inputs[0], []
        for i, name in enumerate(node.inputs[1:], start=1):
            last = i == len(node.inputs) - 1
            result = node.outputs[0] if last and node.op_type == "Sum" else graph.fresh(f"{node.name}.sum")
            stem = node.name if last else graph.node_name(f"{node.name}_{i}")
            nodes.append(Node(stem, "Add", [total, name], [result]))
            total = result
        if node.op_type == "Mean":
            dtype = graph.dtype(node.inputs[0]) or "float32"
            count = graph.add_constant(f"{node.name}.count", np.array(len(node.inputs), dtype))
            nodes[-1].name = graph.node_name(f"{node.name}_sum")
            nodes.append(Node(node.name, "Div", [total, count], node.outputs))
        return nodes

    graph.expand(rewrite)


def _skip_reshapes(graph: Graph, node: Node) -> None:
    if node.op_type != "Reshape" or node.input(1) not in graph.constants:
        return
    target = graph.constants[node.inputs[1]]
    before = graph.producers().get(node.inputs[0])
    if before is not None and before.op_type == "Reshape" and not before.domain and (target > 0).all():
        node.inputs = [before.inputs[0], node.inputs[1]]
