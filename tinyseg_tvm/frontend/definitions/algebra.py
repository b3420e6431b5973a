"""Arithmetic (ONNX operators Det, IsInf of one sign, Mod with the divisor's sign, Pow of two types, maxima of bool)."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition
from tinyseg_tvm.frontend.graph import Graph, Node, node_error

MOST_ROWS = 4  # of a determinant by minors, whose number grows as the factorial


def determinant(graph: Graph, node: Node) -> list[Node] | None:
    """The determinant of (..., n, n), by the minors of the first row."""
    shape = graph.shape(node.inputs[0])
    if shape is None:
        return None
    if shape[-1] > MOST_ROWS:
        raise node_error(
            node,
            f"the determinant of a matrix of {shape[-1]} rows; at most {MOST_ROWS} are supported",
            "compute it in the application",
        )
    made, batch = Definition(graph, node), shape[:-2]

    def element(row: int, column: int) -> str:
        line = made.slice(node.inputs[0], len(shape) - 2, row, row + 1)
        return made.reshape(made.slice(line, len(shape) - 1, column, column + 1), *batch)

    def minor(row: int, columns: tuple[int, ...]) -> str:
        if len(columns) == 1:
            return element(row, columns[0])
        total = ""
        for i, column in enumerate(columns):
            product = made.add("Mul", element(row, column), minor(row + 1, columns[:i] + columns[i + 1 :]))
            total = made.add("Sub" if i % 2 else "Add", total, product) if total else product
        return total

    made.reshape(minor(0, tuple(range(shape[-1]))), *batch, to=0)
    return made.nodes


def power_of_types(graph: Graph, node: Node) -> list[Node] | None:
    """``x ^ y`` in the type of x: in double precision where x is an integer; None of two alike floats."""
    base, exponent = graph.dtype(node.inputs[0]), graph.dtype(node.inputs[1])
    if base is None or exponent is None or (base == exponent and np.dtype(base).kind == "f"):
        return None
    common = "float64" if np.dtype(base).kind in "iu" else base
    made = Definition(graph, node)
    operands = [
        name if dtype == common else made.cast(name, common)
        for name, dtype in zip(node.inputs, (base, exponent), strict=True)
    ]
    if common == base:
        made.add("Pow", *operands, to=0)
    else:
        made.cast(made.add("Pow", *operands), base, to=0)
    return made.nodes


def infinity_of_one_sign(graph: Graph, node: Node) -> list[Node] | None:
    """Whether ``x`` is the infinity that the attributes ask for; None where they ask for both."""
    dtype = graph.dtype(node.inputs[0])
    wanted = [bool(node.attributes.get(f"detect_{sign}", 1)) for sign in ("negative", "positive")]
    if dtype is None or all(wanted):
        return None
    made = Definition(graph, node)
    if not any(wanted):
        made.add("And", made.add("IsNaN", node.inputs[0]), np.array(False), to=0)
    else:
        made.add("Equal", node.inputs[0], np.array(np.inf if wanted[1] else -np.inf, dtype), to=0)
    return made.nodes


def extreme_of_truths(graph: Graph, node: Node) -> list[Node] | None:
    """The greatest or least of booleans, as of numbers; None where they are none."""
    if graph.dtype(node.inputs[0]) != "bool":
        return None
    made = Definition(graph, node)
    numbers = made.cast(node.inputs[0], "int32")
    made.cast(made.add(node.op_type, numbers, *node.inputs[1:], **node.attributes), "bool", to=0)
    return made.nodes


def modulo_of_floats(graph: Graph, node: Node) -> list[Node] | None:
    """``x - floor(x / y) y`` of floats, in the sign of ``y``, also where the quotient is 0 or ``y`` infinite."""
    dtype = graph.dtype(node.inputs[0])
    if dtype is None or np.dtype(dtype).kind != "f" or node.attributes.get("fmod", 0):
        return None
    made, zero = Definition(graph, node), np.array(0, dtype)
    rest = made.add("Mod", *node.inputs, fmod=1)
    negative = made.add("Less", node.inputs[1], zero)
    differs = made.add("Xor", made.add("Less", rest, zero), negative)
    moved = made.add("Where", differs, made.add("Add", rest, node.inputs[1]), rest)
    empty = made.add("Where", negative, np.array(-0.0, dtype), zero)
    made.add("Where", made.add("Equal", rest, zero), empty, moved, to=0)
    return made.nodes
