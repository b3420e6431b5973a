"""What is left of quantisation becomes the operators Quantize and Dequantize: the model's float inputs and outputs, and
the borders of float operators that have no integer form.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Dequantize, Quantize
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.quantization import per_tensor_quantization
from tinyseg_tvm.relay_passes.quantized_operands import emit_operator, float_constant
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def dequantize_constant(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A quantised constant that a float operator reads is stored as float32."""
    if not is_call(value, "dequantize") or not is_constant(value.args[0]):
        return None
    constant = float_constant(rewrite, rewrite.emit(value, name))
    return None if constant is None else relax.const(np.asarray(constant, order="C"), "float32")


def border_quantize(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Per-tensor ``quantize`` of float32."""
    if not is_call(value, "quantize") or dtype_of(value.args[0]) != "float32":
        return None
    quantization = per_tensor_quantization(value)
    if quantization is None or dtype_of(value) not in QUANTIZED_TYPES:
        return None
    operator = Quantize(scale=quantization.scale, zero_point=quantization.zero_point, output_dtype=dtype_of(value))
    return emit_operator(rewrite, operator, [value.args[0]], {}, name=name, quantization=quantization)


def border_dequantize(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Per-tensor ``dequantize`` to float32."""
    if not is_call(value, "dequantize") or dtype_of(value) != "float32" or is_constant(value.args[0]):
        return None
    quantization = per_tensor_quantization(value)
    if quantization is None:
        return None
    operator = Dequantize(scale=quantization.scale, zero_point=quantization.zero_point)
    return emit_operator(rewrite, operator, [value.args[0]], {}, name=name, quantization=None)


quantize_borders = main_pass("quantize_borders", dequantize_constant, border_quantize, border_dequantize)
