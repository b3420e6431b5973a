"""What ONNX has of classical machine learning and of text (ArrayFeatureExtractor, Binarizer, TfIdfVectorizer)."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition, ints
from tinyseg_tvm.frontend.graph import Graph, Node, node_error


def array_feature_extractor(graph: Graph, node: Node) -> list[Node] | None:
    """The elements of the last axis that the second operand names."""
    shape, chosen = graph.shape(node.inputs[0]), graph.shape(node.inputs[1])
    if shape is None or chosen is None:
        return None
    made, count = Definition(graph, node), int(np.prod(chosen))
    taken = made.add("Gather", node.inputs[0], made.reshape(node.inputs[1], count), axis=len(shape) - 1)
    made.reshape(taken, *(shape[:-1] if len(shape) > 1 else (1,)), count, to=0)
    return made.nodes


def binarizer(graph: Graph, node: Node) -> list[Node] | None:
    """1 above the threshold, else 0."""
    dtype = graph.dtype(node.inputs[0])
    if dtype is None:
        return None
    made = Definition(graph, node)
    above = made.add("Greater", node.inputs[0], np.array(node.attributes.get("threshold", 0.0), dtype))
    made.cast(above, dtype, to=0)
    return made.nodes


def tf_idf_vectorizer(graph: Graph, node: Node) -> list[Node] | None:
    """How often each n-gram of a pool of numbers stands in a line of them, also with up to ``max_skip_count`` numbers
    left out between neighbours; or its weight, or both multiplied.
    """
    value, attributes = graph.types.get(node.inputs[0]), node.attributes
    if value is None:
        return None
    pool, begins = attributes.get("pool_int64s"), [*attributes["ngram_counts"]]
    if not pool:
        raise node_error(node, "its n-grams are strings", "tokenise in the application")
    length, made = value.shape[-1], Definition(graph, node)
    batch = value.shape[:-1]
    data = made.cast(node.inputs[0], "int64")
    ends = [*begins[1:], len(pool)]
    counts = []
    for size, (begin, end) in enumerate(zip(begins, ends, strict=True), start=1):
        grams = np.array(pool[begin:end], np.int64).reshape(-1, size)
        if not len(grams):
            continue
        total = ""
        used = attributes["min_gram_length"] <= size <= attributes["max_gram_length"]
        for skip in range(attributes["max_skip_count"] + 1 if size > 1 else 1):
            places = length - (size - 1) * (skip + 1)
            if places < 1 or not used:
                break
            equal = ""
            for i in range(size):
                part = made.slice(data, len(batch), i * (skip + 1), i * (skip + 1) + places)
                same = made.add("Equal", made.reshape(part, *batch, places, 1), grams[:, i])
                equal = made.add("And", equal, same) if equal else same
            found = made.add("ReduceSum", made.cast(equal, "float32"), ints(len(batch)), keepdims=0)
            total = made.add("Add", total, found) if total else found
        nothing = made.add("Expand", np.zeros((), np.float32), ints(*batch, len(grams)))
        counts.append(total or nothing)
    result = _weighted(made, made.add("Concat", *counts, axis=len(batch)))
    indexes = attributes["ngram_indexes"]
    order = np.zeros((len(indexes), max(indexes) + 1), np.float32)
    order[np.arange(len(indexes)), indexes] = 1
    if not batch:
        result = made.reshape(result, 1, len(indexes))
    product = made.add("MatMul", result, order)
    made.reshape(product, *batch, order.shape[1], to=0)
    return made.nodes


def _weighted(made: Definition, counts: str) -> str:
    """Counts as the attribute ``mode`` says: TF, IDF or TFIDF."""
    attributes, zero = made.node.attributes, np.zeros((), np.float32)
    weights = np.array(attributes.get("weights") or [1.0], np.float32)
    if attributes["mode"] == "TF":
        return counts
    if attributes["mode"] == "TFIDF":
        return made.add("Mul", counts, weights)
    return made.add("Where", made.add("Greater", counts, zero), weights, zero)
