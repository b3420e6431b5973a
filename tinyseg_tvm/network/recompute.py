"""The network that computes some nodes twice, as the planner decided (planner/recompute.py).

Clones share the operator and the constants (the same array objects) of the node they repeat, so that the code
generator can emit one copy of the weights. ``build_problem`` of the result is the planner's problem with clones.
"""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.planner.recompute import Recomputed


def clone_nodes(network: Network, recomputed: Recomputed) -> Network:
    """``network`` with the clones of ``recomputed``, which was made from its planning problem."""
    problem = recomputed.problem
    originals = {
        problem.tensors[number].name: list(network.tensors.values())[origin]
        for number, origin in enumerate(recomputed.tensor_origin)
    }
    tensors = {name: replace(original, name=name) for name, original in originals.items()}
    first = _first_node(network, recomputed)
    nodes = []
    for operator, origin in zip(problem.operators, recomputed.operator_origin, strict=True):
        if 0 <= origin - first < len(network.nodes):
            node = network.nodes[origin - first]
            inputs = tuple(problem.tensors[access.tensor].name for access in operator.reads)
            outputs = tuple(problem.tensors[access.tensor].name for access in operator.writes)
            nodes.append(Node(operator.name, node.operator, inputs, outputs, node.constants))
    return replace(network, tensors=tensors, nodes=tuple(nodes))


def _first_node(network: Network, recomputed: Recomputed) -> int:
    """Number of the original problem's operator that is the first node: sources stand before, with line I/O."""
    originals = len(set(recomputed.operator_origin))
    return 0 if originals == len(network.nodes) else len(network.inputs)
