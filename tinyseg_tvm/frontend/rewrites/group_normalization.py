"""GroupNormalization as InstanceNormalization of groups.

ONNX defines it by a function whose body needs the rank and, from opset 21 on, has a scale per channel where opset 18
had one per group.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node

PER_CHANNEL_OPSET = 21


def expand_group_normalization(graph: Graph) -> None:
    """Replace every GroupNormalization; types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        shape = graph.shape(node.inputs[0])
        if node.op_type != "GroupNormalization" or node.domain or shape is None:
            return None
        groups = node.attributes.get("num_groups", 0)
        if len(node.inputs) != 3 or len(shape) < 3 or groups < 1 or shape[1] % groups:
            graph.refuse(
                node, f"{groups} groups of shape {list(shape)} with {len(node.inputs)} inputs", "correct the model"
            )
            return None
        return _spelled(graph, node, shape, groups)

    graph.expand(rewrite)
    graph.raise_unsupported()


def _spelled(graph: Graph, node: Node, shape: tuple[int, ...], groups: int) -> list[Node]:
    source, scale, bias = node.inputs
    result = node.outputs[0]
    epsilon = node.attributes.get("epsilon", 1e-5)
    per_channel = graph.opset >= PER_CHANNEL_OPSET
    dtype = np.dtype(graph.dtype(source) or "float32")
    factors = [scale, bias]
    if per_channel:
        factors = [
            graph.add_constant(f"{node.name}.ones", np.ones(groups, dtype)),
            graph.add_constant(f"{node.name}.zeros", np.zeros(groups, dtype)),
        ]
    nodes: list[Node] = []

    def add(suffix: str, op_type: str, inputs: list[str], output: str = "", **attributes: float) -> str:
        output = output or graph.fresh(f"{node.name}.{suffix}")
        name = node.name if output == result else graph.node_name(f"{node.name}_{suffix}")
        nodes.append(Node(name, op_type, inputs, [output], dict(attributes)))
        return output

    def extents(suffix: str, *values: int) -> str:
        return graph.add_constant(f"{node.name}.{suffix}", np.array(values, np.int64))

    grouped = add("grouped", "Reshape", [source, extents("groups", shape[0], groups, -1)])
    normal = add("normal", "InstanceNormalization", [grouped, *factors], epsilon=epsilon)
    whole = extents("shape", *shape)
    if not per_channel:
        add("whole", "Reshape", [normal, whole], result)
        return nodes
    channels = extents("channels", 1, -1, *[1] * (len(shape) - 2))
    scaled = add(
        "scaled",
        "Mul",
        [add("whole", "Reshape", [normal, whole]), add("scale", "Reshape", [scale, channels])],
    )
    add("biased", "Add", [scaled, add("bias", "Reshape", [bias, channels])], result)
    return nodes
