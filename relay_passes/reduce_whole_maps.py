"""A pooling whose one window is the whole map becomes a GlobalPool: it takes lines as they come.

The arithmetic is the same (an average counts every pixel of the map, a maximum has no padding to lose to), but
the reducer needs one line and its accumulators where the pooling needs all lines at once.
"""

from __future__ import annotations

from typing import Any

import tvm

from tinyseg_tvm.operators import (
    AveragePool2d,
    FloatAveragePool2d,
    FloatGlobalPool,
    FloatMaxPool2d,
    GlobalPool,
    MaxPool2d,
    Operator,
)
from tinyseg_tvm.relay_passes.dataflow import Binding, Rewriter, module_pass, rewrite, shape_of
from tinyseg_tvm.relay_passes.operator_calls import emit_operator, operator_call

UNSCALED = (1.0, 0)
"""Scale and zero point that a maximum does not depend on."""


@module_pass("reduce_whole_maps")
def reduce_whole_maps(module: tvm.IRModule) -> tvm.IRModule:
    """Replace poolings over whole maps."""
    return rewrite(module, _rule)


def _rule(writer: Rewriter, binding: Binding) -> Any:
    call = operator_call(binding.value)
    if call is None or not isinstance(call.operator, (AveragePool2d, MaxPool2d, FloatAveragePool2d, FloatMaxPool2d)):
        return None
    pool, shape = call.operator, shape_of(call.activations[0])
    if pool.kernel != shape[1:3] or shape_of(binding.var)[1:3] != (1, 1) or any(pool.padding) or shape[1] == 1:
        return None
    reducer: Operator
    if isinstance(pool, (MaxPool2d, FloatMaxPool2d)) and pool.dilation != (1, 1):
        return None
    if isinstance(pool, MaxPool2d):
        reducer = GlobalPool("max", *UNSCALED, *UNSCALED)
    elif isinstance(pool, (FloatMaxPool2d, FloatAveragePool2d)):
        reducer = FloatGlobalPool("max" if isinstance(pool, FloatMaxPool2d) else "average")
    else:
        reducer = GlobalPool(
            "average", pool.input_scale, pool.input_zero_point, pool.output_scale, pool.output_zero_point
        )
    return emit_operator(writer, binding.name, reducer, writer.substitute(call.activations[0]))
