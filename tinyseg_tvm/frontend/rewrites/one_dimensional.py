"""Runs convolution, pooling and resizing of sequences (N, C, L) as maps (N, C, L, 1).

The time axis becomes the height, so that it is the streaming axis; the width is 1. The added axis enters ahead of the
DequantizeLinear and leaves behind the QuantizeLinear of a quantised operator, and adjoining operators keep it between
them: Squeeze moves down through elementwise operators until it meets the next Unsqueeze.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, ValueType

_POOLS = ("MaxPool", "AveragePool", "LpPool")
_GLOBAL = ("GlobalAveragePool", "GlobalMaxPool")
# Operators that treat every element alike; the number of axes does not matter to them.
_ELEMENTWISE = {
    "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu", "Selu", "Softplus", "Softsign",
    "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Mish", "Gelu", "QuantizeLinear", "DequantizeLinear", "Identity",
    "ThresholdedRelu", "Celu", "Sin", "Cos", "Floor", "Ceil", "Round", "Reciprocal", "Cast",
}  # fmt: skip
_BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min")


def widen_sequences(graph: Graph) -> None:
    """Rewrite every operator on (N, C, L). Windows must be spelled out, types inferred."""
    for node in list(graph.nodes):
        if not node.domain and len(graph.shape(node.input(0)) or ()) == 3:
            _widen(graph, node)
    while _sink(graph):
        pass


def _widen(graph: Graph, node: Node) -> None:
    if node.op_type in ("Conv", "ConvInteger", "ConvTranspose"):
        if not _widen_weight(graph, node):
            return
    elif node.op_type == "ReduceMean":
        axes = graph.constant(node.input(1))
        if axes is None or axes.tolist() not in ([2], [-1]):
            return
        node.inputs = [node.inputs[0], graph.add_constant(f"{node.name}.axes", np.array([2, 3], np.int64))]
    elif node.op_type not in ("Resize", *_POOLS, *_GLOBAL):
        return
    if node.op_type not in ("Resize", "ReduceMean", *_GLOBAL):
        attributes = node.attributes
        for key in ("kernel_shape", "strides", "dilations"):
            attributes[key] = [*attributes[key], 1]
        begin, end = attributes["pads"]
        attributes["pads"] = [begin, 0, end, 0]
        if "output_padding" in attributes:
            attributes["output_padding"] = [*attributes["output_padding"], 0]
    node.inputs[0] = _unsqueeze(graph, node, node.inputs[0])
    result, narrow = node.outputs[0], graph.types[node.outputs[0]]
    if len(narrow.shape) != 3:
        return  # a reduction that drops the axes
    wide = graph.fresh(f"{node.name}.map")
    node.outputs[0] = wide
    graph.types[wide] = ValueType(narrow.dtype, (*narrow.shape, 1))
    graph.insert_after(node, _squeeze(graph, node.name, wide, result))


def _squeeze(graph: Graph, stem: str, wide: str, result: str) -> Node:
    axes = graph.add_constant("axes", np.array([3], np.int64))
    return Node(graph.node_name(f"{stem}_squeeze"), "Squeeze", [wide, axes], [result])


def _unsqueeze(graph: Graph, node: Node, source: str) -> str:
    """The tensor with the added axis; it is added ahead of a per-tensor DequantizeLinear that nobody else reads."""
    producer = graph.producers().get(source)
    anchor = node
    if (
        producer is not None
        and producer.op_type == "DequantizeLinear"
        and not producer.attributes
        and source not in graph.outputs
        and len(graph.consumers()[source]) == 1
        and producer.inputs[0] not in graph.constants
    ):
        value = graph.types[source]
        graph.types[source] = ValueType(value.dtype, (*value.shape, 1))
        anchor, source = producer, producer.inputs[0]
    result = graph.fresh(f"{source}.map")
    value = graph.types[source]
    graph.types[result] = ValueType(value.dtype, (*value.shape, 1))
    axes = graph.add_constant("axes", np.array([3], np.int64))
    graph.insert_before(anchor, Node(graph.node_name(f"{node.name}_unsqueeze"), "Unsqueeze", [source, axes], [result]))
    if anchor is node:
        return result
    anchor.inputs[0] = result
    return anchor.outputs[0]


def _widen_weight(graph: Graph, node: Node) -> bool:
    name = node.inputs[1]
    producer = graph.producers().get(name)
    if name in graph.constants:
        node.inputs[1] = graph.add_constant(name, graph.constants[name][..., None])
        return True
    if producer is not None and producer.op_type == "DequantizeLinear" and producer.inputs[0] in graph.constants:
        wide = graph.constants[producer.inputs[0]][..., None]
        result = graph.fresh(f"{node.name}.weight")
        graph.types[result] = ValueType("float32", wide.shape)
        inputs = [graph.add_constant(producer.inputs[0], wide), *producer.inputs[1:]]
        twin = Node(
            graph.node_name(f"{producer.name}_map"), "DequantizeLinear", inputs, [result], dict(producer.attributes)
        )
        graph.insert_before(node, twin)
        node.inputs[1] = result
        return True
    result = graph.fresh(f"{name}.map")
    if (value := graph.types.get(name)) is None:
        return False
    graph.types[result] = ValueType(value.dtype, (*value.shape, 1))
    axes = graph.add_constant("axes", np.array([3], np.int64))
    graph.insert_before(
        node, Node(graph.node_name(f"{node.name}_weight_unsqueeze"), "Unsqueeze", [name, axes], [result])
    )
    node.inputs[1] = result
    return True


def _is_squeeze(graph: Graph, node: Node | None) -> bool:
    """A Squeeze of the last axis of a map."""
    if node is None or node.op_type != "Squeeze" or len(graph.shape(node.inputs[0]) or ()) != 4:
        return False
    axes = graph.constant(node.input(1))
    return axes is not None and axes.tolist() == [3]


def _sink(graph: Graph) -> bool:
    """Move one Squeeze down, or cancel it against an Unsqueeze. False where nothing is left to do."""
    producers, consumers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        if node.domain:
            continue
        before = producers.get(node.input(0))
        if node.op_type == "Unsqueeze" and _is_squeeze(graph, before):
            axes = graph.constant(node.input(1))
            if axes is not None and axes.tolist() == [3] and node.outputs[0] not in graph.outputs:
                assert before is not None
                graph.replace_uses(node.outputs[0], before.inputs[0])
                graph.nodes = [other for other in graph.nodes if other is not node]
                return True
        operands = _operands(node)
        operands = [name for name in operands if name not in graph.constants]
        squeezes = [producers.get(name) for name in operands]
        if not operands or not all(_is_squeeze(graph, squeeze) for squeeze in squeezes):
            continue
        if any(len(consumers[name]) > 1 or name in graph.outputs for name in operands) and not _reaches_map(
            node, consumers
        ):
            continue
        _move_below(graph, node, [squeeze for squeeze in squeezes if squeeze is not None])
        return True
    return False


def _reaches_map(node: Node, consumers: dict[str, list[Node]]) -> bool:
    """Whether a Squeeze that others read too should be copied below ``node``: only if it meets an Unsqueeze there."""
    seen, pending = set(), [node]
    while pending:
        current = pending.pop()
        for reader in consumers.get(current.outputs[0], []):
            if reader.op_type == "Unsqueeze":
                return True
            if id(reader) not in seen and _operands(reader):
                seen.add(id(reader))
                pending.append(reader)
    return False


def _operands(node: Node) -> list[str]:
    """The activations of an operator through which a Squeeze can move; empty for all others."""
    if node.domain:
        return []
    if node.op_type in _ELEMENTWISE:
        per_axis = node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.attributes
        return [] if per_axis and node.attributes.get("axis", 1) > 2 else node.inputs[:1]
    if node.op_type == "Concat":
        return node.inputs if node.attributes.get("axis", 0) in (0, 1, 2) else []
    return node.inputs if node.op_type in _BINARY and len(node.inputs) > 1 else []


def _move_below(graph: Graph, node: Node, squeezes: list[Node]) -> None:
    wide_of = {squeeze.outputs[0]: squeeze.inputs[0] for squeeze in squeezes}
    if node.op_type in (*_BINARY, "Concat"):
        for name in [name for name in node.inputs if name in graph.constants and graph.constants[name].ndim]:
            wide_of[name] = graph.add_constant(name, graph.constants[name][..., None])
    node.inputs = [wide_of.get(name, name) for name in node.inputs]
    result = node.outputs[0]
    value = graph.types[result]
    wide = graph.fresh(f"{node.name}.map")
    graph.types[wide] = ValueType(value.dtype, (*value.shape, 1))
    node.outputs[0] = wide
    graph.insert_after(node, _squeeze(graph, node.name, wide, result))
    graph.remove_dead()
