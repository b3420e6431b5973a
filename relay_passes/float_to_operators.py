"""From Relax operators on float32 to the float32 operators of the numeric contract.

What is left in floating point after ``qdq_to_integer``, or was never quantised, becomes operators that work line by
line: one rule per family, in ``weighted_sums`` and the modules ``float_*``. Biases, multiplications per channel and
clamps go into the convolution or fully connected layer that they follow. What no rule takes is left to the long tail.
"""

from __future__ import annotations

from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_call
from tinyseg_tvm.relay_passes.float_arithmetic import (
    lower_binary,
    lower_binary_with_constant,
    lower_clamp,
    lower_leaky_relu,
    lower_square,
)
from tinyseg_tvm.relay_passes.float_pooling import (
    lower_average_pool2d,
    lower_gather,
    lower_max_pool2d,
    lower_reduction,
    lower_softmax,
)
from tinyseg_tvm.relay_passes.integer_data_movement import depth_to_space
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass
from tinyseg_tvm.relay_passes.weighted_sums import fold_into_weights, lower_weighted_sum


def lower_depth_to_space(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """DepthToSpace on float32."""
    return depth_to_space(rewrite, value, name) if is_call(value, "reshape") and dtype_of(value) == "float32" else None


RULES = (
    lower_weighted_sum,
    fold_into_weights,
    lower_clamp,
    lower_leaky_relu,
    lower_square,
    lower_binary,
    lower_binary_with_constant,
    lower_max_pool2d,
    lower_average_pool2d,
    lower_reduction,
    lower_softmax,
    lower_gather,
    lower_depth_to_space,
)

float_to_operators = main_pass("float_to_operators", *RULES)
