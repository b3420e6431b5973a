"""One step of an optimiser (ONNX operators Adagrad, Adam, Momentum of ai.onnx.preview.training).

Operands are the learning rate R, the number of updates T, and then, for all n tensors together, the tensors X, their
gradients G, and the optimiser's state; results are the new tensors, then the new state.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition
from tinyseg_tvm.frontend.graph import Graph, Node


def adagrad(graph: Graph, node: Node) -> list[Node] | None:
    """``H' = H + g^2``, ``X' = X - R / (1 + decay T) g / (sqrt(H') + eps)`` with ``g = norm X + G``."""
    made, attributes = Definition(graph, node), node.attributes
    rate, updates, groups = _operands(node, 3)
    decay = made.cast(updates, "float32")
    decay = made.add("Mul", decay, _number(attributes.get("decay_factor", 0.0)))
    rate = made.add("Div", rate, made.add("Add", decay, _number(1)))
    for i, (value, gradient, squares) in enumerate(groups):
        regular = _regular(made, value, gradient, attributes.get("norm_coefficient", 0.0))
        new = made.add("Add", squares, made.add("Mul", regular, regular), to=len(groups) + i)
        root = made.add("Add", made.add("Sqrt", new), _number(attributes.get("epsilon", 0.0)))
        made.add("Sub", value, made.add("Div", made.add("Mul", rate, regular), root), to=i)
    return made.nodes


def adam(graph: Graph, node: Node) -> list[Node] | None:
    """``V' = a V + (1 - a) g``, ``H' = b H + (1 - b) g^2``, ``X' = (1 - post) (X - R' V' / (sqrt(H') + eps))``, where
    ``R' = R sqrt(1 - b^T) / (1 - a^T)`` for T > 0, else R.
    """
    made, attributes = Definition(graph, node), node.attributes
    rate, updates, groups = _operands(node, 4)
    alpha, beta = attributes.get("alpha", 0.9), attributes.get("beta", 0.999)
    count = made.cast(updates, "float32")
    rest_alpha, rest_beta = (
        made.add("Sub", _number(1), made.add("Pow", _number(factor), count)) for factor in (alpha, beta)
    )
    some = made.add("Greater", count, _number(0))
    safe = made.add("Where", some, rest_alpha, _number(1))
    factor = made.add("Div", made.add("Sqrt", rest_beta), safe)
    rate = made.add("Mul", rate, made.add("Where", some, factor, _number(1)))
    for i, (value, gradient, mean, squares) in enumerate(groups):
        regular = _regular(made, value, gradient, attributes.get("norm_coefficient", 0.0))
        square = made.add("Mul", regular, regular)
        new_mean = _mixed(made, mean, regular, alpha, len(groups) + i)
        new_squares = _mixed(made, squares, square, beta, 2 * len(groups) + i)
        root = made.add("Add", made.add("Sqrt", new_squares), _number(attributes.get("epsilon", 1e-6)))
        moved = made.add("Sub", value, made.add("Div", made.add("Mul", rate, new_mean), root))
        made.add("Mul", moved, _number(1 - attributes.get("norm_coefficient_post", 0.0)), to=i)
    return made.nodes


def momentum(graph: Graph, node: Node) -> list[Node] | None:
    """``V' = a V + (T > 0 ? b : 1) g``; ``X' = X - R V'``, or with Nesterov's rule ``X - R (g + a V')``."""
    made, attributes = Definition(graph, node), node.attributes
    rate, updates, groups = _operands(node, 3)
    alpha = _number(attributes.get("alpha", 0.9))
    some = made.add("Greater", made.cast(updates, "float32"), _number(0))
    beta = made.add("Where", some, _number(attributes.get("beta", 1.0)), _number(1))
    for i, (value, gradient, velocity) in enumerate(groups):
        regular = _regular(made, value, gradient, attributes.get("norm_coefficient", 0.0))
        kept, gained = made.add("Mul", velocity, alpha), made.add("Mul", regular, beta)
        step = made.add("Add", kept, gained, to=len(groups) + i)
        if attributes.get("mode", "standard") == "nesterov":
            step = made.add("Add", regular, made.add("Mul", step, alpha))
        made.add("Sub", value, made.add("Mul", rate, step), to=i)
    return made.nodes


def _operands(node: Node, kinds: int) -> tuple[str, str, list[tuple[str, ...]]]:
    """R, T, and for each of the n tensors the ``kinds`` operands that belong to it."""
    rate, updates, *rest = node.inputs
    count = len(rest) // kinds
    return rate, updates, [tuple(rest[i::count]) for i in range(count)]


def _regular(made: Definition, value: str, gradient: str, norm: float) -> str:
    return made.add("Add", made.add("Mul", value, _number(norm)), gradient) if norm else gradient


def _mixed(made: Definition, old: str, new: str, share: float, to: int) -> str:
    kept, gained = made.add("Mul", old, _number(share)), made.add("Mul", new, _number(1 - share))
    return made.add("Add", kept, gained, to=to)


def _number(value: float) -> np.ndarray:
    return np.array(value, np.float32)
