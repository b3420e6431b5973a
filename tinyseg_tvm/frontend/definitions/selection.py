"""Operators that choose elements by indices that are computed (ONNX operators OneHot, ReverseSequence, TensorScatter),
or by a constant condition (Compress); and Split and Concat where parts have no elements.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition, ints
from tinyseg_tvm.frontend.graph import Graph, Node, node_error


def one_hot(graph: Graph, node: Node) -> list[Node] | None:
    """``values[1]`` where an index equals the place on the new axis, else ``values[0]``; indices below zero count from
    the end, those outside lead to ``values[0]`` alone.
    """
    shape, depth = graph.shape(node.inputs[0]), graph.constant(node.inputs[1])
    if shape is None:
        return None
    if depth is None or depth.size != 1:
        raise node_error(node, "its depth is not constant", "export the model with a constant depth")
    classes, axis = int(depth.item()), node.attributes.get("axis", -1)
    axis += len(shape) + 1 if axis < 0 else 0
    made = Definition(graph, node)
    indices = made.cast(node.inputs[0], "int64")
    wrapped = made.add("Add", indices, np.array(classes, np.int64))
    negative = made.add("Less", indices, np.array(0, np.int64))
    indices = made.reshape(made.add("Where", negative, wrapped, indices), *shape[:axis], 1, *shape[axis:])
    places = np.arange(classes, dtype=np.int64).reshape(-1, *[1] * (len(shape) - axis))
    off, on = (made.reshape(made.slice(node.inputs[2], 0, i, i + 1)) for i in (0, 1))
    made.add("Where", made.add("Equal", indices, places), on, off, to=0)
    return made.nodes


def reverse_sequence(graph: Graph, node: Node) -> list[Node] | None:
    """The first ``sequence_lens[b]`` entries of each batch entry in reverse order, the others as they are."""
    shape = graph.shape(node.inputs[0])
    if shape is None:
        return None
    time, batch = node.attributes.get("time_axis", 0), node.attributes.get("batch_axis", 1)
    made = Definition(graph, node)
    along = [1] * len(shape)
    along[batch] = shape[batch]
    lengths = made.reshape(node.inputs[1], *along)
    along = [1] * len(shape)
    along[time] = shape[time]
    places = np.arange(shape[time], dtype=np.int64).reshape(along)
    inside = made.add("Less", places, lengths)
    back = made.add("Sub", made.add("Sub", lengths, np.array(1, np.int64)), places)
    chosen = made.add("Expand", made.add("Where", inside, back, places), ints(*shape))
    made.add("GatherElements", node.inputs[0], chosen, axis=time, to=0)
    return made.nodes


def tensor_scatter(graph: Graph, node: Node) -> list[Node] | None:
    """A cache (batch, ..., length, ...) with an update written from ``write_indices[batch]`` on, in a circle where the
    mode says so.
    """
    cache, update = graph.shape(node.inputs[0]), graph.shape(node.inputs[1])
    if cache is None or update is None:
        return None
    axis = node.attributes.get("axis", -2) % len(cache)
    made = Definition(graph, node)
    along = [1] * len(update)
    along[axis] = update[axis]
    places: str | np.ndarray = np.arange(update[axis], dtype=np.int64).reshape(along)
    if node.input(2):
        begin = made.reshape(node.inputs[2], -1, *[1] * (len(update) - 1))
        places = made.add("Add", begin, places)
        if node.attributes.get("mode", "linear") == "circular":
            places = made.add("Mod", places, np.array(cache[axis], np.int64))
    places = made.add("Expand", places, ints(*update))
    made.add("ScatterElements", node.inputs[0], places, node.inputs[1], axis=axis, to=0)
    return made.nodes


def compress(graph: Graph, node: Node) -> list[Node] | None:
    """The slices whose condition is true, where it is constant."""
    condition = graph.constant(node.inputs[1])
    if condition is None:
        raise node_error(
            node, "its result's shape depends on the data", "do this step in the application, behind the network"
        )
    chosen = np.flatnonzero(condition).astype(np.int64)
    made = Definition(graph, node)
    axis = node.attributes.get("axis")
    data = made.reshape(node.inputs[0], -1) if axis is None else node.inputs[0]
    made.add("Gather", data, chosen, axis=axis or 0, to=0)
    return made.nodes


def split_without_empty_parts(graph: Graph, node: Node) -> list[Node] | None:
    """The parts that have elements as slices, the others as constants."""
    shapes = [graph.shape(name) for name in node.outputs]
    if any(shape is None for shape in shapes) or not any(0 in shape for shape in shapes if shape):
        return None
    made, begin = Definition(graph, node), 0
    for to, (name, shape) in enumerate(zip(node.outputs, shapes, strict=True)):
        assert shape is not None
        axis = node.attributes.get("axis", 0) % len(shape)
        if 0 in shape:
            graph.constants[name] = np.zeros(shape, graph.types[name].dtype)
        else:
            made.slice(node.inputs[0], axis, begin, begin + shape[axis], to=to)
        begin += shape[axis]
    return made.nodes


def concat_without_empty_parts(graph: Graph, node: Node) -> list[Node] | None:
    """The operands that have elements, side by side."""
    shapes = [graph.shape(name) for name in node.inputs]
    kept = [name for name, shape in zip(node.inputs, shapes, strict=True) if shape is None or 0 not in shape]
    if len(kept) == len(node.inputs) or not kept:
        return None
    return [Node(node.name, "Concat", kept, node.outputs, node.attributes)]
