"""Folds BatchNormalization into the convolution or Gemm ahead of it, or spells it as Mul and Add.

Only float weights are folded: weights behind DequantizeLinear keep their integers, and the normalisation stays a
Mul and an Add by constants per channel. Sums are formed in float64 and rounded once.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.identities import bypass


def fold_batch_normalization(graph: Graph) -> None:
    """Remove every BatchNormalization with constant statistics."""
    for node in [node for node in graph.nodes if node.op_type == "BatchNormalization" and not node.domain]:
        readers = graph.consumers()
        if any(name and (name in readers or name in graph.outputs) for name in node.outputs[1:]):
            graph.refuse(node, "it is in training mode", "export the model in inference mode")
            continue
        values = [graph.constant(name) for name in node.inputs[1:5]]
        rank = len(graph.shape(node.inputs[0]) or ())
        if node.attributes.get("training_mode", 0):
            graph.refuse(node, "it is in training mode", "export the model in inference mode")
            continue
        if any(value is None for value in values) or len(values) != 4 or rank < 2:
            graph.refuse(node, "its statistics are not constant", "export the model in inference mode")
            continue
        gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
        factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        offset = beta - mean * factor
        if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
            graph.refuse(node, "its statistics give infinite or undefined factors", "train or export the model again")
        elif not _fold(graph, node, factor, offset):
            _spell(graph, node, rank, factor, offset)


def _fold(graph: Graph, node: Node, factor: np.ndarray, offset: np.ndarray) -> bool:
    source = node.inputs[0]
    before = graph.producers().get(source)
    if before is None or before.domain or before.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return False
    if source in graph.outputs or len(graph.consumers()[source]) != 1:
        return False
    weight, bias = graph.constant(before.inputs[1]), graph.constant(before.input(2))
    if weight is None or (before.input(2) and bias is None):
        return False
    if before.op_type == "Gemm" and (before.attributes.get("alpha", 1) != 1 or before.attributes.get("beta", 1) != 1):
        return False
    axis = _output_axis(before)
    scaled = weight.astype(np.float64)
    if before.op_type == "ConvTranspose" and before.attributes.get("group", 1) > 1:
        groups = before.attributes["group"]
        parts = factor.reshape(groups, -1)
        shaped = scaled.reshape(groups, -1, *weight.shape[1:])
        scaled = (shaped * parts.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).reshape(weight.shape)
    else:
        scaled *= factor.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    start = np.zeros(1) if bias is None else bias.astype(np.float64)
    before.inputs = [
        before.inputs[0],
        graph.add_constant(before.inputs[1], scaled.astype(np.float32)),
        graph.add_constant(f"{before.name}.bias", (start * factor + offset).astype(np.float32)),
    ]
    bypass(graph, node)
    return True


def _output_axis(node: Node) -> int:
    if node.op_type == "Gemm":
        return 0 if node.attributes.get("transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


def _spell(graph: Graph, node: Node, rank: int, factor: np.ndarray, offset: np.ndarray) -> None:
    shape = [1, -1, *[1] * (rank - 2)]
    scaled = graph.fresh(f"{node.name}.scaled")
    multiply = Node(
        graph.node_name(f"{node.name}_multiply"),
        "Mul",
        [node.inputs[0], graph.add_constant("factor", factor.astype(np.float32).reshape(shape))],
        [scaled],
    )
    graph.types[scaled] = graph.types[node.outputs[0]]
    graph.insert_before(node, multiply)
    node.op_type, node.attributes, node.outputs = "Add", {}, node.outputs[:1]
    node.inputs = [scaled, graph.add_constant("offset", offset.astype(np.float32).reshape(shape))]
