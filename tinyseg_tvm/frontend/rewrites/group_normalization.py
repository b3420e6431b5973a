"""GroupNormalization as InstanceNormalization of groups, whose pixels stay apart.

ONNX defines it by a function whose body needs the rank and, from opset 21 on, has a scale per channel where opset 18
had one per group.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

PER_CHANNEL_OPSET = 21


def expand_group_normalization(graph: Graph) -> None:
    """Replace every GroupNormalization; types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        shape = graph.shape(node.inputs[0])
        if node.op_type != "GroupNormalization" or node.domain or shape is None:
            return None
        groups = node.attributes.get("num_groups", 0)
        if len(node.inputs) != 3 or len(shape) < 3 or groups < 1 or shape[1] % groups:
            graph.refuse(
                node, f"{groups} groups of shape {list(shape)} with {len(node.inputs)} inputs", "correct the model"
            )
            return None
        return _spelled(graph, node, shape, groups)

    graph.expand(rewrite)
    graph.raise_unsupported()


def _grouped(shape: tuple[int, ...], groups: int) -> tuple[int, ...]:
    """(N, G, C / G, ...) of (N, C, ...): rows stay rows, so that sums over them run by line."""
    return (shape[0], groups, shape[1] // groups, *shape[2:])


def keep_pixels_of_groups(graph: Graph) -> None:
    """Reshapes to (N, G, -1) around InstanceNormalization, as exporters spell group normalisation, keep pixels apart.

    Quantisers may stand between. Types must be inferred; those of what is changed are gone afterwards.
    """
    producers, consumers = graph.producers(), graph.consumers()

    def only_reader(name: str) -> Node | None:
        readers = consumers.get(name, ())
        return readers[0] if len(readers) == 1 else None

    for node in graph.nodes:
        if node.op_type != "InstanceNormalization" or node.domain:
            continue
        above = _through_quantizers(node.inputs[0], producers.get, lambda found: found.inputs[0])
        below = _through_quantizers(node.outputs[0], only_reader, lambda found: found.outputs[0])
        if above is None or below is None or only_reader(above.outputs[0]) is None:
            continue
        split = _split_by(graph, above, below)
        if split is not None:
            above.inputs[1] = graph.add_constant(f"{node.name}.groups", np.array(split, np.int64))
            joined = np.array(graph.shape(below.outputs[0]), np.int64)
            below.inputs[1] = graph.add_constant(f"{node.name}.joined", joined)


def _split_by(graph: Graph, above: Node, below: Node) -> tuple[int, ...] | None:
    """Groups with their pixels apart, where two reshapes lead from maps (N, C, ...) to (N, G, -1) and back."""
    if above.op_type != "Reshape" or below.op_type != "Reshape":
        return None
    before, middle, after = (graph.shape(name) for name in (above.inputs[0], above.outputs[0], below.outputs[0]))
    if before is None or middle is None or before != after or len(before) < 3 or len(middle) != 3:
        return None
    return _grouped(before, middle[1]) if middle[0] == before[0] and before[1] % middle[1] == 0 else None


def _through_quantizers(name: str, step: Callable[[str], Node | None], following: Callable[[Node], str]) -> Node | None:
    """The first node in one direction that is no quantiser."""
    found = step(name)
    while found is not None and found.op_type in ("QuantizeLinear", "DequantizeLinear"):
        found = step(following(found))
    return found


def _spelled(graph: Graph, node: Node, shape: tuple[int, ...], groups: int) -> list[Node]:
    source, scale, bias = node.inputs
    result = node.outputs[0]
    epsilon = node.attributes.get("epsilon", 1e-5)
    per_channel = graph.opset >= PER_CHANNEL_OPSET
    dtype = np.dtype(graph.dtype(source) or "float32")
    factors = [scale, bias]
    if per_channel:
        factors = [
            graph.add_constant(f"{node.name}.ones", np.ones(groups, dtype)),
            graph.add_constant(f"{node.name}.zeros", np.zeros(groups, dtype)),
        ]
    spelling = Spelling(graph, node)
    add = spelling.add

    def extents(suffix: str, *values: int) -> str:
        return spelling.constant(suffix, values, np.int64)

    grouped = add("grouped", "Reshape", [source, extents("groups", *_grouped(shape, groups))])
    normal = add("normal", "InstanceNormalization", [grouped, *factors], epsilon=epsilon)
    whole = extents("shape", *shape)
    if not per_channel:
        add("whole", "Reshape", [normal, whole], result)
        return spelling.nodes
    channels = extents("channels", 1, -1, *[1] * (len(shape) - 2))
    scaled = add(
        "scaled",
        "Mul",
        [add("whole", "Reshape", [normal, whole]), add("scale", "Reshape", [scale, channels])],
    )
    add("biased", "Add", [scaled, add("bias", "Reshape", [bias, channels])], result)
    return spelling.nodes
