"""The planning problem of a network.

Numbering, on which the code generator relies:

* problem tensor ``i`` is the ``i``-th of ``network.tensors``;
* problem operators are the sources (one per input port, in order), the nodes in order, the sinks (one per output
  port, in order), and what updates each state, in order. Sources and sinks exist only with line I/O, so node ``i`` is
  operator ``first_node(...) + i``;
* an operator's accesses are those of the node's operands and results, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.decisions import output_reader
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.network.states import whole_updates, with_states
from tinyseg_tvm.operators import LineAccess
from tinyseg_tvm.planner.problem import Access, Operator, Pool, Problem, Role, Tensor

IoMode = Literal["resident", "line"]


def build_problem(
    network: Network,
    *,
    io: str,
    cost: Callable[[Node], Cost] | None = None,
    pools: tuple[Pool, ...] = (Pool("arena"),),
) -> Problem:
    """The planning problem of ``network``.

    Args:
        network: the lowered network.
        io: "resident": ports are contiguous tensors in the arena; "line": they arrive and leave by line.
        cost: of each node's kernel, and its name; None: nothing.
        pools: memories to place lines in, fastest first.

    Raises:
        TinySegError: a node's constants break the numeric contract, or a port cannot be resident.
        UsageError: ``io`` is neither.
    """
    if io not in ("resident", "line"):
        raise UsageError(f"io is 'resident' or 'line', not {io!r}")
    check_constants(network)
    number = {name: index for index, name in enumerate(network.tensors)}
    accesses = [line_access(network, node) for node in network.nodes]
    operators = [
        _operator(network, node, access, cost(node) if cost else Cost(), number)
        for node, access in zip(network.nodes, accesses, strict=True)
    ]
    if io == "line":
        operators = [
            *(_line_source(network, port.name, port.tensor, number) for port in network.inputs),
            *operators,
            *(_line_sink(network, port.name, port.tensor, number) for port in network.outputs),
        ]
    whole = _taken_whole(network, accesses) | whole_updates(network)
    return with_states(network, Problem(_tensors(network, io, whole), tuple(operators), pools))


def first_node(network: Network, io: str) -> int:
    """Number of the problem's operator that is the network's first node."""
    return len(network.inputs) if io == "line" else 0


def line_access(network: Network, node: Node) -> LineAccess:
    """Lines read and written in each step of ``node``."""
    return node.operator.line_access(network.input_types(node), network.output_types(node), node.constants)


def check_constants(network: Network) -> None:
    """Proves what the numeric contract demands of constants, as that no accumulator overflows.

    Raises:
        TinySegError: naming the node.
    """
    for node in network.nodes:
        try:
            node.operator.check(network.input_types(node), node.constants)
        except ValueError as error:
            raise TinySegError(f"node {node.name!r} ({node.operator.kind}): {error}") from None


def _operator(network: Network, node: Node, access: LineAccess, cost: Cost, number: dict[str, int]) -> Operator:
    inputs, outputs = network.input_types(node), network.output_types(node)
    return Operator(
        name=node.name,
        steps=access.steps,
        reads=tuple(Access(number[name], lines) for name, lines in zip(node.inputs, access.reads, strict=True)),
        writes=tuple(Access(number[name], lines) for name, lines in zip(node.outputs, access.writes, strict=True)),
        state_bytes=access.state_bytes,
        scratch_bytes=cost.scratch_bytes,
        in_place=tuple((operand, 0) for operand in node.operator.in_place(inputs, outputs)),
        cycles=cost.cycles_per_step,
        flash_bytes=cost.flash_bytes,
        macs=node.operator.macs(inputs, outputs, node.constants),
        kernel=cost.kernel,
    )


def _line_source(network: Network, port: str, tensor: str, number: dict[str, int]) -> Operator:
    lines = network.tensors[tensor].type.lines
    access = Access(number[tensor], tuple((line,) for line in range(lines)))
    return Operator(name=f"input {port}", steps=lines, reads=(), writes=(access,))


def _line_sink(network: Network, port: str, tensor: str, number: dict[str, int]) -> Operator:
    lines = network.tensors[tensor].type.lines
    access = Access(number[tensor], tuple((line,) for line in range(lines)))
    return Operator(name=output_reader(port), steps=lines, reads=(access,), writes=())


def _taken_whole(network: Network, accesses: list[LineAccess]) -> set[str]:
    """Names of tensors that a kernel needs at consecutive addresses."""
    names: set[str] = set()
    for node, access in zip(network.nodes, accesses, strict=True):
        names |= {name for name, whole in zip(node.inputs, access.whole_reads, strict=True) if whole}
        names |= {name for name, whole in zip(node.outputs, access.whole_writes, strict=True) if whole}
    return names


def _tensors(network: Network, io: str, whole: set[str]) -> tuple[Tensor, ...]:
    roles: dict[str, Role] = {}
    if io == "resident":
        roles = {port.tensor: Role.RESIDENT_INPUT for port in network.inputs}
        for port in network.outputs:
            if roles.get(port.tensor) is Role.RESIDENT_INPUT:
                raise TinySegError(
                    f"output {port.name!r} is the model's input unchanged, and an input is consumed by the run: "
                    "remove that output from the model, or use line I/O"
                )
            roles[port.tensor] = Role.RESIDENT_OUTPUT
    stored = network.stored()
    return tuple(
        Tensor(
            name=name,
            lines=tensor.type.lines,
            line_bytes=stored.get(name, tensor.type.line_bytes),
            contiguous=name in roles or name in whole or stored.get(name, 0) > 0,
            role=roles.get(name, Role.INTERNAL),
            stored=name in stored,
            derived_from=tensor.derived_from,
        )
        for name, tensor in network.tensors.items()
    )
