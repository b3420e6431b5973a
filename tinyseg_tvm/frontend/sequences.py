"""Sequences and optionals that no data decides: which tensors they hold is known, so that nothing of them is left.

A sequence is a list of tensors' names while the graph is walked; positions and lengths are constants. One that a port
is made of, or whose positions depend on data, is refused.

Source: ONNX operators SequenceConstruct, SequenceEmpty, SequenceInsert, SequenceErase, SequenceAt, SequenceLength,
SplitToSequence, ConcatFromSequence, Optional, OptionalGetElement, OptionalHasElement.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition
from tinyseg_tvm.frontend.graph import Graph, Node, node_error
from tinyseg_tvm.frontend.inference import infer, set_constant
from tinyseg_tvm.frontend.rewrites.quantizers import name_quantizers


def expand_sequences(graph: Graph) -> None:
    """Replace every operator on sequences and optionals by those on the tensors that they hold; refuse the others.

    Raises:
        TinySegError: a position lies outside of its sequence.
    """
    if any(_is_one(node) for node in graph.nodes):
        _Sequences(graph).expand()


def _is_one(node: Node) -> bool:
    return node.op_type in SEQUENCES and not node.domain


class _Sequences:
    """What the sequences hold that are known so far, in the order of their tensors; an optional holds one or none."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.held: dict[str, list[str]] = {}

    def expand(self) -> None:
        """One node at a time: what it becomes may be the constant position of the next."""
        graph = self.graph
        outputs = graph.outputs
        while True:
            name_quantizers(graph)
            graph.outputs = [*outputs, *(name for held in self.held.values() for name in held)]  # not dead yet
            infer(graph)
            graph.outputs = outputs
            for index, node in enumerate(graph.nodes):
                if (made := self._rewritten(node)) is not None:
                    graph.nodes[index : index + 1] = made
                    break
            else:
                break
        for node in filter(_is_one, graph.nodes):
            graph.refuse(node, "its sequence depends on the data, or is a port", "export the model with plain tensors")

    def _rewritten(self, node: Node) -> list[Node] | None:
        if node.op_type == "Identity" and node.input(0) in self.held:
            self.held[node.outputs[0]] = self.held[node.inputs[0]]
            return []
        if not _is_one(node) or (node.op_type in _MADE and node.outputs[0] in self.graph.outputs):
            return None
        return SEQUENCES[node.op_type](self, node)

    def _position(self, node: Node, index: int, count: int, last: int) -> int | None:
        """A constant operand from ``-count`` to ``last``, below zero from the end; ``last`` where it is omitted."""
        if not node.input(index):
            return last
        value = self.graph.constant(node.inputs[index])
        if value is None or value.size != 1:
            return None
        position = int(value.item())
        if not -count <= position <= last:
            raise node_error(node, f"position {position} lies outside of its {count} tensors", "correct the model")
        return position + count if position < 0 else position

    def construct(self, node: Node) -> list[Node]:
        self.held[node.outputs[0]] = [name for name in node.inputs if name]
        return []

    def insert(self, node: Node) -> list[Node] | None:
        held = self.held.get(node.inputs[0])
        place = None if held is None else self._position(node, 2, len(held), len(held))
        if held is None or place is None:
            return None
        self.held[node.outputs[0]] = [*held[:place], node.inputs[1], *held[place:]]
        return []

    def erase(self, node: Node) -> list[Node] | None:
        held = self.held.get(node.inputs[0])
        place = None if held is None else self._position(node, 1, len(held), len(held) - 1)
        if not held or place is None:
            return None
        self.held[node.outputs[0]] = [*held[:place], *held[place + 1 :]]
        return []

    def at(self, node: Node) -> list[Node] | None:
        held = self.held.get(node.inputs[0])
        place = None if held is None else self._position(node, 1, len(held), len(held) - 1)
        return None if not held or place is None else [_identity(node, held[place])]

    def length(self, node: Node) -> list[Node] | None:
        held = self.held.get(node.inputs[0])
        if held is None:
            return None
        set_constant(self.graph, node.outputs[0], np.array(len(held), np.int64))
        return []

    def split(self, node: Node) -> list[Node] | None:
        """Parts of given lengths, or of one; those of one element lose the axis unless it is kept."""
        shape = self.graph.shape(node.inputs[0])
        given = self.graph.constant(node.input(1)) if node.input(1) else np.array(1)
        if shape is None or given is None:
            return None
        axis = node.attributes.get("axis", 0) % len(shape)
        extent = shape[axis]
        lengths = list(map(int, given.reshape(-1)))
        if given.ndim == 0:
            each = max(lengths[0], 1)
            lengths = [min(each, extent - begin) for begin in range(0, extent, each)]
        if sum(lengths) != extent or min(lengths) < 1:
            raise node_error(node, f"parts of {lengths} do not make an axis of {extent}", "correct the model")
        made, begin, parts = Definition(self.graph, node), 0, []
        for length in lengths:
            part = made.slice(node.inputs[0], axis, begin, begin + length)
            if not node.input(1) and not node.attributes.get("keepdims", 1):
                part = made.reshape(part, *shape[:axis], *shape[axis + 1 :])
            parts.append(part)
            begin += length
        self.held[node.outputs[0]] = parts
        return made.nodes

    def concat(self, node: Node) -> list[Node] | None:
        held = self.held.get(node.inputs[0])
        shapes = [] if held is None else [self.graph.shape(name) for name in held]
        if not held or any(shape is None for shape in shapes):
            return None
        made, axis = Definition(self.graph, node), node.attributes["axis"]
        parts = held
        if node.attributes.get("new_axis", 0):
            parts = []
            for name, shape in zip(held, shapes, strict=True):
                assert shape is not None
                place = axis % (len(shape) + 1)
                parts.append(made.reshape(name, *shape[:place], 1, *shape[place:]))
        made.add("Concat", *parts, axis=axis, to=0)
        return made.nodes

    def get_element(self, node: Node) -> list[Node] | None:
        held = self._optional(node)
        if held is None:
            return None
        if not held:
            raise node_error(node, "it takes the element of an empty optional", "correct the model")
        return [_identity(node, held[0])]

    def has_element(self, node: Node) -> list[Node] | None:
        held = self._optional(node) if node.input(0) else []
        if held is None:
            return None
        set_constant(self.graph, node.outputs[0], np.array(bool(held)))
        return []

    def _optional(self, node: Node) -> list[str] | None:
        """What the operand of an operator on optionals holds: a tensor holds itself."""
        name = node.inputs[0]
        return [name] if name in self.graph.types else self.held.get(name)


def _identity(node: Node, source: str) -> Node:
    return Node(node.name, "Identity", [source], node.outputs)


# Operators whose results are sequences or optionals.
_MADE = ("SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence", "Optional")

SEQUENCES: dict[str, Callable[[_Sequences, Node], list[Node] | None]] = {
    "SequenceConstruct": _Sequences.construct,
    "SequenceEmpty": _Sequences.construct,
    "SequenceInsert": _Sequences.insert,
    "SequenceErase": _Sequences.erase,
    "SequenceAt": _Sequences.at,
    "SequenceLength": _Sequences.length,
    "SplitToSequence": _Sequences.split,
    "ConcatFromSequence": _Sequences.concat,
    "Optional": _Sequences.construct,
    "OptionalGetElement": _Sequences.get_element,
    "OptionalHasElement": _Sequences.has_element,
}
"""The operators, and how each is resolved; None where the data, or a port, stand against it."""
