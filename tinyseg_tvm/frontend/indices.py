"""Checks constant indices: each lies inside of the axis that it points into.

An operator of ONNX may compute with an index below 0, which counts from the end; MaxUnpool's and lengths may not.
What is computed at run time is bounded by the converters (indexing_converters.py) instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, node_error

_ALONG_AXIS = {"Gather": 0, "GatherElements": 0, "Scatter": 0, "ScatterElements": 0}
_COORDINATES = ("GatherND", "ScatterND")


def check_constant_indices(graph: Graph, node: Node) -> None:
    """Raise TinySegError where one of the node's constant indices lies outside of its axis.

    The error names node, value, place and the allowed range.
    """
    indices = graph.constant(node.input(1)) if len(node.inputs) > 1 else None
    shape = graph.shape(node.input(0))
    if indices is None or shape is None or indices.dtype.kind not in "iub" or not indices.size:
        return
    if node.op_type == "ArrayFeatureExtractor" and node.domain == "ai.onnx.ml" and shape:
        _check(node, indices, shape[-1:], 0)
    if node.domain:
        return
    if node.op_type in _ALONG_AXIS and shape:
        axis = int(node.attributes.get("axis", _ALONG_AXIS[node.op_type]))
        if -len(shape) <= axis < len(shape):
            extent = shape[axis]
            _check(node, indices, [extent], -extent)
    elif node.op_type in _COORDINATES:
        first = int(node.attributes.get("batch_dims", 0)) if node.op_type == "GatherND" else 0
        extents = shape[first : first + (indices.shape[-1] if indices.ndim else 0)]
        if indices.ndim and len(extents) == indices.shape[-1]:
            _check(node, indices, extents, None)
    elif node.op_type == "MaxUnpool":
        result = graph.constant(node.input(2))
        found = graph.shape(node.outputs[0]) if result is None else tuple(map(int, result))
        if found is not None:
            _check(node, indices, [math.prod(found)], 0)
    elif node.op_type == "ReverseSequence":
        axis = int(node.attributes.get("time_axis", 0))
        if -len(shape) <= axis < len(shape):
            _check(node, indices, [shape[axis] + 1], 0)
    elif node.op_type == "Compress":
        _check_condition(node, indices, shape)


def _check(node: Node, indices: np.ndarray, extents: Sequence[int], least: int | None) -> None:
    """Each of ``indices`` is below its extent (by place along the last axis) and not below ``least`` or -extent."""
    limits = np.array(extents, np.int64)
    low = -limits if least is None else np.full_like(limits, least)
    wide = indices.astype(object) if indices.dtype == np.uint64 else indices.astype(np.int64)
    outside = np.atleast_1d((wide < low) | (wide >= limits))
    if not outside.any():
        return
    place = tuple(int(axis[0]) for axis in np.nonzero(outside))
    number = place[-1] if len(limits) > 1 else 0
    raise node_error(
        node,
        f"its constant index {int(np.atleast_1d(indices)[place])} at {list(place)} lies outside of "
        f"{int(low[number])} to {int(limits[number]) - 1}",
        "correct the model",
    )


def _check_condition(node: Node, condition: np.ndarray, shape: Sequence[int]) -> None:
    axis = node.attributes.get("axis")
    extent = math.prod(shape) if axis is None else shape[int(axis)]
    if condition.size > extent:
        raise node_error(
            node, f"its condition has {condition.size} elements for an axis of {extent}", "correct the model"
        )
