"""Fourier transforms as products with constant matrices (ONNX operators DFT, STFT)."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.frontend.definitions.definition import Definition
from tinyseg_tvm.frontend.graph import Graph, Node, node_error

_REMEDY = "export it with constant lengths and a constant axis"


def dft(graph: Graph, node: Node) -> list[Node] | None:
    """``y_k = sum_n x_n exp(-2 pi i k n / N)``, or the inverse, over one axis of (..., 1 or 2: real, imaginary).

    With ``onesided`` half of the spectrum is made of real values, or, inverse, real values of half of the spectrum.
    """
    value = graph.types.get(node.inputs[0])
    if value is None:
        return None
    rank, parts = len(value.shape), value.shape[-1]
    length = _constant(graph, node, 1, None)
    axis = (_constant(graph, node, 2, -2) or 0) % rank
    inverse, onesided = bool(node.attributes.get("inverse", 0)), bool(node.attributes.get("onesided", 0))
    given = value.shape[axis]
    points = length or (2 * (given - 1) if inverse and onesided else given)
    if axis == rank - 1 or parts not in (1, 2) or points < 1:
        raise node_error(node, f"axis {axis} of shape {list(value.shape)} cannot be transformed", "correct the model")
    used = min(given, points // 2 + 1 if inverse and onesided else points)
    matrix = _inverse_half(points, used) if inverse and onesided else _matrix(points, used, inverse)
    if onesided and not inverse:
        matrix = matrix[:, :, : points // 2 + 1]
    made = Definition(graph, node)
    data = made.slice(node.inputs[0], axis, 0, used) if used < given else node.inputs[0]
    last = [*(i for i in range(rank - 1) if i != axis), axis, rank - 1]
    data = made.add("Transpose", data, perm=last)
    others = [value.shape[i] for i in last[:-2]]
    product = made.add("MatMul", made.reshape(data, *others, used * parts), _flat(matrix, parts, value.dtype))
    result = made.reshape(product, *others, matrix.shape[2], matrix.shape[3])
    made.add("Transpose", result, perm=[last.index(i) for i in range(rank)], to=0)
    return made.nodes


def stft(graph: Graph, node: Node) -> list[Node] | None:
    """The DFT of windows of a signal (batch, length, 1 or 2), one every ``frame_step`` values."""
    value = graph.types.get(node.inputs[0])
    if value is None:
        return None
    step, length = _constant(graph, node, 1, None), _constant(graph, node, 3, None)
    if node.input(2) and length is None:
        window = graph.shape(node.input(2))
        length = None if window is None else window[0]
    if not step or not length:
        raise node_error(node, "frame_step or frame_length is missing", _REMEDY)
    batch, samples, parts = value.shape
    frames = (samples - length) // step + 1
    matrix = _matrix(length, length, inverse=False)
    if node.attributes.get("onesided", 1):
        matrix = matrix[:, :, : length // 2 + 1]
    made = Definition(graph, node)
    places = np.arange(frames)[:, None] * step + np.arange(length)
    data = made.add("Gather", node.inputs[0], places.astype(np.int64), axis=1)
    if node.input(2):
        data = made.add("Mul", data, made.reshape(node.input(2), length, 1))
    flat = made.reshape(data, batch, frames, length * parts)
    product = made.add("MatMul", flat, _flat(matrix, parts, value.dtype))
    made.reshape(product, batch, frames, matrix.shape[2], 2, to=0)
    return made.nodes


def _constant(graph: Graph, node: Node, index: int, default: int | None) -> int | None:
    if not node.input(index):
        return default
    value = graph.constant(node.input(index))
    if value is None or value.size != 1:
        raise node_error(node, f"input {index} is no constant number", _REMEDY)
    return int(value.item())


def _matrix(points: int, used: int, inverse: bool) -> np.ndarray:
    """[n][part of x][k][part of y] of the transform of ``used`` values, those up to ``points`` being zero."""
    angle = 2 * np.pi * np.outer(np.arange(used), np.arange(points)) / points * (1 if inverse else -1)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], 1)
    return matrix / points if inverse else matrix


def _inverse_half(points: int, used: int) -> np.ndarray:
    """The real part of the inverse of a spectrum whose other half is the conjugate of this one."""
    matrix = _matrix(points, used, inverse=True)[..., :1]
    doubled = [n for n in range(used) if 0 < n < points - n]
    matrix[doubled] *= 2
    return matrix


def _flat(matrix: np.ndarray, parts: int, dtype: str) -> np.ndarray:
    used = matrix[:, :parts]
    return np.ascontiguousarray(used.reshape(used.shape[0] * parts, -1).astype(dtype))
