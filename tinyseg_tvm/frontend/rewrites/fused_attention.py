"""Attention and MultiHeadAttention of ONNX Runtime as products, softmax and products.

Queries, keys and values are split into heads by Reshape and Transpose, as exporters of PyTorch write it: passes then
compute with the heads where they lie.

Source: ONNX Runtime's contrib operators (domain com.microsoft).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

_HEADS_FIRST, _KEYS_LAST = (0, 2, 1, 3), (0, 2, 3, 1)
_MASKED = -10000.0  # what scores of keys that come later are set back by, where the model does not say


class _RefusedError(Exception):
    """Why a node cannot be spelled."""


def _attention(spelling: Spelling) -> str:
    """Projections of one tensor, then attention; the result."""
    node, graph = spelling.node, spelling.graph
    shape, weights = graph.shape(node.inputs[0]), graph.constant(node.inputs[1])
    bias = graph.constant(node.input(2)) if node.input(2) else None
    if shape is None or len(shape) != 3 or weights is None or (node.input(2) and bias is None):
        raise _RefusedError("its weights are computed, or the operand's shape is unknown")
    if node.input(3) or node.input(4):
        raise _RefusedError("masks of lengths and past keys are not supported")
    third = weights.shape[1] // 3
    sizes = [int(size) for size in node.attributes.get("qkv_hidden_sizes", [third] * 3)]
    ends = np.cumsum(sizes)
    if ends[-1] != weights.shape[1]:
        raise _RefusedError(f"{weights.shape[1]} columns of weights are not queries, keys and values of {sizes}")
    parts: list[tuple[str, tuple[int, ...]]] = []
    for name, end, size in zip(("query", "key", "value"), ends, sizes, strict=True):
        weight = spelling.constant(f"{name}_weight", weights[:, end - size : end])
        part = spelling.add(f"{name}_product", "MatMul", [node.inputs[0], weight])
        if bias is not None:
            part = spelling.add(name, "Add", [part, spelling.constant(f"{name}_bias", bias[end - size : end])])
        parts.append((part, (shape[0], shape[1], size)))
    return _heads(spelling, parts, node.input(5))


def _multi_head_attention(spelling: Spelling) -> str:
    """Attention of three tensors, whose biases are joined; the result."""
    node, graph = spelling.node, spelling.graph
    shapes = [graph.shape(node.input(index)) for index in range(3)]
    bias = graph.constant(node.input(3)) if node.input(3) else None
    if any(shape is None for shape in shapes) or (node.input(3) and bias is None):
        raise _RefusedError("queries, keys and values are packed, or their shapes unknown")
    if any(node.input(index) for index in (4, *range(6, 10))):
        raise _RefusedError("masks of lengths and past keys are not supported")
    parts, begin = [], 0
    for name, operand, shape in zip(("query", "key", "value"), node.inputs, shapes, strict=False):
        assert shape is not None
        part = operand
        if bias is not None:
            if len(shape) != 3:
                raise _RefusedError("keys that are split into heads have no bias")
            added = spelling.constant(f"{name}_bias", bias[begin : begin + shape[2]])
            part, begin = spelling.add(name, "Add", [part, added]), begin + shape[2]
        parts.append((part, shape))
    return _heads(spelling, parts, node.input(5))


def _heads(spelling: Spelling, parts: list[tuple[str, tuple[int, ...]]], bias: str) -> str:
    """``softmax(scale * q k^T + bias) v`` of every head, joined again."""
    node = spelling.node
    heads = int(node.attributes["num_heads"])
    (query, shape), (key, key_shape), (value, value_shape) = parts
    batch, queries, width = shape
    if width % heads or (len(value_shape) == 3 and value_shape[2] % heads):
        raise _RefusedError(f"{width} values are not {heads} heads")
    left = _split(spelling, "query", query, shape, heads, _HEADS_FIRST)
    right = _split(spelling, "key", key, key_shape, heads, _KEYS_LAST)
    values = _split(spelling, "value", value, value_shape, heads, _HEADS_FIRST)
    keys = key_shape[1] if len(key_shape) == 3 else key_shape[2]
    depth = value_shape[2] // heads if len(value_shape) == 3 else value_shape[3]
    scale = float(node.attributes.get("scale", 0.0)) or 1 / math.sqrt(width // heads)
    scores = spelling.add("scores", "MatMul", [left, right])
    scores = spelling.add("scaled", "Mul", [scores, spelling.constant("scale", scale)])
    if bias:
        scores = spelling.add("biased", "Add", [scores, bias])
    if node.attributes.get("unidirectional", 0):
        low = float(node.attributes.get("mask_filter_value", _MASKED))
        later = np.triu(np.full((queries, keys), low), 1 + keys - queries)
        scores = spelling.add("masked", "Add", [scores, spelling.constant("mask", later)])
    shares = spelling.add("shares", "Softmax", [scores], axis=-1)
    mixed = spelling.transpose("joined", spelling.add("mixed", "MatMul", [shares, values]), _HEADS_FIRST)
    size = spelling.constant("shape", [batch, queries, heads * depth], np.int64)
    return spelling.add("result", "Reshape", [mixed, size])


def _split(
    spelling: Spelling, name: str, value: str, shape: tuple[int, ...], heads: int, order: tuple[int, ...]
) -> str:
    """A tensor's heads; one of rank 4 is split already."""
    if len(shape) == 4:
        return spelling.transpose(f"{name}_turned", value, (0, 1, 3, 2)) if order == _KEYS_LAST else value
    size = spelling.constant("shape", [shape[0], shape[1], heads, shape[2] // heads], np.int64)
    return spelling.transpose(f"{name}_heads", spelling.add(f"{name}_split", "Reshape", [value, size]), order)


def _handler(spelled: Callable[[Spelling], str]) -> Callable[[Graph, Node], list[Node] | None]:
    def handler(graph: Graph, node: Node) -> list[Node] | None:
        spelling = Spelling(graph, node)
        try:
            if any(node.outputs[1:]):
                raise _RefusedError("present keys and values as results are not supported")
            return spelling.done(spelled(spelling))
        except _RefusedError as refusal:
            graph.refuse(node, str(refusal), "export attention as MatMul, Softmax and MatMul")
            return None

    return handler


ATTENTION = {"Attention": _handler(_attention), "MultiHeadAttention": _handler(_multi_head_attention)}
"""Handlers by operator."""
