"""Rules for the positions of maxima and for values put back there; both work on what is quantised."""

from __future__ import annotations

import tvm
from tvm import relax

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.operators.max_positions import MaxPositions
from tinyseg_tvm.operators.max_unpool2d import MaxUnpool2d
from tinyseg_tvm.relay_passes.expressions import Call, Expr, is_call
from tinyseg_tvm.relay_passes.quantized_operands import emit_operator, to_nchw, to_nhwc
from tinyseg_tvm.relay_passes.rewriting import Rewrite

POSITIONS, UNPOOL = "image.max_positions", "image.max_unpool2d"


def with_empty(call: Call, data: Expr, empty: int) -> Call:
    """An unpooling of other values, between which ``empty`` stands."""
    attributes = {**dict(call.attrs.items()), "empty": float(empty)}
    return relax.Call(call.op, [data, call.args[1]], tvm.ir.make_node("ir.DictAttrs", **attributes))


def unpooling(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Both operators, of any type."""
    if not is_call(value, POSITIONS, UNPOOL):
        return None
    pairs = {key: tuple(map(int, found)) for key, found in value.attrs.items() if key != "empty"}
    operator: Operator = (
        MaxPositions(**pairs, columns_first=False)  # type: ignore[arg-type]
        if is_call(value, POSITIONS)
        else MaxUnpool2d(**pairs, empty=float(value.attrs["empty"]))  # type: ignore[arg-type]
    )
    operands = [to_nhwc(rewrite, operand, name) for operand in value.args]
    known = rewrite.quantization.get(value.args[0]) if is_call(value, UNPOOL) else None
    made = emit_operator(rewrite, operator, operands, {}, name=name, quantization=known)
    return None if made is None else to_nchw(rewrite, made, name)
