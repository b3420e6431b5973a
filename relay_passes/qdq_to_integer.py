"""From float operators between ``dequantize`` and ``quantize`` to the integer operators of the numeric contract.

One rule per operator family. A rule looks at a ``quantize`` (or, where the operator gives back what it was given, at
the operator on int8 itself) and follows producers upwards; where anything is not as it must be, it declines and the
float operators stay. Rules of geometry alone (``computations.py``) are those of ``float_to_operators`` too, applied to
a ``QuantizedComputation`` here. Every integer operator is checked by its own ``infer`` and ``check``.
"""

from __future__ import annotations

from tinyseg_tvm.relay_passes import elementwise, pooling, resize
from tinyseg_tvm.relay_passes.classification import cast_of_indices, rewrite_argmax, softmax
from tinyseg_tvm.relay_passes.depth_to_space import rewrite_depth_to_space
from tinyseg_tvm.relay_passes.quantized_computation import QuantizedComputation
from tinyseg_tvm.relay_passes.rewriting import main_pass
from tinyseg_tvm.relay_passes.weighted_sums import rewrite_weighted_sum

RULES = (
    rewrite_weighted_sum,
    elementwise.binary.by(QuantizedComputation),
    elementwise.binary_with_constant.by(QuantizedComputation),
    pooling.max_pool2d.by(QuantizedComputation),
    pooling.average_pool2d.by(QuantizedComputation),
    pooling.mean.by(QuantizedComputation),
    pooling.maximum.by(QuantizedComputation),
    resize.resize_nearest.by(QuantizedComputation),
    resize.resize_linear.by(QuantizedComputation),
    softmax.by(QuantizedComputation),
    rewrite_argmax,
    cast_of_indices,
    rewrite_depth_to_space,
)

qdq_to_integer = main_pass("qdq_to_integer", *RULES)
