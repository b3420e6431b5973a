"""Spells what ONNX Runtime adds to ONNX, and quantisation at run time, in ONNX's own operators.

One walk in topological order: ONNX has no inference for other domains, so that the types of what an operator becomes
are found before its readers are spelled.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.inference import infer_node
from tinyseg_tvm.frontend.rewrites.dynamic_quantization import DynamicQuantization
from tinyseg_tvm.frontend.rewrites.fused_operators import FUSED
from tinyseg_tvm.frontend.rewrites.qoperators import EXPANSIONS, MICROSOFT, expand_qoperator

DYNAMIC = ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")
"""Operators of com.microsoft that quantise at run time."""

Handler = Callable[[Graph, Node], "list[Node] | None"]


def expand_contributed(graph: Graph) -> None:
    """Replace every QOperator, fused and dynamically quantised node, or refuse it. Types are inferred."""
    dynamic = DynamicQuantization()
    handlers: dict[tuple[str, str], Handler] = {(MICROSOFT, name): handler for name, handler in FUSED.items()}
    handlers |= {(domain, name): expand_qoperator for domain in ("", MICROSOFT) for name in EXPANSIONS}
    handlers |= {
        ("", "DynamicQuantizeLinear"): dynamic.quantize,
        ("", "MatMulInteger"): dynamic.sum,
        ("", "ConvInteger"): dynamic.sum,
        ("", "Cast"): dynamic.cast,
        (MICROSOFT, "MatMulIntegerToFloat"): dynamic.to_float,
        (MICROSOFT, "DynamicQuantizeMatMul"): dynamic.matmul,
    }
    if not any((node.domain, node.op_type) in handlers and node.op_type != "Cast" for node in graph.nodes):
        return

    def rewrite(node: Node) -> list[Node] | None:
        handler = handlers.get((node.domain, node.op_type))
        made = None if handler is None else handler(graph, node)
        for each in [node] if made is None else made:
            infer_node(graph, each)
        return made

    graph.expand(rewrite)
