"""Quantisers whose scale or zero point is computed, or has one value for each block of an axis, in float32
(ONNX operators QuantizeLinear, DequantizeLinear).
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition, Operand, ints
from tinyseg_tvm.frontend.graph import Graph, Node, node_error

_WIDTHS = {3: "int8", 2: "uint8", 5: "int16", 4: "uint16"}  # by ONNX's number of the type


def quantize(graph: Graph, node: Node) -> list[Node] | None:
    """``saturate(round(x / scale) + zero)``, rounded half to even."""
    value = graph.types.get(node.inputs[0])
    if value is None or not _at_run_time(graph, node):
        return None
    zero = graph.types.get(node.input(2)) if node.input(2) else None
    dtype = zero.dtype if zero is not None else _WIDTHS.get(node.attributes.get("output_dtype", 0) or 2, "")
    if dtype not in _WIDTHS.values():
        raise node_error(node, f"its result is {dtype or 'of another type'}", f"use {', '.join(_WIDTHS.values())}")
    made, limits = Definition(graph, node), np.iinfo(dtype)
    data = node.inputs[0] if value.dtype == "float32" else made.cast(node.inputs[0], "float32")
    code = made.add("Round", made.add("Div", data, _along(made, node.inputs[1])))
    if node.input(2):
        code = made.add("Add", code, made.cast(_along(made, node.inputs[2]), "float32"))
    bounds = [np.array(bound, np.float32) for bound in (limits.min, limits.max)]
    made.cast(made.add("Clip", code, *bounds), dtype, to=0)
    return made.nodes


def dequantize(graph: Graph, node: Node) -> list[Node] | None:
    """``(x - zero) * scale``."""
    if node.inputs[0] not in graph.types or not _at_run_time(graph, node):
        return None
    made = Definition(graph, node)
    data = node.inputs[0]
    if node.input(2):
        data = made.add("Sub", made.cast(data, "int32"), made.cast(_along(made, node.inputs[2]), "int32"))
    made.add("Mul", made.cast(data, "float32"), _along(made, node.inputs[1]), to=0)
    return made.nodes


def _at_run_time(graph: Graph, node: Node) -> bool:
    """Whether a known operand is computed, or has blocks."""
    operands = [name for name in node.inputs[1:] if name]
    if any(name not in graph.types for name in operands):
        return False
    return bool(node.attributes.get("block_size", 0)) or any(name not in graph.constants for name in operands)


def _along(made: Definition, operand: str) -> Operand:
    """A scale or zero point as it broadcasts against the tensor: one, or one for each index or block of an axis."""
    graph, node = made.graph, made.node
    shape, extents = graph.types[operand].shape, graph.types[node.inputs[0]].shape
    block, axis = node.attributes.get("block_size", 0), node.attributes.get("axis", 1)
    if shape in ((), (1,)) and not block:
        return made.reshape(operand) if shape else operand
    axis = 0 if len(extents) == 1 and not block else axis + (len(extents) if axis < 0 else 0)
    fits = 0 <= axis < len(extents)
    if fits and not block and shape == (extents[axis],):
        return made.reshape(operand, *[extents[i] if i == axis else 1 for i in range(len(extents))])
    if fits and block and shape == (*extents[:axis], -(-extents[axis] // block), *extents[axis + 1 :]):
        return made.add("Gather", operand, ints(*(i // block for i in range(extents[axis]))), axis=axis)
    blocks = f" in blocks of {block}" if block else ""
    raise node_error(
        node, f"scales of shape {list(shape)} do not fit axis {axis} of {list(extents)}{blocks}", "correct the model"
    )
