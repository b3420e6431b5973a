"""Normalisations whose factors are computed (ONNX's LpNormalization and BatchNormalization), and Dropout's mask."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition, ints
from tinyseg_tvm.frontend.graph import Graph, Node, ValueType, node_error


def lp_normalization(graph: Graph, node: Node) -> list[Node] | None:
    """``x / |x|_p`` along an axis, 0 where the norm is; p is 1 or 2."""
    dtype = graph.dtype(node.inputs[0])
    if dtype is None:
        return None
    made, zero = Definition(graph, node), np.array(0, dtype)
    norm = made.add(f"ReduceL{node.attributes.get('p', 2)}", node.inputs[0], ints(node.attributes.get("axis", -1)))
    empty = made.add("Equal", norm, zero)
    quotient = made.add("Div", node.inputs[0], made.add("Where", empty, np.array(1, dtype), norm))
    made.add("Where", empty, zero, quotient, to=0)
    return made.nodes


def batch_normalization(graph: Graph, node: Node) -> list[Node] | None:
    """``(x - mean) / sqrt(variance + eps) * scale + B`` with operands that are computed, or, in training mode, with the
    mean and variance of each channel, and those mixed with the operands as further results.

    None for constant statistics, which are folded (frontend/rewrites/batch_normalization.py).
    """
    value = graph.types.get(node.inputs[0])
    training = bool(node.attributes.get("training_mode", 0))
    if value is None or len(node.inputs) != 5 or len(value.shape) < 2:
        return None
    if not training and all(name in graph.constants for name in node.inputs[1:]):
        return None
    if not training and (any(node.outputs[1:]) or any(name not in graph.types for name in node.inputs)):
        return None
    made, dtype = Definition(graph, node), value.dtype
    data, scale, bias, mean, variance = node.inputs
    along = [1, -1, *[1] * (len(value.shape) - 2)]
    if training:
        axes = ints(0, *range(2, len(value.shape)))
        now = made.add("ReduceMean", data, axes, keepdims=0)
        apart = made.add("Sub", data, made.reshape(now, *along))
        spread = made.add("ReduceMean", made.add("Mul", apart, apart), axes, keepdims=0)
        momentum = node.attributes.get("momentum", 0.9)
        for to, (old, new) in enumerate(((mean, now), (variance, spread)), start=1):
            if made.wants(to):
                kept = made.add("Mul", old, np.array(momentum, dtype))
                made.add("Add", kept, made.add("Mul", new, np.array(1 - momentum, dtype)), to=to)
        mean, variance = now, spread
    safe = made.add("Add", variance, np.array(node.attributes.get("epsilon", 1e-5), dtype))
    deviation = made.reshape(made.add("Sqrt", safe), *along)
    apart = made.add("Sub", data, made.reshape(mean, *along))
    scaled = made.add("Mul", made.add("Div", apart, deviation), made.reshape(scale, *along))
    made.add("Add", scaled, made.reshape(bias, *along), to=0)
    return made.nodes


def dropout(graph: Graph, node: Node) -> list[Node] | None:
    """The operand itself, and a mask that is true everywhere: nothing is dropped in inference, or at ratio 0."""
    value = graph.types.get(node.inputs[0])
    training = graph.constant(node.input(2)) if node.input(2) else np.array(False)
    if value is None:
        return None
    if training is None or training.any():
        ratio = graph.constant(node.input(1)) if node.input(1) else np.array(0.5)
        if ratio is None or ratio.item() != 0:
            raise node_error(node, "it drops values at random (training mode)", "export the model in inference mode")
    if len(node.outputs) > 1 and node.outputs[1]:
        known = graph.types.get(node.outputs[1], ValueType("bool", value.shape))  # of old operator sets, as the operand
        graph.constants[node.outputs[1]] = np.ones(value.shape, known.dtype)
        graph.types[node.outputs[1]] = ValueType(known.dtype, value.shape)
    return [Node(node.name, "Identity", node.inputs[:1], node.outputs[:1])]
