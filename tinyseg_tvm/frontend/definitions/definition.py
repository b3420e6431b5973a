"""The nodes that stand for one node, written as formulas: operands are tensors or arrays, results may be numbered."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

Operand = str | np.ndarray
"""A tensor of the graph by name (empty: omitted), or a constant."""


class Definition:
    """What ``node`` is in terms of other operators of ONNX, those of ``graph.opset``."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node
        self._spelling = Spelling(graph, node)

    @property
    def nodes(self) -> list[Node]:
        """Those made so far, in order."""
        return self._spelling.nodes

    def add(self, op_type: str, *operands: Operand, to: int | None = None, **attributes: Any) -> str:
        """Add a node of one result.

        Args:
            op_type: the operator.
            operands: its inputs.
            to: which result of the node that is defined it makes; None for a tensor of its own.
            attributes: the operator's.

        Returns:
            The result's name.
        """
        suffix = f"{op_type}_{len(self.nodes)}"
        inputs = [
            each if isinstance(each, str) else self._spelling.constant(suffix, each, each.dtype) for each in operands
        ]
        result = "" if to is None else self.node.outputs[to]
        return self._spelling.add(suffix, op_type, inputs, result, **attributes)

    def wants(self, index: int) -> bool:
        """Whether the node has a result of this number."""
        return index < len(self.node.outputs) and bool(self.node.outputs[index])

    def reshape(self, data: Operand, *shape: int, to: int | None = None) -> str:
        """``data`` with another shape; -1 is what is left."""
        return self.add("Reshape", data, ints(*shape), to=to)

    def slice(self, data: Operand, axis: int, begin: int, end: int, to: int | None = None) -> str:
        """The elements of ``data`` from ``begin`` up to ``end`` of an axis."""
        return self.add("Slice", data, ints(begin), ints(end), ints(axis), to=to)

    def cast(self, data: Operand, dtype: str, to: int | None = None) -> str:
        """``data`` as another element type, by NumPy's name."""
        result = self.add("Cast", data, to=to)
        self.nodes[-1].attributes["to"] = int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        return result


def ints(*values: int) -> np.ndarray:
    """A vector of int64, as shapes and axes are given."""
    return np.array(values, np.int64)
