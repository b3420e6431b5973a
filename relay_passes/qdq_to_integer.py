"""From float operators between ``dequantize`` and ``quantize`` to the integer operators of the numeric contract.

One rule per operator family. A rule looks at a ``quantize`` (or, where the operator gives back what it was given, at
the operator on int8 itself) and follows producers upwards; where anything is not as it must be, it declines and the
float operators stay. Rules of geometry alone (``computations.py``) are those of ``float_to_operators`` too, applied to
a ``QuantizedComputation`` here. Every integer operator is checked by its own ``infer`` and ``check``.
"""

from __future__ import annotations

from tinyseg_tvm.operators import Requantize
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes import elementwise, pooling, reductions, resize
from tinyseg_tvm.relay_passes.classification import cast_of_indices, rewrite_argmax, softmax
from tinyseg_tvm.relay_passes.depth_to_space import rewrite_depth_to_space
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.matmul import matmul
from tinyseg_tvm.relay_passes.quantization import per_tensor_quantization
from tinyseg_tvm.relay_passes.quantized_computation import QuantizedComputation
from tinyseg_tvm.relay_passes.quantized_operands import emit_operator, limits_of
from tinyseg_tvm.relay_passes.recurrent import lower_recurrent
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass
from tinyseg_tvm.relay_passes.unpooling import unpooling
from tinyseg_tvm.relay_passes.weighted_sums import rewrite_weighted_sum


def requantization(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A ``quantize`` of what was dequantised, where no table of bytes is it: of or to 16 bits."""
    if not is_call(value, "quantize") or dtype_of(value) not in QUANTIZED_TYPES:
        return None
    source, after = rewrite.producing_call(value.args[0], "dequantize"), per_tensor_quantization(value)
    before = None if source is None else per_tensor_quantization(source)
    if source is None or before is None or after is None or dtype_of(source.args[0]) not in QUANTIZED_TYPES:
        return None
    if is_constant(source.args[0]):
        return None
    quantizations = (before.scale, before.zero_point, after.scale, after.zero_point)
    operator = Requantize(*quantizations, *limits_of(dtype_of(value)), dtype_of(value))
    return emit_operator(rewrite, operator, [source.args[0]], {}, name=name, quantization=after)


RULES = (
    requantization,
    rewrite_weighted_sum,
    elementwise.binary.by(QuantizedComputation),
    elementwise.binary_with_constant.by(QuantizedComputation),
    pooling.max_pool2d.by(QuantizedComputation),
    pooling.average_pool2d.by(QuantizedComputation),
    reductions.mean.by(QuantizedComputation),
    reductions.total.by(QuantizedComputation),
    reductions.maximum.by(QuantizedComputation),
    reductions.minimum.by(QuantizedComputation),
    resize.resize_nearest,
    unpooling,
    resize.resize_linear.by(QuantizedComputation),
    matmul.by(QuantizedComputation),
    softmax.by(QuantizedComputation),
    lower_recurrent,  # of float32, but its weights may be quantised
    rewrite_argmax,
    cast_of_indices,
    rewrite_depth_to_space,
)

qdq_to_integer = main_pass("qdq_to_integer", *RULES)
