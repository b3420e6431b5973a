"""Batch normalisation of a convolution's result goes into float weights; any other becomes a multiply and an add.

``gamma * (conv(x, w) + b - mean) / sqrt(variance + epsilon) + beta`` is ``conv(x, w * f) + (b - mean) * f + beta`` with
``f = gamma / sqrt(variance + epsilon)`` per output channel, computed in float64. Quantised weights are left alone:
they could not take a factor exactly.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.relay_passes.expressions import Call, Expr, array_of, is_constant, shape_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def fold(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Item 0 of a ``nn.batch_norm`` whose parameters are constants."""
    if not isinstance(value, relax.TupleGetItem) or value.index != 0:
        return None
    norm = rewrite.producing_call(value.tuple_value, "nn.batch_norm")
    if norm is None or not all(is_constant(operand) for operand in norm.args[1:5]):
        return None
    gamma, beta, mean, variance = (array_of(operand).astype(np.float64) for operand in norm.args[1:5])
    factor = 1 / np.sqrt(variance + float(norm.attrs.epsilon))
    if norm.attrs.scale:
        factor = factor * gamma
    offset = -mean * factor + (beta if norm.attrs.center else 0)
    folded = _into_convolution(rewrite, norm, factor, offset, name)
    if folded is not None:
        return folded
    shape = _broadcast_shape(norm.args[0], int(norm.attrs.axis))
    scaled = relax.op.multiply(norm.args[0], relax.const(factor.astype(np.float32).reshape(shape)))
    return relax.op.add(rewrite.emit(scaled, f"{name}_scaled"), relax.const(offset.astype(np.float32).reshape(shape)))


def _into_convolution(rewrite: Rewrite, norm: Call, factor: np.ndarray, offset: np.ndarray, name: str) -> Call | None:
    """The convolution with folded weights; None where what is normalised is none of its own with float weights."""
    data, axis = norm.args[0], int(norm.attrs.axis)
    convolution, bias = data, None
    addition = rewrite.producing_call(data, "add")
    if addition is not None and is_constant(addition.args[1]):
        convolution, bias = addition.args[0], array_of(addition.args[1]).astype(np.float64).reshape(-1)
    call = rewrite.producing_call(convolution, "nn.conv2d")
    if call is None or not is_constant(call.args[1]) or rewrite.uses(data) > 1 or rewrite.uses(convolution) > 1:
        return None
    if axis % 4 != str(call.attrs.data_layout).index("C") or (bias is not None and bias.size not in (1, factor.size)):
        return None
    along = [1] * 4
    along[str(call.attrs.kernel_layout).index("O")] = factor.size
    weight = (array_of(call.args[1]) * factor.reshape(along)).astype(np.float32)
    if bias is not None:
        offset = offset + bias * factor
    folded = relax.Call(call.op, [call.args[0], relax.const(weight)], call.attrs)
    total = offset.astype(np.float32).reshape(_broadcast_shape(convolution, axis))
    return relax.op.add(rewrite.emit(folded, f"{name}_conv2d"), relax.const(total))


def _broadcast_shape(data: Expr, axis: int) -> list[int]:
    shape = shape_of(data)
    return [extent if index == axis % len(shape) else 1 for index, extent in enumerate(shape)]


fold_batch_norm = main_pass("fold_batch_norm", fold)
