"""The ONNX graph as the frontend's rewrites see it: mutable nodes over named tensors.

Differences to onnx.GraphProto: constants are NumPy arrays, attributes are plain values, nodes are in topological
order and have unique printable names (names.py), every input has a static shape, and ``types`` holds what shape
inference (inference.py) found out.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tinyseg_tvm.errors import TinySegError

# Every rewrite after modernise() sees at least this opset's forms; newer models keep theirs.
CANONICAL_OPSET = 21
OWN_DOMAIN = "tinyseg"
"""Of nodes that rewrites make and ONNX has no operator for; their attribute ``shape`` is that of the only result."""


@dataclass(frozen=True)
class ValueType:
    """Element type (NumPy's name) and static shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass
class Node:
    """One ONNX node. An omitted optional input is the empty string.

    ``opset`` is the operator set whose rules hold where that is not the graph's, else 0.
    """

    name: str
    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    domain: str = ""
    opset: int = 0

    def input(self, index: int) -> str:
        """The tensor's name, or the empty string where the input is omitted."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def reads(self) -> list[str]:
        """The tensors that the node depends on: its inputs, and what its bodies take from the graph around."""
        bodies = [value for value in self.attributes.values() if isinstance(value, Body)]
        return list(dict.fromkeys([*filter(None, self.inputs), *(name for body in bodies for name in body.captured())]))

    @property
    def qualified_type(self) -> str:
        """The operator's type with its domain, unless that is ONNX's own."""
        return f"{self.domain}.{self.op_type}" if self.domain else self.op_type


@dataclass(frozen=True)
class Body:
    """A graph that is an attribute: a branch of an If, the body of a Loop or a Scan.

    What it does not define itself are tensors of the graph around it.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]

    @property
    def defined(self) -> set[str]:
        """The names of its own tensors."""
        return {*self.inputs, *self.constants, *(name for node in self.nodes for name in node.outputs)}

    def captured(self) -> list[str]:
        """The tensors that it takes from around it."""
        read = dict.fromkeys([*(name for node in self.nodes for name in node.reads()), *self.outputs])
        return [name for name in read if name not in self.defined]

    def renamed(self, names: Mapping[str, str]) -> Body:
        """The body for a graph around it whose tensors have other names."""
        own = self.defined
        outer = {name: new for name, new in names.items() if name not in own}
        nodes = [
            replace(
                node,
                inputs=[outer.get(name, name) for name in node.inputs],
                attributes={k: v.renamed(outer) if isinstance(v, Body) else v for k, v in node.attributes.items()},
            )
            for node in self.nodes
        ]
        return replace(self, nodes=tuple(nodes), outputs=tuple(outer.get(name, name) for name in self.outputs))


@dataclass(frozen=True)
class Unsupported:
    """A node that cannot be compiled: why, and what the user can do."""

    name: str
    op_type: str
    reason: str
    remedy: str

    @property
    def node(self) -> str:
        """Name and operator."""
        return f"{self.name} ({self.op_type})"


@dataclass
class Graph:
    """A model's graph. ``inputs`` and ``outputs`` are tensor names in the model's order."""

    name: str
    opset: int
    nodes: list[Node]
    constants: dict[str, np.ndarray]
    inputs: list[str]
    outputs: list[str]
    types: dict[str, ValueType]
    declared: dict[str, tuple[int | None, ...]] = field(default_factory=dict)  # shapes the file claims
    four_bit: dict[str, str] = field(default_factory=dict)  # constants stored in 4 bits ("int4", "uint4"), unpacked
    half: dict[str, str] = field(default_factory=dict)  # types of 16-bit float ports in the file: float32 here
    inferred: dict[str, dict[str, ValueType]] = field(default_factory=dict)  # inference.py's memory
    unsupported: list[Unsupported] = field(default_factory=list)
    _counter: Iterator[int] = field(default_factory=itertools.count)

    def refuse(self, node: Node, reason: str, remedy: str) -> None:
        """Record that ``node`` cannot be compiled; all are reported together."""
        self.unsupported.append(Unsupported(node.name, node.qualified_type, reason, remedy))

    def raise_unsupported(self) -> None:
        """Raise one error that lists every refused node; what is equally wrong with several is said once."""
        refused: dict[tuple[str, str], list[str]] = {}
        for each in dict.fromkeys(self.unsupported):
            refused.setdefault((each.reason, each.remedy), []).append(each.node)
        if refused:
            lines = "".join(
                f"\n  {_some(nodes)}: {reason}. Remedy: {remedy}" for (reason, remedy), nodes in refused.items()
            )
            count = sum(map(len, refused.values()))
            raise TinySegError(f"{count} unsupported node(s) in the model:{lines}")

    def fresh(self, stem: str) -> str:
        """A tensor name that no tensor of the graph has."""
        taken = {name for node in self.nodes for name in node.outputs}
        while (name := f"{stem}:{next(self._counter)}") in taken or name in self.constants or name in self.inputs:
            pass
        return name

    def node_name(self, stem: str) -> str:
        """A node name that no node of the graph has."""
        taken = {node.name for node in self.nodes}
        return next(n for n in itertools.chain([stem], (f"{stem}_{i}" for i in itertools.count(1))) if n not in taken)

    def add_constant(self, stem: str, value: np.ndarray) -> str:
        """Add a constant tensor and return its name."""
        name = self.fresh(stem)
        self.constants[name] = value
        self.types[name] = ValueType(value.dtype.name, value.shape)
        return name

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each tensor."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers.setdefault(name, []).append(node)
        return readers

    def producers(self) -> dict[str, Node]:
        """The node that writes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def replace_uses(self, old: str, new: str) -> None:
        """Let every reader of ``old`` read ``new``. A graph output keeps its name, so it must not be ``old``."""
        for node in self.nodes:
            node.inputs = [new if name == old else name for name in node.inputs]

    def insert_before(self, anchor: Node, *nodes: Node) -> None:
        """Insert nodes ahead of ``anchor``."""
        index = next(i for i, node in enumerate(self.nodes) if node is anchor)
        self.nodes[index:index] = nodes

    def insert_after(self, anchor: Node, *nodes: Node) -> None:
        """Insert nodes behind ``anchor``."""
        index = next(i for i, node in enumerate(self.nodes) if node is anchor)
        self.nodes[index + 1 : index + 1] = nodes

    def expand(self, rewrite: Callable[[Node], Sequence[Node] | None]) -> bool:
        """Replace each node by ``rewrite(node)``; None keeps it. True where anything changed."""
        result: list[Node] = []
        changed = False
        for node in list(self.nodes):
            replacement = rewrite(node)
            changed |= replacement is not None
            result.extend([node] if replacement is None else replacement)
        self.nodes = result
        return changed

    def sort(self) -> None:
        """Restore topological order, keeping the present order where it is free. Raises TinySegError on a cycle."""
        producers = self.producers()
        index = {id(node): i for i, node in enumerate(self.nodes)}
        state: dict[int, int] = {}
        result: list[Node] = []
        for root in self.nodes:
            stack = [(root, iter(root.inputs))] if id(root) not in state else []
            if stack:
                state[id(root)] = 1
            while stack:
                node, pending = stack[-1]
                for name in pending:
                    before = producers.get(name)
                    if before is None or state.get(id(before)) == 2:
                        continue
                    if state.get(id(before)) == 1:
                        raise TinySegError(
                            f"the graph is cyclic: node '{before.name}' ({before.qualified_type}) depends on its own "
                            f"output '{name}'. Remedy: export the model again"
                        )
                    state[id(before)] = 1
                    stack.append((before, iter(before.inputs)))
                    break
                else:
                    state[id(node)] = 2
                    result.append(node)
                    stack.pop()
        if [index[id(node)] for node in result] != list(range(len(result))):
            self.nodes = result

    def remove_dead(self) -> None:
        """Drop nodes whose results nobody reads, and unused constants and types."""
        live = set(self.outputs)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if live.intersection(node.outputs):
                kept.append(node)
                live.update(node.reads())
        self.nodes = kept[::-1]
        self.constants = {name: value for name, value in self.constants.items() if name in live}
        alive = live.union(self.inputs, *(node.outputs for node in self.nodes))
        self.types = {name: value for name, value in self.types.items() if name in alive}

    def constant(self, name: str) -> np.ndarray | None:
        """The tensor's value where it is constant."""
        return self.constants.get(name)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The tensor's shape where it is known."""
        found = self.types.get(name)
        return None if found is None else found.shape

    def dtype(self, name: str) -> str | None:
        """The tensor's element type where it is known."""
        found = self.types.get(name)
        return None if found is None else found.dtype


_NAMED = 3  # nodes that are named of those with one fault


def _some(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return ", ".join(nodes[:_NAMED]) + more


def node_error(node: Node, message: str, remedy: str) -> TinySegError:
    """The error for a node: where, what, remedy."""
    return TinySegError(f"node '{node.name}' ({node.qualified_type}): {message}. Remedy: {remedy}")


def node_proto(node: Node) -> onnx.NodeProto:
    """The node as ONNX stores it. Empty lists are omitted: their type is unknown and they equal the default."""
    proto = helper.make_node(node.op_type, node.inputs, node.outputs, name=node.name, domain=node.domain)
    for key, value in node.attributes.items():
        if isinstance(value, list | tuple) and not value:
            continue
        attribute = value
        if isinstance(value, np.ndarray):
            attribute = numpy_helper.from_array(value, key)
        elif isinstance(value, dict):
            attribute = json.dumps(value)
        elif isinstance(value, Body):
            attribute = _body_proto(value, key)
        proto.attribute.append(helper.make_attribute(key, attribute))
    return proto


def _body_proto(body: Body, name: str) -> onnx.GraphProto:
    return helper.make_graph(
        [node_proto(node) for node in body.nodes],
        name,
        [helper.make_empty_tensor_value_info(each) for each in body.inputs],
        [helper.make_empty_tensor_value_info(each) for each in body.outputs],
        [numpy_helper.from_array(value, each) for each, value in body.constants.items()],
    )


def type_proto(value: ValueType) -> onnx.TypeProto:
    """The type as ONNX stores it."""
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype)), value.shape)


def to_model(graph: Graph) -> onnx.ModelProto:
    """The graph as an ONNX model of ``graph.opset``. Types of inputs and outputs must be known."""

    def value_info(name: str) -> onnx.ValueInfoProto:
        return helper.make_value_info(name, type_proto(graph.types[name]))

    proto = helper.make_graph(
        [node_proto(node) for node in graph.nodes],
        graph.name or "model",
        [value_info(name) for name in graph.inputs],
        [value_info(name) for name in graph.outputs],
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    domains = sorted({node.domain for node in graph.nodes if node.domain})
    imports = [helper.make_opsetid("", graph.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(proto, opset_imports=imports, producer_name="tinyseg_tvm")
    model.ir_version = helper.find_min_ir_version_for(imports, ignore_unknown=True)
    return model
