"""Rules for clamps of float32, and for squares."""

from __future__ import annotations

from tvm import relax

from tinyseg_tvm.operators import Clip
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.elementwise_evaluation import clip_bounds
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.float_operands import emit_operator, is_float_call
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.quantized_operands import data_movement_above, move_alike
from tinyseg_tvm.relay_passes.rewriting import Rewrite


def lower_clamp(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Relu and Clip: of the operator above, through data movement, where nothing else reads it; else on their own."""
    bounds = _bounds(value)
    if bounds is None:
        return None
    low, high = bounds
    path = data_movement_above(rewrite, value.args[0])
    variable = path[-1]
    source = operator_call(rewrite.producer(variable))
    if rewrite.uses(variable) > 1 or source is None or source.operator.clamp is None:
        return emit_operator(rewrite, Clip(low, high), [value.args[0]], {}, name=name)
    least, most = (min(max(end, low), high) for end in source.operator.clamp)
    clamped = source.with_operator(source.operator.clamped(least, most)).to_relax()
    return move_alike(rewrite, path, rewrite.emit(clamped, rewrite.name(variable)))


def _bounds(value: Expr) -> tuple[float, float] | None:
    """The finite interval that a call clamps its first operand to, or None."""
    if not is_float_call(value, "nn.relu", "nn.relu6", "clip", "maximum", "minimum"):
        return None
    low, high = -FLOAT32_MAX, FLOAT32_MAX
    if is_call(value, "nn.relu"):
        low = 0.0
    elif is_call(value, "nn.relu6"):
        low, high = 0.0, 6.0
    elif is_call(value, "clip"):
        low, high = clip_bounds(value)
    else:
        bound = value.args[1]
        if not is_constant(bound) or array_of(bound).size != 1 or shape_of(value) != shape_of(value.args[0]):
            return None
        number = float(array_of(bound).flat[0])
        low, high = (number, high) if is_call(value, "maximum") else (low, number)
    if not low <= high:
        return None
    return max(low, -FLOAT32_MAX), min(high, FLOAT32_MAX)


def lower_square(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """A square is a product."""
    return relax.op.multiply(value.args[0], value.args[0]) if is_float_call(value, "square") else None
