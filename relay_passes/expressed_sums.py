"""Sums of integers whose results go on in float32: convolutions and layers that no quantisation follows at once.

Their operands are dequantised integers, so their sums are the same in integers as in float32, but for rounding; what
follows in float32 goes into them where it can (``fuse_pointwise``).
"""

from __future__ import annotations

from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes import float_operands
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of
from tinyseg_tvm.relay_passes.float_operands import is_float_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import quantized_activation, quantized_constant
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass
from tinyseg_tvm.relay_passes.weighted_sums import SUMS, QuantizedSum, integer_constants, sum_shape

_AS_IT_IS = Quantization(1.0, 0)


def express_weighted_sum(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Of int8 to float32; a bias is added in float32."""
    if not is_float_call(value, *SUMS):
        return None
    activation, weight = quantized_activation(rewrite, value.args[0]), quantized_constant(rewrite, value.args[1])
    shape = None if weight is None else sum_shape(value, weight.values.ndim)
    if activation is None or weight is None or shape is None or dtype_of(activation[0]) != "int8":
        return None
    found = QuantizedSum(value, name, activation[0], activation[1], weight, None, _AS_IT_IS, "float32")
    constants = integer_constants(rewrite, found, shape)
    if constants is None:
        return None
    operator = shape.operator(onnx.ExpressedSum(found.input.zero_point, onnx.SUMS_AS_THEY_ARE, "float32"))
    if not shape.layout:
        return float_operands.emit_operator(rewrite, operator, [found.activation], constants, name=name)
    return float_operands.in_nhwc(rewrite, operator, [found.activation], constants, name=name, layout=shape.layout)


expressed_sums = main_pass("expressed_sums", express_weighted_sum)
