"""Where a program's values must equal the reference's, and how far they may lie from it elsewhere.

Everything is exact but the long tail's floating point programs (``Opaque``), which sum in other orders and call other
mathematical libraries than the reference does, and what is computed from their results.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators.opaque import Opaque

TOLERANCE = 1e-4  # of the largest finite magnitude in the reference's tensor
STEPS = 1  # of an integer tensor: a float next to the border between two integers is rounded to either


def is_approximate(node: Node) -> bool:
    """Whether the node's results may differ from the reference's although its operands are equal."""
    return isinstance(node.operator, Opaque) and node.operator.is_floating


def approximate_tensors(network: Network) -> frozenset[str]:
    """Names of the tensors that depend on an approximate node."""
    found: set[str] = set()
    for node in network.nodes:
        if is_approximate(node) or found.intersection(node.inputs):
            found.update(node.outputs)
    return frozenset(found)


def unequal(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Per value, whether the bit patterns differ: a NaN equals itself, 0.0 differs from -0.0."""
    patterns = [np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8) for array in (expected, got)]
    return np.asarray((patterns[0] != patterns[1]).any(axis=1).reshape(expected.shape))


def outside_tolerance(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Per value, whether it lies further from the reference's than an approximate tensor may."""
    if expected.dtype.kind not in "fiu":
        return unequal(expected, got)
    wide, other = expected.astype(np.float64), got.astype(np.float64)
    finite = np.abs(wide[np.isfinite(wide)])
    allowed = TOLERANCE * finite.max(initial=0.0) if expected.dtype.kind == "f" else STEPS
    with np.errstate(invalid="ignore"):
        near = (np.abs(wide - other) <= allowed) | (wide == other)
    return np.asarray(~(near | (np.isnan(wide) & np.isnan(other))))
