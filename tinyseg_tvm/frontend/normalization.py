"""The order in which the ONNX rewrites run."""

from __future__ import annotations

from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.inference import infer
from tinyseg_tvm.frontend.rewrites.old_forms import modernize
from tinyseg_tvm.frontend.rewrites.qoperators import expand_qoperators


def normalize(graph: Graph) -> None:
    """Bring the graph into the forms listed in the package's docstring."""
    infer(graph)
    expand_qoperators(graph)
    infer(graph)
    modernize(graph)
    infer(graph)
    graph.raise_unsupported()
