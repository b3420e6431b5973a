"""From float operators between ``dequantize`` and ``quantize`` to the integer operators of the numeric contract.

One rule per operator family, in ``weighted_sums`` and the modules ``integer_*``. A rule looks at a ``quantize`` (or,
where the operator gives back what it was given, at the operator on int8 itself) and follows producers upwards; where
anything is not as it must be, it declines and the float operators stay. Every integer operator is checked by its own
``infer`` and ``check``.
"""

from __future__ import annotations

from tinyseg_tvm.relay_passes.integer_classification import cast_of_indices, rewrite_argmax, rewrite_softmax
from tinyseg_tvm.relay_passes.integer_data_movement import rewrite_depth_to_space
from tinyseg_tvm.relay_passes.integer_elementwise import rewrite_elementwise, rewrite_elementwise_constant
from tinyseg_tvm.relay_passes.integer_pooling import (
    rewrite_average_pool2d,
    rewrite_max,
    rewrite_max_pool2d,
    rewrite_mean,
)
from tinyseg_tvm.relay_passes.integer_resize import rewrite_resize_linear, rewrite_resize_nearest
from tinyseg_tvm.relay_passes.rewriting import main_pass
from tinyseg_tvm.relay_passes.weighted_sums import rewrite_weighted_sum

RULES = (
    rewrite_weighted_sum,
    rewrite_elementwise,
    rewrite_elementwise_constant,
    rewrite_max_pool2d,
    rewrite_average_pool2d,
    rewrite_mean,
    rewrite_max,
    rewrite_resize_nearest,
    rewrite_resize_linear,
    rewrite_softmax,
    rewrite_argmax,
    cast_of_indices,
    rewrite_depth_to_space,
)

qdq_to_integer = main_pass("qdq_to_integer", *RULES)
