"""Nodes that take the place of one node: named after it, the last of them as the node itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.frontend.graph import Graph, Node


class Spelling:
    """Collects the nodes that spell one node in other operators.

    Attributes:
        graph: the node's graph.
        node: what is spelled.
        nodes: its replacement so far.
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node
        self.nodes: list[Node] = []

    def add(self, suffix: str, op_type: str, inputs: Sequence[str], result: str = "", **attributes: Any) -> str:
        """Adds ``<node>_<suffix>``; its result, which is a new tensor where ``result`` names none.

        The node that makes the spelled node's first result, or has no suffix, has its name.
        """
        own = not suffix or (result and result == self.node.outputs[0])
        result = result or self.graph.fresh(f"{self.node.name}.{suffix or op_type}")
        name = self.node.name if own else self.name(suffix)
        self.nodes.append(Node(name, op_type, list(inputs), [result], dict(attributes)))
        return result

    def name(self, suffix: str) -> str:
        """``<node>_<suffix>``, or a number behind it where that is taken."""
        taken = {node.name for node in self.nodes}
        stem = f"{self.node.name}_{suffix}"
        candidates = itertools.chain([stem], (f"{stem}_{i}" for i in itertools.count(1)))
        return next(name for name in candidates if name not in taken and self.graph.node_name(name) == name)

    def constant(self, suffix: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Adds a constant; its name."""
        return self.graph.add_constant(f"{self.node.name}.{suffix}", np.asarray(value, dtype))

    def transpose(self, suffix: str, value: str, permutation: Sequence[int], result: str = "") -> str:
        """Adds a Transpose; its result."""
        return self.add(suffix, "Transpose", [value], result, perm=list(permutation))

    def done(self, value: str) -> list[Node]:
        """All nodes, of which the last is made to give the spelled node's first result, and has its name."""
        last = self.nodes[-1]
        assert last.outputs == [value]
        last.name, last.outputs = self.node.name, [self.node.outputs[0]]
        return self.nodes
