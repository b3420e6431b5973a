"""LpNormalization as a division by ReduceL1 or ReduceL2, and zeros where all is zero, as ONNX has them."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

_AXES_ARE_INPUTS = 18  # of ReduceL1 and ReduceL2, from this opset on
_SMALLEST = np.finfo(np.float32).tiny


def expand_lp_normalization(graph: Graph) -> None:
    """Replace every LpNormalization of float32; types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type != "LpNormalization" or node.domain or graph.dtype(node.inputs[0]) != "float32":
            return None
        order, axis = node.attributes.get("p", 2), node.attributes.get("axis", -1)
        if order not in (1, 2):
            graph.refuse(node, f"p is {order}", "1 and 2 are possible")
            return None
        spelled = Spelling(graph, node)
        source = [node.inputs[0]]
        kind = f"ReduceL{order}"
        if graph.opset >= _AXES_ARE_INPUTS:
            norm = spelled.add("norm", kind, [*source, spelled.constant("axes", [axis], np.int64)], keepdims=1)
        else:
            norm = spelled.add("norm", kind, source, axes=[axis], keepdims=1)
        least = spelled.add("least", "Max", [norm, spelled.constant("smallest", _SMALLEST)])
        return spelled.done(spelled.add("", "Div", [*source, least]))

    graph.expand(rewrite)
    graph.raise_unsupported()
