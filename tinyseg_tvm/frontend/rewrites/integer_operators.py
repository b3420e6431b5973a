"""ConvInteger and MatMulInteger followed by Cast and a multiplication by constants become the QDQ form.

``Mul(Cast(ConvInteger(x, w)), c)`` with x from a QuantizeLinear of scale s is ``Conv(DequantizeLinear(x, s),
DequantizeLinear(w, c / s))``: equal but for the rounding of the last multiplication. Where the scales are
not constant (dynamic quantisation) the operators stay and take the long tail.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node

_FLOAT_TWIN = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}


def expand_integer_operators(graph: Graph) -> None:
    """Rewrite where input and output scale are constants. Quantisers must be canonical, types inferred."""
    for node in [node for node in graph.nodes if node.op_type in _FLOAT_TWIN and not node.domain]:
        _expand(graph, node)


def _only_reader(graph: Graph, name: str, op_type: str) -> Node | None:
    readers = graph.consumers().get(name, [])
    found = len(readers) == 1 and name not in graph.outputs and readers[0].op_type == op_type
    return readers[0] if found else None


def _expand(graph: Graph, node: Node) -> None:
    quantizer = graph.producers().get(node.inputs[0])
    weight = graph.constant(node.inputs[1])
    cast = _only_reader(graph, node.outputs[0], "Cast")
    product = None if cast is None else _only_reader(graph, cast.outputs[0], "Mul")
    if weight is None or cast is None or product is None or graph.dtype(cast.outputs[0]) != "float32":
        return
    if quantizer is None or quantizer.op_type != "QuantizeLinear" or quantizer.attributes:
        return
    scale, zero = graph.constant(quantizer.inputs[1]), graph.constant(quantizer.inputs[2])
    other = product.inputs[1] if product.inputs[0] == cast.outputs[0] else product.inputs[0]
    factor = graph.constant(other)
    if scale is None or zero is None or factor is None:
        return
    given_zero = graph.constant(node.input(2)) if node.input(2) else np.zeros((), zero.dtype)
    weight_zero = graph.constant(node.input(3)) if node.input(3) else np.zeros((), weight.dtype)
    if given_zero is None or weight_zero is None or given_zero.size != 1 or given_zero.item() != zero.item():
        return
    axis = 0 if node.op_type == "ConvInteger" else weight.ndim - 1
    channels = weight.shape[axis]
    if factor.size not in (1, channels) or weight_zero.size not in (1, channels):
        return
    if factor.size > 1 and factor.shape[1 if node.op_type == "ConvInteger" and factor.ndim == 4 else -1] != channels:
        return
    weight_scale = (factor.astype(np.float32).reshape(-1) / np.float32(scale)).astype(np.float32)
    if weight_scale.size != weight_zero.size:
        weight_scale, weight_zero = (np.broadcast_to(v.reshape(-1), (channels,)) for v in (weight_scale, weight_zero))
    data, weights = graph.fresh(f"{node.name}.x"), graph.fresh(f"{node.name}.w")
    dequantize_x = Node(
        graph.node_name(f"{node.name}_dequantize_x"),
        "DequantizeLinear",
        [node.inputs[0], *quantizer.inputs[1:]],
        [data],
    )
    scale_name = graph.add_constant("scale", np.ascontiguousarray(weight_scale))
    zero_name = graph.add_constant("zero_point", np.ascontiguousarray(weight_zero.reshape(weight_scale.shape)))
    dequantize_w = Node(
        graph.node_name(f"{node.name}_dequantize_w"),
        "DequantizeLinear",
        [node.inputs[1], scale_name, zero_name],
        [weights],
        {"axis": axis},
    )
    graph.insert_before(node, dequantize_x, dequantize_w)
    node.op_type, node.inputs, node.outputs = _FLOAT_TWIN[node.op_type], [data, weights], list(product.outputs)
    graph.nodes = [other for other in graph.nodes if other is not cast and other is not product]
