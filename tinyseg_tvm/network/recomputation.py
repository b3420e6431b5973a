"""A network with the nodes that a plan computes a second time.

The planner decides on the planning problem which operators to clone (planner/recompute.py); here the clones become
nodes that share the operator and the constants of their originals, so that every later stage sees an ordinary network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.planner.problem import Problem


def with_clones(
    network: Network, problem: Problem, operator_origin: Sequence[int], tensor_origin: Sequence[int], first_node: int
) -> Network:
    """``network`` with the clones that ``problem`` has.

    Args:
        network: what the original problem was built from.
        problem: the problem with clones, in the numbering of network/problem.py.
        operator_origin: per operator of ``problem``, its number in the original problem.
        tensor_origin: the same per tensor.
        first_node: number of the original problem's operator that is the network's first node.
    """
    originals = list(network.tensors.values())
    tensors = [
        replace(originals[origin], name=tensor.name)
        for tensor, origin in zip(problem.tensors, tensor_origin, strict=True)
    ]
    nodes = []
    for operator, origin in zip(problem.operators, operator_origin, strict=True):
        number = origin - first_node
        if not 0 <= number < len(network.nodes):  # a line source or sink
            continue
        original = network.nodes[number]
        nodes.append(
            Node(
                name=operator.name,
                operator=original.operator,
                inputs=tuple(tensors[access.tensor].name for access in operator.reads),
                outputs=tuple(tensors[access.tensor].name for access in operator.writes),
                constants=original.constants,
            )
        )
    return replace(network, tensors={tensor.name: tensor for tensor in tensors}, nodes=tuple(nodes))
