"""From Relax operators on float32 to the float32 operators of the numeric contract.

What is left in floating point after ``qdq_to_integer``, or was never quantised, becomes operators that work line by
line: one rule per family, those of geometry (``computations.py``) applied to a ``PlainComputation``. Biases,
multiplications per channel and clamps go into the convolution or fully connected layer that they follow. What no rule
takes is left to the long tail.
"""

from __future__ import annotations

from tinyseg_tvm.relay_passes import elementwise, pooling, reductions, resize
from tinyseg_tvm.relay_passes.clamps import lower_clamp, lower_square
from tinyseg_tvm.relay_passes.classification import lower_argmax, softmax
from tinyseg_tvm.relay_passes.depth_to_space import lower_depth_to_space
from tinyseg_tvm.relay_passes.gather import lower_gather
from tinyseg_tvm.relay_passes.integer_conversion import lower_conversion
from tinyseg_tvm.relay_passes.matmul import matmul
from tinyseg_tvm.relay_passes.plain_computation import PlainComputation
from tinyseg_tvm.relay_passes.pointwise import lower_pointwise
from tinyseg_tvm.relay_passes.rewriting import main_pass
from tinyseg_tvm.relay_passes.weighted_sums import fold_into_weights, lower_weighted_sum

RULES = (
    lower_weighted_sum,
    fold_into_weights,
    lower_clamp,
    lower_square,
    elementwise.binary.by(PlainComputation),
    elementwise.binary_with_constant.by(PlainComputation),
    pooling.max_pool2d.by(PlainComputation),
    pooling.average_pool2d.by(PlainComputation),
    reductions.mean.by(PlainComputation),
    reductions.total.by(PlainComputation),
    reductions.maximum.by(PlainComputation),
    reductions.minimum.by(PlainComputation),
    reductions.product.by(PlainComputation),
    reductions.variance.by(PlainComputation),
    resize.resize_linear.by(PlainComputation),
    matmul.by(PlainComputation),
    softmax.by(PlainComputation),
    lower_argmax,
    lower_conversion,
    lower_gather,
    lower_depth_to_space,
    lower_pointwise,
)

float_to_operators = main_pass("float_to_operators", *RULES)
