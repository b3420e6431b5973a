"""Computes what depends on constants and shapes alone: files with an open batch have chains of SHAPE and PACK.

Functions take the operands' arrays and the options, and give the results; None where a form is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor

Arrays: TypeAlias = Sequence[np.ndarray]
Fold: TypeAlias = Callable[[OperatorCall, Arrays], "list[np.ndarray] | None"]

MAX_FOLDED_ELEMENTS = 1 << 24
"""Of a result that is computed at import."""


def folded(graph: Subgraph, call: OperatorCall, known: Mapping[int, np.ndarray]) -> list[np.ndarray] | None:
    """The results of a node whose operands are constants (``known``, by tensor), or whose result is a shape."""
    results = [graph.tensors[index] for index in call.outputs]
    if call.kind in _OF_SHAPES:
        return [_OF_SHAPES[call.kind](graph.tensors[call.inputs[0]], results[0])]
    function = _cast_to(results[0].dtype) if call.kind == "CAST" else _FOLDS.get(call.kind)
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


def _cast_to(dtype: str) -> Fold:
    """Of integers, to integers or float32."""

    def fold(_call: OperatorCall, operands: Arrays) -> list[np.ndarray] | None:
        known = operands[0].dtype in (np.int32, np.int64) and dtype in ("int32", "int64", "float32")
        return [operands[0].astype(dtype)] if known else None

    return fold


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


def _floor_div(dividend: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    if not divisor.all():
        raise ValueError("a divisor is 0")
    return np.asarray(dividend // divisor)


def _fill(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.full([int(extent) for extent in operands[0]], operands[1].reshape(-1)[0])]


def _broadcast_to(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.array(np.broadcast_to(operands[0], [int(extent) for extent in operands[1]]))]


def _broadcast_args(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.array(np.broadcast_shapes(*(tuple(map(int, shape)) for shape in operands)), operands[0].dtype)]


def _tile(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return [np.tile(operands[0], [int(count) for count in operands[1]])]


def _split(call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    return list(np.split(operands[1], _integer(call, "num_splits"), axis=int(operands[0].reshape(-1)[0])))


def _slice(_call: OperatorCall, operands: Arrays) -> list[np.ndarray]:
    data, begins, sizes = operands
    bounds = zip(begins, sizes, data.shape, strict=True)
    return [data[tuple(slice(int(b), n if s < 0 else int(b + s)) for b, s, n in bounds)]]


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
    "REDUCE_MAX": _reduced(np.max),
    "REDUCE_MIN": _reduced(np.min),
    "FLOOR_DIV": _integers(_floor_div),
    "FILL": _fill,
    "BROADCAST_TO": _broadcast_to,
    "BROADCAST_ARGS": _broadcast_args,
    "TILE": _tile,
    "SPLIT": _split,
    "SLICE": _slice,
    "SUM": _reduced(np.sum),
}


def _zeros(_operand: Tensor, result: Tensor) -> np.ndarray:
    if _elements(result) > MAX_FOLDED_ELEMENTS:
        raise TinySegError(f"a constant {result.name!r} of {_elements(result)} elements is too large")
    return np.zeros(result.shape, result.dtype)


def _described(values: Sequence[int], result: Tensor) -> np.ndarray:
    """What a shape says, in the shape that the file gives the result."""
    if _elements(result) != len(values):
        raise TinySegError(
            f"{result.name!r} has the shape {list(result.shape)} in place of one for {len(values)} values. Remedy: the "
            "file may be damaged; convert the model anew"
        )
    return np.array(values, result.dtype).reshape(result.shape)


_OF_SHAPES: dict[str, Callable[[Tensor, Tensor], np.ndarray]] = {
    "SHAPE": lambda operand, result: _described(operand.shape, result),
    "RANK": lambda operand, result: _described([len(operand.shape)], result),
    "ZEROS_LIKE": _zeros,
}
"""What depends on types alone."""

FOLDED = frozenset({*_OF_SHAPES, *_FOLDS, "CAST"})
"""Operators that are computed at import where they can be."""
