"""What the rules of ``qdq_to_integer`` share: reading quantised operands and emitting integer operators."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Operator, Requantize
from tinyseg_tvm.operators.arithmetic.onnx import VALUE_TYPES
from tinyseg_tvm.relay_passes.expressions import (
    Expr,
    Var,
    array_of,
    dtype_of,
    is_call,
    is_constant,
    shape_of,
    with_operands,
)
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantization import Quantization, per_tensor_quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite

logger = logging.getLogger(__name__)

TO_NHWC = [0, 2, 3, 1]
TO_NCHW = [0, 3, 1, 2]


@dataclass(frozen=True)
class QuantizedConstant:
    """A dequantised constant: integers free of their zero point, and float32 scales, one or one per ``axis`` index."""

    values: np.ndarray
    scales: np.ndarray
    axis: int


def quantized_result(value: Expr) -> tuple[Expr, Quantization] | None:
    """What a per-tensor ``quantize`` to one of VALUE_TYPES quantises, and how."""
    if not is_call(value, "quantize") or dtype_of(value) not in VALUE_TYPES:
        return None
    if not isinstance(value.args[0], tvm.ir.Var):
        return None
    quantization = per_tensor_quantization(value)
    return None if quantization is None else (value.args[0], quantization)


def quantized_activation(rewrite: Rewrite, expression: Expr) -> tuple[Expr, Quantization] | None:
    """The activation of one of VALUE_TYPES whose ``dequantize`` produced ``expression``, and its quantisation."""
    source = rewrite.producing_call(expression, "dequantize")
    if source is None or is_constant(source.args[0]) or dtype_of(source.args[0]) not in VALUE_TYPES:
        return None
    quantization = per_tensor_quantization(source)
    return None if quantization is None else (source.args[0], quantization)


def computed_type(*dtypes: str) -> str:
    """The type that an operator of operands and a result of these types computes in: narrower ones are converted."""
    return "int16" if "int16" in dtypes else "int8"


def converted(rewrite: Rewrite, expression: Expr, quantization: Quantization, dtype: str, name: str) -> Expr:
    """``expression`` of another type in ``dtype``, quantised as before: exact, or saturated where it is narrower."""
    if dtype_of(expression) == dtype:
        return expression
    key = ("converted", expression, dtype)
    if key not in rewrite.memory:
        scale, zero_point = quantization.scale, quantization.zero_point
        low, high = limits_of(dtype)
        operator = Requantize(scale, zero_point, scale, zero_point, low, high, dtype)
        rewrite.memory[key] = rewrite.emit(accepted_call(operator, [expression], {}), name, quantization)
    return rewrite.memory[key]


def limits_of(dtype: str) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def quantized_constant(rewrite: Rewrite, expression: Expr) -> QuantizedConstant | None:
    """The constant whose ``dequantize`` produced ``expression``."""
    source = rewrite.producing_call(expression, "dequantize")
    if source is None or not all(is_constant(operand) for operand in source.args[:3]):
        return None
    stored, scales, zero_points = (array_of(operand) for operand in source.args[:3])
    axis = int(source.attrs.axis) % max(stored.ndim, 1)
    scales = scales.astype(np.float32).reshape(-1)
    values = stored.astype(np.int64) - _along(zero_points.astype(np.int64).reshape(-1), axis, stored.ndim)
    if scales.size > 1 and np.ptp(scales) == 0:
        scales = scales[:1]
    return QuantizedConstant(values, scales, axis)


def float_constant(rewrite: Rewrite, expression: Expr) -> np.ndarray | None:
    """The float32 value of a constant, dequantised or plain."""
    if is_constant(expression) and dtype_of(expression) == "float32":
        return array_of(expression)
    constant = quantized_constant(rewrite, expression)
    if constant is None:
        return None
    scales = (
        constant.scales if constant.scales.size == 1 else _along(constant.scales, constant.axis, constant.values.ndim)
    )
    return np.asarray(constant.values.astype(np.float32) * scales, np.float32)


def emit_operator(
    rewrite: Rewrite,
    operator: Operator,
    activations: Sequence[Expr],
    constants: Mapping[str, np.ndarray],
    *,
    name: str,
    quantization: Quantization | None,
) -> Expr | None:
    """Binds the operator's call to a variable ``name``; None (and a log entry) where the operator refuses it.

    Args:
        rewrite: the function under construction.
        operator: what to call.
        activations: Relax expressions in NHWC.
        constants: arrays by the operator's constant names.
        name: of the new variable.
        quantization: of the result; None for indices.
    """
    try:
        accepted = accepted_call(operator, activations, constants)
    except ValueError as error:
        logger.warning("%s stays in floating point: %s", name, error)
        return None
    return rewrite.emit(accepted, name, quantization)


def to_nhwc(rewrite: Rewrite, expression: Expr, name: str) -> Var:
    """``expression`` (N, C, H, W) as (N, H, W, C)."""
    known = rewrite.quantization.get(expression)
    return rewrite.emit(relax.op.permute_dims(expression, TO_NHWC), f"{name}_nhwc", known)


def to_nchw(rewrite: Rewrite, expression: Expr, name: str) -> Var:
    """``expression`` (N, H, W, C) as (N, C, H, W)."""
    known = rewrite.quantization.get(expression)
    return rewrite.emit(relax.op.permute_dims(expression, TO_NCHW), f"{name}_nchw", known)


def in_nhwc(
    rewrite: Rewrite,
    operator: Operator,
    activation: Expr,
    constants: Mapping[str, np.ndarray],
    *,
    name: str,
    quantization: Quantization | None,
    layout: str = "NCHW",
) -> Expr | None:
    """The operator on one feature map of ``layout``, with the transposes it needs; None where it is refused."""
    if layout not in ("NCHW", "NHWC") or len(shape_of(activation)) != 4:
        return None
    operand = to_nhwc(rewrite, activation, name) if layout == "NCHW" else activation
    result = emit_operator(rewrite, operator, [operand], constants, name=name, quantization=quantization)
    return result if result is None or layout == "NHWC" else to_nchw(rewrite, result, name)


def data_movement_above(rewrite: Rewrite, variable: Expr) -> list[Expr]:
    """``variable`` and what it was before transposes and reshapes, as far up as nothing else reads it, source last."""
    path = [variable]
    while rewrite.uses(path[-1]) <= 1:
        movement = rewrite.producing_call(path[-1], "permute_dims", "reshape")
        if movement is None:
            break
        path.append(movement.args[0])
    return path


def move_alike(rewrite: Rewrite, path: Sequence[Expr], source: Expr) -> Expr:
    """``source`` moved as the last of ``path`` was, up to the first of it."""
    for moved in reversed(path[:-1]):
        movement = rewrite.producing_call(moved, "permute_dims", "reshape")
        assert movement is not None
        source = rewrite.emit(
            with_operands(movement, [source, *list(movement.args)[1:]]),
            rewrite.name(moved),
            rewrite.quantization.get(source),
        )
    return source


def node_name(rewrite: Rewrite, call_variable: Expr, result_variable: Expr) -> str:
    """Name of the ONNX node that a compute call belongs to.

    The importer binds a node's result under the node's name and calls on the way there ``<name>_<operator>``: a Conv
    with bias is ``Conv_3_conv2d``, then ``Conv_3``. A MatMul followed by an Add node keeps the MatMul's name.
    """
    own, result = rewrite.name(call_variable), rewrite.name(result_variable)
    return result if own.startswith(f"{result}_") else own


def _along(vector: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """A vector (or single value) shaped to broadcast along ``axis``."""
    if vector.size == 1:
        return vector.reshape(())
    shape = [1] * rank
    shape[axis] = vector.size
    return vector.reshape(shape)
