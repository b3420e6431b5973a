"""Control flow that no data decides: the taken branch of an If, the iterations of a Loop or a Scan.

A condition is constant where it follows from constants and shapes. An iteration is inferred as a graph of its own,
with what the iterations before left constant, so that a Loop ends where its own condition says so, and shapes may
change from one to the next. What depends on data is refused.

Source: ONNX operators If, Loop and Scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.frontend.graph import Body, Graph, Node, ValueType
from tinyseg_tvm.frontend.inference import infer
from tinyseg_tvm.frontend.names import NameSupply
from tinyseg_tvm.frontend.reading import check_producers
from tinyseg_tvm.frontend.rewrites.quantizers import name_quantizers

CONTROL_FLOW = ("If", "Loop", "Scan")
MOST_NODES = 1 << 13  # that all branches and iterations may become
_DYNAMIC = "export with constant conditions and counts, or do this step in the application"


def expand_control_flow(graph: Graph) -> None:
    """Replace every If, Loop and Scan that does not depend on data by the nodes that it runs; refuse the others."""
    if any(node.op_type in CONTROL_FLOW and not node.domain for node in graph.nodes):
        _expand(graph, _Budget.of(graph))
        check_producers(graph)
        graph.sort()


class _RefusedError(Exception):
    """Why a node cannot be expanded."""


@dataclass
class _Budget:
    """How many nodes may still be added, whatever they are nested in, and the names that are taken."""

    nodes: int
    tensors: NameSupply
    names: NameSupply

    @staticmethod
    def of(graph: Graph) -> _Budget:
        """Of a graph that nothing was added to."""
        budget = _Budget(MOST_NODES, NameSupply(), NameSupply())
        for name in (*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)):
            budget.tensors.distinct(name)
        for node in graph.nodes:
            budget.names.distinct(node.name)
        return budget

    def take(self, count: int) -> None:
        self.nodes -= count
        if self.nodes < 0:
            raise _RefusedError(f"its branches and iterations are more than {MOST_NODES} nodes")


def _expand(graph: Graph, budget: _Budget) -> None:
    """One node at a time: what it becomes may be the constant condition of the next."""
    refused: set[int] = set()
    while True:
        name_quantizers(graph)
        infer(graph)
        node = next(
            (n for n in graph.nodes if n.op_type in CONTROL_FLOW and not n.domain and id(n) not in refused), None
        )
        if node is None:
            return
        try:
            made = _HANDLERS[node.op_type](graph, node, budget)
        except _RefusedError as refusal:
            refused.add(id(node))
            graph.refuse(node, str(refusal), _DYNAMIC)
            continue
        index = next(i for i, other in enumerate(graph.nodes) if other is node)
        graph.nodes[index : index + 1] = made


def _if(graph: Graph, node: Node, budget: _Budget) -> list[Node]:
    condition = graph.constant(node.inputs[0])
    if condition is None:
        raise _RefusedError("its condition depends on the data")
    body = node.attributes["then_branch" if condition.reshape(-1)[0] else "else_branch"]
    results, nodes = _Copies(graph, node, budget).of(body, {})
    return [*nodes, *_identities(budget, node, zip(results, node.outputs, strict=True))]


def _loop(graph: Graph, node: Node, budget: _Budget) -> list[Node]:
    count = _trip_count(graph, node)
    body: Body = node.attributes["body"]
    go_on = graph.constant(node.input(1)) if node.input(1) else np.ones((), bool)
    if go_on is None:
        raise _RefusedError("its condition depends on the data")
    carried = list(node.inputs[2:])
    unroll = _Unrolling(graph, node, body, budget, [], [0] * (len(body.outputs) - 1 - len(carried)))
    iteration = 0
    while go_on.reshape(-1)[0] and (count is None or iteration < count):
        number = graph.add_constant(f"{node.name}.iteration", np.array(iteration, np.int64))
        condition = graph.add_constant(f"{node.name}.condition", np.ones((), bool))
        results = unroll.iteration([number, condition, *carried])
        carried = results[1 : 1 + len(carried)]
        unroll.collect(results[1 + len(carried) :])
        found = graph.constant(results[0])
        if found is None:
            raise _RefusedError("when it ends depends on the data")
        go_on, iteration = found, iteration + 1
    return unroll.finish(carried)


def _trip_count(graph: Graph, node: Node) -> int | None:
    if not node.input(0):
        return None
    value = graph.constant(node.inputs[0])
    if value is None:
        raise _RefusedError("how often it runs depends on the data")
    return int(value.reshape(-1)[0])


def _scan(graph: Graph, node: Node, budget: _Budget) -> list[Node]:
    if graph.opset < 9:
        return _scan_of_batches(graph, node, budget)
    body, read = node.attributes["body"], int(node.attributes["num_scan_inputs"])
    states, scanned = list(node.inputs[: len(node.inputs) - read]), node.inputs[len(node.inputs) - read :]
    shapes = [graph.shape(name) for name in scanned]
    results = len(body.outputs) - len(states)
    inwards = node.attributes.get("scan_input_directions", [0] * read)
    outwards = node.attributes.get("scan_output_directions", [0] * results)
    axes = node.attributes.get("scan_input_axes", [0] * read)
    made = node.attributes.get("scan_output_axes", [0] * results)
    if not scanned or any(shape is None for shape in shapes):
        raise _RefusedError("how often it runs depends on the data")
    axes = [axis % len(shape or ()) for axis, shape in zip(axes, shapes, strict=True)]
    (extent, *others) = [(shape or ())[axis] for axis, shape in zip(axes, shapes, strict=True)]
    if any(other != extent for other in others):
        raise _RefusedError("its sequences are of different lengths")
    unroll = _Unrolling(graph, node, body, budget, outwards, made)
    for step in range(extent):
        parts = [
            unroll.part(name, axis, extent - 1 - step if backwards else step)
            for name, axis, backwards in zip(scanned, axes, inwards, strict=True)
        ]
        found = unroll.iteration([*states, *parts])
        states = found[: len(states)]
        unroll.collect(found[len(states) :])
    return unroll.finish(states)


def _scan_of_batches(graph: Graph, node: Node, budget: _Budget) -> list[Node]:
    """Scan of opset 8: states are (batch, ...), sequences (batch, time, ...), of which the body sees one entry."""
    body, read = node.attributes["body"], int(node.attributes["num_scan_inputs"])
    given = node.inputs[1:]
    count = len(given) - read
    shapes = [graph.shape(name) for name in given]
    if node.input(0) or not read or any(shape is None for shape in shapes):
        raise _RefusedError("its sequences' lengths are given, or depend on the data")
    batch, extent = (shapes[-1] or ())[:2]
    backwards = node.attributes.get("directions", [0] * read)
    entries = _Unrolling(graph, node, body, budget, [], [0] * len(node.outputs))
    for entry in range(batch):
        states = [entries.part(name, 0, entry) for name in given[:count]]
        sequences = [entries.part(name, 0, entry) for name in given[count:]]
        steps = _Unrolling(graph, node, body, budget, [], [0] * (len(node.outputs) - count))
        for step in range(extent):
            parts = [
                steps.part(name, 0, extent - 1 - step if reverse else step)
                for name, reverse in zip(sequences, backwards, strict=True)
            ]
            found = steps.iteration([*states, *parts])
            states = found[:count]
            steps.collect(found[count:])
        stacked = [steps.join(i) for i in range(len(node.outputs) - count)]
        entries.nodes.extend(steps.nodes)
        entries.collect([*states, *stacked])
    return entries.finish([])


_HANDLERS = {"If": _if, "Loop": _loop, "Scan": _scan}


class _Copies:
    """Copies of a node's bodies, whose tensors and nodes get names of their own. Constants are shared by all copies."""

    def __init__(self, graph: Graph, node: Node, budget: _Budget) -> None:
        self.graph, self.node, self.budget = graph, node, budget
        self.constants: dict[str, str] = {}
        self.count = 0

    def of(self, body: Body, operands: Mapping[str, str]) -> tuple[list[str], list[Node]]:
        """The body's results of ``operands``, the tensors for its inputs, and its nodes.

        What a body does not define it takes from the graph around it, under the same name.
        """
        self.budget.take(len(body.nodes))
        stem, self.count = f"{self.node.name}_{self.count}", self.count + 1
        for name, value in body.constants.items():
            if name not in self.constants:
                self.constants[name] = self.graph.add_constant(f"{self.node.name}.{name}", value)
        made = {name for inner in body.nodes for name in inner.outputs if name}
        names = {
            **self.constants,
            **operands,
            **{name: self.budget.tensors.distinct(f"{stem}.{name}") for name in made},
        }
        nodes = [
            replace(
                inner,
                name=self.budget.names.distinct(f"{stem}_{inner.name}"),
                inputs=[names.get(name, name) for name in inner.inputs],
                outputs=[names.get(name, name) for name in inner.outputs],
                attributes={k: v.renamed(names) if isinstance(v, Body) else v for k, v in inner.attributes.items()},
            )
            for inner in body.nodes
        ]
        return [names.get(name, name) for name in body.outputs], nodes


class _Unrolling:
    """The iterations of a Loop or Scan so far, and what they gave to be stacked."""

    def __init__(
        self, graph: Graph, node: Node, body: Body, budget: _Budget, directions: list[int], axes: list[int]
    ) -> None:
        self.graph, self.node, self.body, self.budget = graph, node, body, budget
        self.directions, self.axes = directions or [0] * len(axes), axes
        self.copies = _Copies(graph, node, budget)
        self.nodes: list[Node] = []
        self.stacked: list[list[str]] = [[] for _ in axes]

    def iteration(self, operands: list[str]) -> list[str]:
        """The body's results of operands: tensors of the graph whose types are known."""
        results, nodes = self.copies.of(self.body, dict(zip(self.body.inputs, operands, strict=True)))
        taken = Body((), tuple(results), tuple(nodes), {}).captured()
        inside = replace(
            self.graph,
            nodes=nodes,
            constants={name: self.graph.constants[name] for name in taken if name in self.graph.constants},
            inputs=[name for name in taken if name not in self.graph.constants],
            outputs=results,
            types={name: self.graph.types[name] for name in taken if name in self.graph.types},
        )
        _expand(inside, self.budget)
        self.nodes.extend(inside.nodes)
        self.graph.constants.update(inside.constants)
        self.graph.types.update(inside.types)
        return results

    def part(self, name: str, axis: int, index: int) -> str:
        """One index of a sequence along ``axis``, without that axis."""
        graph = self.graph
        shape = graph.types[name].shape
        cut = _node(self, "Slice", [name], (*shape[:axis], 1, *shape[axis + 1 :]), name)
        values = {"starts": [index], "ends": [index + 1], "axes": [axis]}
        if graph.opset < 10:
            cut.attributes.update(values)
        else:
            cut.inputs += [graph.add_constant(key, np.array(value, np.int64)) for key, value in values.items()]
        return self._reshape(cut.outputs[0], shape[:axis] + shape[axis + 1 :])

    def collect(self, results: list[str]) -> None:
        """Keep an iteration's results that are stacked."""
        for kept, name, axis in zip(self.stacked, results, self.axes, strict=True):
            value = self.graph.types.get(name)
            if value is None:
                raise _RefusedError("the shape of its results is unknown")
            at = axis % (len(value.shape) + 1)
            kept.append(self._reshape(name, (*value.shape[:at], 1, *value.shape[at:])))

    def finish(self, states: list[str]) -> list[Node]:
        """All nodes, the last of which make the node's results."""
        finals = list(zip(states, self.node.outputs, strict=False))
        finals += [(self.join(i), name) for i, name in enumerate(self.node.outputs[len(states) :]) if name]
        return [*self.nodes, *_identities(self.budget, self.node, finals)]

    def join(self, index: int) -> str:
        """The stacked result of this number, of all iterations."""
        kept = self.stacked[index]
        if not kept:
            raise _RefusedError("it runs no iteration, so that its results have no elements")
        shape = self.graph.types[kept[0]].shape
        axis = self.axes[index] % len(shape)
        shape = (*shape[:axis], len(kept), *shape[axis + 1 :])
        joined = _node(self, "Concat", kept[::-1] if self.directions[index] else kept, shape, f"stacked_{index}")
        joined.attributes["axis"] = axis
        return joined.outputs[0]

    def _reshape(self, name: str, shape: tuple[int, ...]) -> str:
        size = self.graph.add_constant("shape", np.array(shape, np.int64))
        return _node(self, "Reshape", [name, size], shape, name).outputs[0]


def _node(unroll: _Unrolling, op_type: str, inputs: list[str], shape: tuple[int, ...], stem: str) -> Node:
    """A node of the unrolled loop beside its iterations."""
    result = unroll.budget.tensors.distinct(f"{unroll.node.name}.{stem}")
    unroll.graph.types[result] = ValueType(unroll.graph.types[inputs[0]].dtype, shape)
    made = Node(unroll.budget.names.distinct(f"{unroll.node.name}_{op_type}"), op_type, inputs, [result])
    unroll.nodes.append(made)
    return made


def _identities(budget: _Budget, node: Node, pairs: Iterable[tuple[str, str]]) -> list[Node]:
    """Nodes that give results their names in the graph around."""
    return [
        Node(budget.names.distinct(f"{node.name}_result_{i}"), "Identity", [source], [result])
        for i, (source, result) in enumerate(pairs)
        if result
    ]
