"""Rules for float32 convolutions and fully connected layers, and for the arithmetic that goes into their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyseg_tvm.operators import FloatConv2d, FloatConv2dTranspose, FloatDense
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.float_operands import emit_operator, in_nhwc, is_float, is_float_call, per_channel, undone
from tinyseg_tvm.relay_passes.operators_registration import activations_of, constants_of, operator_of
from tinyseg_tvm.relay_passes.quantized_operands import data_movement_above, move_alike, node_name
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_SUMS = ("tinyseg.float_conv2d", "tinyseg.float_conv2d_transpose", "tinyseg.float_dense")


def lower_conv2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Conv, any grouping, with constant weights; the bias is folded by ``fold_into_weights``."""
    if not is_float_call(value, "nn.conv2d") or not is_constant(value.args[1]):
        return None
    attributes = value.attrs
    layout, kernel_layout = str(attributes.data_layout), str(attributes.kernel_layout)
    if attributes.out_layout not in ("", None, attributes.data_layout) or sorted(kernel_layout) != sorted("OIHW"):
        return None
    weight = array_of(value.args[1]).transpose([kernel_layout.index(axis) for axis in "OHWI"])
    top, left, bottom, right = (int(amount) for amount in attributes.padding)
    operator = FloatConv2d(
        strides=(int(attributes.strides[0]), int(attributes.strides[1])),
        padding=(top, left, bottom, right),
        dilation=(int(attributes.dilation[0]), int(attributes.dilation[1])),
        groups=int(attributes.groups),
        output_min=-FLOAT32_MAX,
        output_max=FLOAT32_MAX,
    )
    constants = {"weight": weight, "bias": np.zeros(weight.shape[0], np.float32)}
    return in_nhwc(rewrite, operator, [value.args[0]], constants, name=name, layout=layout)


def lower_conv2d_transpose(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """ConvTranspose with constant weights."""
    if not is_float_call(value, "nn.conv2d_transpose") or not is_constant(value.args[1]):
        return None
    attributes = value.attrs
    if str(attributes.kernel_layout) != "IOHW":
        return None
    groups, weight = int(attributes.groups), array_of(value.args[1])
    inputs, per_group, height, width = weight.shape
    # (I, O / groups, KH, KW) to (O, KH, KW, I / groups)
    grouped = weight.reshape(groups, inputs // groups, per_group, height, width).transpose(0, 2, 3, 4, 1)
    top, left, bottom, right = (int(amount) for amount in attributes.padding)
    operator = FloatConv2dTranspose(
        strides=(int(attributes.strides[0]), int(attributes.strides[1])),
        padding=(top, left, bottom, right),
        output_padding=(int(attributes.output_padding[0]), int(attributes.output_padding[1])),
        dilation=(int(attributes.dilation[0]), int(attributes.dilation[1])),
        groups=groups,
        output_min=-FLOAT32_MAX,
        output_max=FLOAT32_MAX,
    )
    constants = {
        "weight": grouped.reshape(groups * per_group, height, width, inputs // groups),
        "bias": np.zeros(groups * per_group, np.float32),
    }
    layout = str(attributes.data_layout)
    return in_nhwc(rewrite, operator, [value.args[0]], constants, name=name, layout=layout)


def lower_dense(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """MatMul and Gemm with a constant right operand (I, O)."""
    if not is_float_call(value, "matmul") or not is_constant(value.args[1]):
        return None
    weight = array_of(value.args[1])
    if weight.ndim != 2 or len(shape_of(value.args[0])) < 2:
        return None
    operator = FloatDense(flatten=False, output_min=-FLOAT32_MAX, output_max=FLOAT32_MAX)
    constants = {"weight": weight.T, "bias": np.zeros(weight.shape[1], np.float32)}
    return emit_operator(rewrite, operator, [value.args[0]], constants, name=name)


def fold_into_weights(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Addition of, subtraction of or multiplication by a constant per output channel after a sum that only it reads."""
    if not is_call(value, "add", "subtract", "multiply") or not is_float(value):
        return None
    for variable, constant in (value.args, reversed(value.args)):
        if is_constant(constant) and not is_constant(variable):
            break
    else:
        return None
    if shape_of(variable) != shape_of(value) or (is_call(value, "subtract") and not variable.same_as(value.args[0])):
        return None
    path = data_movement_above(rewrite, variable)
    source = rewrite.producer(path[-1])
    if not is_call(source, *_SUMS) or any(rewrite.uses(moved) > 1 for moved in path):
        return None
    operator: Any = operator_of(source)
    factor = per_channel(undone(rewrite, path, array_of(constant)))
    if factor is None or (operator.output_min, operator.output_max) != (-FLOAT32_MAX, FLOAT32_MAX):
        return None
    constants = constants_of(source)
    weight, bias = constants["weight"], constants["bias"]
    if is_call(value, "multiply"):
        weight = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        bias = bias * factor
    else:
        bias = bias - factor if is_call(value, "subtract") else bias + factor
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return None
    own = node_name(rewrite, path[-1], variable)
    own = name if own.startswith(f"{name}_") else own
    constants = {"weight": np.asarray(weight, np.float32), "bias": np.asarray(bias, np.float32)}
    folded = emit_operator(rewrite, operator, activations_of(source), constants, name=own)
    return None if folded is None else move_alike(rewrite, path, folded)
