"""Refuses constants that make no sense as what they are: weights that are no numbers, operands that are NaN.

An infinity may be meant, where a mask is added or a bound is open; in a weight it is a fault, as NaN is anywhere.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, node_error

_WEIGHTS = {
    **dict.fromkeys(
        ("Conv", "ConvTranspose", "InstanceNormalization", "LayerNormalization", "GroupNormalization"), (1, 2)
    ),
    "DeformConv": (1, 3),
    "Gemm": (0, 1, 2),
    "GRU": (1, 2, 3, 5),
    "LSTM": (1, 2, 3, 5, 6, 7),
    "MatMul": (0, 1),
    "PRelu": (1,),
    "RNN": (1, 2, 3, 5),
}
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Clip", "Sum", "Mean")


def check_finite_constants(graph: Graph) -> None:
    """Raise TinySegError for the first node with a constant operand that is no number where one is meant."""
    for node in graph.nodes:
        if node.domain:
            continue
        weights = _WEIGHTS.get(node.op_type, ())
        for index, name in enumerate(node.inputs):
            value = graph.constants.get(name)
            if value is None or value.dtype.kind != "f":
                continue
            if index in weights:
                _check(node, name, value, np.isfinite(value))
            elif node.op_type in _ARITHMETIC:
                _check(node, name, value, ~np.isnan(value))


def _check(node: Node, name: str, value: np.ndarray, sensible: np.ndarray) -> None:
    if sensible.all():
        return
    place = tuple(int(axis[0]) for axis in np.nonzero(~np.atleast_1d(sensible)))
    raise node_error(
        node,
        f"its constant {name!r} is {float(np.atleast_1d(value)[place])} at {list(place)}, one of "
        f"{int((~sensible).sum())} values of {value.size} that are no finite number",
        "train or export the model again",
    )
