"""Computes in NumPy what depends on constants alone; quantised weights keep their ``dequantize``.

Unlike TVM's FoldConstant this needs no compiler and does not turn int8 weights into float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators.arithmetic.onnx_functions import quantize
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.elementwise_evaluation import evaluate, is_elementwise, tensor_operands
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    array_of,
    dtype_of,
    has_static_shape,
    is_call,
    is_constant,
    shape_of,
)
from tinyseg_tvm.relay_passes.quantization import per_tensor_quantization
from tinyseg_tvm.relay_passes.quantized_operands import float_constant
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def fold_movement(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Data movement of a constant."""
    name = value.op.name.removeprefix("relax.") if isinstance(value, relax.Call) and hasattr(value.op, "name") else ""
    if name not in _MOVEMENT or not has_static_shape(value):
        return None
    if name == "concat":
        operands = value.args[0].fields if isinstance(value.args[0], relax.Tuple) else []
        if not operands or not all(is_constant(operand) for operand in operands):
            return None
    elif not is_constant(value.args[0]) or (name == "take" and not _is_inside(value)):
        return None
    return relax.const(np.asarray(_MOVEMENT[name](value), order="C"), dtype_of(value))


def fold_elementwise(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Elementwise operators on constants."""
    if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.Op) or not is_elementwise(value):
        return None
    operands = tensor_operands(value)
    if not all(is_constant(operand) for operand in operands):
        return None
    result = evaluate(value, [array_of(operand) for operand in operands])
    return relax.const(np.asarray(result.astype(dtype_of(value)), order="C"), dtype_of(value))


def fold_shape(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """The shape of a tensor of static shape, as a tensor."""
    if is_call(value, "shape_of") and has_static_shape(value.args[0]):
        return relax.ShapeExpr(list(shape_of(value.args[0])))
    if is_call(value, "shape_to_tensor"):
        shape = value.args[0] if isinstance(value.args[0], relax.ShapeExpr) else _rewrite.producer(value.args[0])
        if isinstance(shape, relax.ShapeExpr):
            return relax.const(np.array([int(dimension) for dimension in shape.values], np.int64), "int64")
    return None


def fold_quantize(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """A float constant, or a dequantised one, quantised per tensor."""
    if not is_call(value, "quantize"):
        return None
    quantization, constant = per_tensor_quantization(value), float_constant(rewrite, value.args[0])
    if quantization is None or constant is None or dtype_of(value) not in QUANTIZED_TYPES:
        return None
    result = quantize(constant, quantization.scale, quantization.zero_point, dtype_of(value))
    return relax.const(result, dtype_of(value))


def _is_inside(take: Call) -> bool:
    """Whether the indices are constants within the axis, or count from its end."""
    if not is_constant(take.args[1]):
        return False
    array, indices = array_of(take.args[0]), array_of(take.args[1])
    extent = array.size if take.attrs.axis is None else array.shape[int(take.attrs.axis)]
    return indices.size > 0 and -extent <= int(indices.min()) and int(indices.max()) < extent


def _take(value: Call) -> np.ndarray:
    axis = None if value.attrs.axis is None else int(value.attrs.axis)
    return np.asarray(np.take(array_of(value.args[0]), array_of(value.args[1]), axis))


def _permute(value: Call) -> np.ndarray:
    axes = value.attrs.axes
    return np.transpose(array_of(value.args[0]), None if axes is None else [int(axis) for axis in axes])


def _slice(value: Call) -> np.ndarray:
    array = array_of(value.args[0])
    selection = [slice(None)] * array.ndim
    axes, begin, end = ([int(entry) for entry in value.args[i].fields] for i in (1, 2, 3))
    strides = [int(entry) for entry in value.args[4].fields] if len(value.args) > 4 else [1] * len(axes)
    for axis, first, last, stride in zip(axes, begin, end, strides, strict=True):
        stop = None if stride < 0 and last < -array.shape[axis] else last
        selection[axis] = slice(first, stop, stride)
    return array[tuple(selection)]


def _concatenate(value: Call) -> np.ndarray:
    axis = 0 if value.attrs.axis is None else int(value.attrs.axis)
    return np.concatenate([array_of(field) for field in value.args[0].fields], axis=axis)


_MOVEMENT: dict[str, Callable[[Call], np.ndarray]] = {
    "reshape": lambda value: array_of(value.args[0]).reshape(shape_of(value)),
    "permute_dims": _permute,
    "strided_slice": _slice,
    "take": _take,
    "concat": _concatenate,
    "broadcast_to": lambda value: np.broadcast_to(array_of(value.args[0]), shape_of(value)),
}


fold_constants = main_pass("fold_constants", fold_movement, fold_elementwise, fold_shape, fold_quantize)
