"""A clamp by table, or of int16, becomes the clamp of the operator before it.

``clip(clip(v, -128, 127), low, high)`` is ``clip(v, low, high)``: a table that only limits its values, after a
convolution, fully connected layer or elementwise operator that nothing else reads, is that operator's clamp.
Transposes and reshapes may stand between. Any other table after such a clamp stays a table, and any other clamp of
int16 is an operator of its own.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Clip
from tinyseg_tvm.relay_passes.elementwise_evaluation import clip_bounds
from tinyseg_tvm.relay_passes.expressions import Call, Expr, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.operators_registration import constants_of
from tinyseg_tvm.relay_passes.quantized_operands import data_movement_above, emit_operator, limits_of, move_alike
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def fuse_clamp(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """A table that is a clamp, upwards through data movement to an operator that clamps."""
    if not is_call(value, "tinyseg.lookup") or dtype_of(value.args[0]) != "int8":
        return None
    bounds = clamp_of(constants_of(value)["table"])
    return None if bounds is None else _fused(rewrite, value, bounds)


def fuse_clip(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A clip of int16, upwards in the same way, or as an operator."""
    if not is_call(value, "clip") or dtype_of(value) != "int16" or is_constant(value.args[0]):
        return None
    low, high = limits_of("int16")
    least, most = (int(min(max(bound, low), high)) for bound in clip_bounds(value))
    fused = _fused(rewrite, value, (least, most))
    if fused is not None:
        return fused
    known = rewrite.quantization.get(value.args[0])
    return emit_operator(rewrite, Clip(least, most), [value.args[0]], {}, name=name, quantization=known)


def _fused(rewrite: Rewrite, value: Call, bounds: tuple[int, int]) -> Expr | None:
    """The operator above, where it clamps and nothing else reads it, with the bounds in its clamp."""
    path = data_movement_above(rewrite, value.args[0])
    variable = path[-1]
    source = operator_call(rewrite.producer(variable))
    if rewrite.uses(variable) > 1 or source is None or source.operator.clamp is None:
        return None
    low, high = (min(max(int(end), bounds[0]), bounds[1]) for end in source.operator.clamp)
    clamped = source.with_operator(source.operator.clamped(low, high)).to_relax()
    return move_alike(rewrite, path, rewrite.emit(clamped, rewrite.name(variable), rewrite.quantization.get(variable)))


def clamp_of(table: np.ndarray) -> tuple[int, int] | None:
    """The bounds of an int8 table that is a clamp of int8, else None."""
    if table.dtype != np.int8:
        return None
    codes = np.arange(256, dtype=np.uint8).view(np.int8)
    low, high = int(table.min()), int(table.max())
    return (low, high) if bool((np.clip(codes, low, high) == table).all()) else None


fuse_activation = main_pass("fuse_activation", fuse_clamp, fuse_clip)
