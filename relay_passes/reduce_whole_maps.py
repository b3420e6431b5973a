"""A pooling whose one window is the whole map becomes a GlobalPool: it takes lines as they come.

The arithmetic is the same (an average counts every pixel of the map, a maximum has no padding to lose to), but
the reducer needs one line and its accumulators where the pooling needs all lines at once.
"""

from __future__ import annotations

from tinyseg_tvm.operators import AveragePool2d, GlobalPool, MaxPool2d
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.operator_calls import emit_operator, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def _reduce(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    call = operator_call(value)
    if call is None or not isinstance(call.operator, (AveragePool2d, MaxPool2d)):
        return None
    pool, shape = call.operator, shape_of(call.activations[0])
    if pool.kernel != shape[1:3] or shape_of(value)[1:3] != (1, 1) or any(pool.padding) or shape[1] == 1:
        return None
    if isinstance(pool, MaxPool2d) and pool.dilation != (1, 1):
        return None
    reducer = GlobalPool("max") if isinstance(pool, MaxPool2d) else GlobalPool("average", pool.arithmetic)
    return emit_operator(rewrite, name, reducer, call.activations[0])


reduce_whole_maps = main_pass("reduce_whole_maps", _reduce)
"""Replaces poolings over whole maps."""
