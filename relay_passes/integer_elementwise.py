"""Rules for add, subtract and multiply of two quantised tensors."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Elementwise, ElementwiseConstant
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.expressions import Call, Expr, shape_of
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import (
    INT8_MAX,
    INT8_MIN,
    TO_NHWC,
    QuantizedConstant,
    emit_operator,
    node_name,
    quantized_activation,
    quantized_constant,
    quantized_result,
    to_nchw,
    to_nhwc,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_FUNCTIONS = {"relax.add": "add", "relax.subtract": "sub", "relax.multiply": "mul"}


def rewrite_elementwise(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Two activations of equal shapes, or one broadcast: a single element, or one per channel of a feature map."""
    found = _match(rewrite, value)
    if found is None:
        return None
    call, name, output = found
    lhs, rhs = (quantized_activation(rewrite, operand) for operand in call.args)
    if lhs is None or rhs is None:
        return None
    operator = Elementwise(_FUNCTIONS[call.op.name], _binary(lhs[1], rhs[1], output))
    shape, operands = shape_of(call), [lhs[0], rhs[0]]
    shapes = [shape_of(operand) for operand in operands]
    if shape not in shapes:
        return None
    if shapes[0] == shapes[1] or any(np.prod(s, dtype=np.int64) == 1 for s in shapes):
        return emit_operator(rewrite, operator, operands, {}, name=name, quantization=output)
    if len(shape) != 4 or any(len(s) != 4 for s in shapes):
        return None
    if all(s in (shape, (1, 1, 1, shape[3])) for s in shapes):  # the last axis already is the one that is kept
        return emit_operator(rewrite, operator, operands, {}, name=name, quantization=output)
    wrapped = [to_nhwc(rewrite, operand, name) for operand in operands]
    result = emit_operator(rewrite, operator, wrapped, {}, name=name, quantization=output)
    return None if result is None else to_nchw(rewrite, result, name)


def rewrite_elementwise_constant(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """An activation and a quantised constant of the activation's shape, or with one value per channel."""
    found = _match(rewrite, value)
    if found is None:
        return None
    call, name, output = found
    for index in (0, 1):
        activation = quantized_activation(rewrite, call.args[index])
        constant = quantized_constant(rewrite, call.args[1 - index])
        if activation is not None and constant is not None:
            break
    else:
        return None
    stored = _int8(constant)
    if stored is None or shape_of(activation[0]) != shape_of(call):
        return None
    codes, quantization = stored
    first, second = (activation[1], quantization) if index == 0 else (quantization, activation[1])
    operator = ElementwiseConstant(_FUNCTIONS[call.op.name], index == 1, _binary(first, second, output))
    shape = shape_of(call)
    padded: tuple[int, ...] = (1,) * (len(shape) - codes.ndim) + codes.shape
    if codes.size == shape[-1] == padded[-1]:
        other = codes.reshape(-1)
        return emit_operator(rewrite, operator, [activation[0]], {"other": other}, name=name, quantization=output)
    if padded == shape and len(shape) != 4:
        return emit_operator(
            rewrite, operator, [activation[0]], {"other": codes.reshape(shape)}, name=name, quantization=output
        )
    if len(shape) != 4:
        return None
    if codes.size == shape[1] == padded[1]:
        other = codes.reshape(-1)
    else:
        other = np.broadcast_to(codes.reshape(padded), shape).transpose(TO_NHWC)
    operand = to_nhwc(rewrite, activation[0], name)
    result = emit_operator(rewrite, operator, [operand], {"other": other}, name=name, quantization=output)
    return None if result is None else to_nchw(rewrite, result, name)


def _match(rewrite: Rewrite, value: Expr) -> tuple[Call, str, Quantization] | None:
    """The binary call under a ``quantize``, its name, and the result's quantisation."""
    result = quantized_result(value)
    if result is None:
        return None
    call = rewrite.producing_call(result[0], "add", "subtract", "multiply")
    return None if call is None else (call, node_name(rewrite, result[0], result[0]), result[1])


def _binary(lhs: Quantization, rhs: Quantization, output: Quantization) -> onnx.Binary:
    return onnx.Binary(
        lhs_scale=lhs.scale,
        lhs_zero_point=lhs.zero_point,
        rhs_scale=rhs.scale,
        rhs_zero_point=rhs.zero_point,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
        output_min=INT8_MIN,
        output_max=INT8_MAX,
    )


def _int8(constant: QuantizedConstant) -> tuple[np.ndarray, Quantization] | None:
    """Codes and quantisation of a constant of one scale whose values span no more than int8 does."""
    low, high = int(constant.values.min(initial=0)), int(constant.values.max(initial=0))
    if constant.scales.size != 1 or high - low > INT8_MAX - INT8_MIN:
        return None
    zero_point = 0 if low >= INT8_MIN and high <= INT8_MAX else INT8_MIN - low
    return (constant.values + zero_point).astype(np.int8), Quantization(float(constant.scales[0]), zero_point)
