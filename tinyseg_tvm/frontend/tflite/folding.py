"""Computes what depends on constants and shapes alone: files with an open batch have chains of SHAPE and PACK.

Functions take the operands' arrays and the options, and give the results; None where a form is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor

Arrays: TypeAlias = Sequence[np.ndarray]
Fold: TypeAlias = Callable[[OperatorCall, Arrays], "list[np.ndarray] | None"]

MAX_FOLDED_ELEMENTS = 1 << 24
"""Of a result that is computed at import."""


def folded(graph: Subgraph, call: OperatorCall, known: Mapping[int, np.ndarray]) -> list[np.ndarray] | None:
    """The results of a node whose operands are constants (``known``, by tensor), or whose result is a shape."""
    results = [graph.tensors[index] for index in call.outputs]
    if call.kind == "SHAPE":
        return [np.array(graph.tensors[call.inputs[0]].shape, results[0].dtype)]
    function = _FOLDS.get(call.kind)
    operands = [index for index in call.inputs if index >= 0]
    if function is None or not operands or any(index not in known for index in operands):
        return None
    if sum(_elements(tensor) for tensor in results) > MAX_FOLDED_ELEMENTS:
        return None
    try:
        made = function(call, [known[index] for index in operands])
    except (ValueError, IndexError, TypeError):
        return None
    if made is None or [array.shape for array in made] != [tensor.shape for tensor in results]:
        return None
    return made


def _elements(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64))


def _reshape(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [operands[0].reshape(tuple(int(extent) for extent in operands[1]))]


def _pack(call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.stack(operands, axis=_integer(call, "axis"))]


def _concatenate(call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.concatenate(operands, axis=_integer(call, "axis"))]


def _strided_slice(call: OperatorCall, operands: Arrays) -> list[np.ndarray] | None:
    if _integer(call, "ellipsis_mask") or _integer(call, "new_axis_mask") or _integer(call, "offset"):
        return None
    data, begins, ends, strides = operands
    selection: list[slice | int] = []
    for axis, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        bit = 1 << axis
        if _integer(call, "shrink_axis_mask") & bit:
            selection.append(int(begin))
            continue
        first = None if _integer(call, "begin_mask") & bit else int(begin)
        last = None if _integer(call, "end_mask") & bit else int(end)
        selection.append(slice(first, last, int(stride)))
    return [np.asarray(data[tuple(selection)])]


def _transpose(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [operands[0].transpose([int(axis) for axis in operands[1]])]


def _gather(call: OperatorCall, operands: Arrays) -> list[np.ndarray] | None:
    if _integer(call, "batch_dims"):
        return None
    return [np.take(operands[0], operands[1], axis=_integer(call, "axis"))]


def _squeeze(call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    axes = call.options["squeeze_dims"]
    return [np.squeeze(operands[0], axis=axes if axes else None)]  # type: ignore[arg-type]


def _expand_dims(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.expand_dims(operands[0], int(operands[1].reshape(-1)[0]))]


def _range(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    start, limit, delta = (operand.reshape(-1)[0] for operand in operands)
    return [np.arange(start, limit, delta, dtype=operands[0].dtype)]


def _same(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [operands[0]]


def _integers(function: Callable[..., np.ndarray]) -> Fold:
    """Of operands of an integer type, by NumPy."""

    def fold(_call: OperatorCall, operands: Arrays) -> list[np.ndarray] | None:
        if any(operand.dtype not in (np.int32, np.int64) for operand in operands):
            return None
        return [np.asarray(function(*operands), operands[0].dtype)]

    return fold


def _floor_mod(dividend: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    if not divisor.all():
        raise ValueError("a divisor is 0")
    return np.asarray(np.mod(dividend, divisor))


def _reduced(function: Callable[..., np.ndarray]) -> Fold:
    def fold(call: OperatorCall, operands: Arrays) -> list[np.ndarray] | None:
        if operands[0].dtype not in (np.int32, np.int64):
            return None
        axes = tuple(int(axis) for axis in operands[1].reshape(-1))
        return [
            np.asarray(function(operands[0], axis=axes, keepdims=bool(call.options["keep_dims"])), operands[0].dtype)
        ]

    return fold


def _integer(call: OperatorCall, name: str) -> int:
    value = call.options[name]
    assert isinstance(value, int | float)
    return int(value)


_FOLDS: dict[str, Fold] = {
    "RESHAPE": _reshape,
    "PACK": _pack,
    "CONCATENATION": _concatenate,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
    "GATHER": _gather,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expand_dims,
    "RANGE": _range,
    "DENSIFY": _same,  # sparse constants were made dense by the reader
    "ADD": _integers(np.add),
    "SUB": _integers(np.subtract),
    "MUL": _integers(np.multiply),
    "FLOOR_MOD": _integers(_floor_mod),
    "MAXIMUM": _integers(np.maximum),
    "MINIMUM": _integers(np.minimum),
    "REDUCE_PROD": _reduced(np.prod),
    "SUM": _reduced(np.sum),
}

FOLDED = frozenset({"SHAPE", *_FOLDS})
"""Operators that are computed at import where they can be."""
