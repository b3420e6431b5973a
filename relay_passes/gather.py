"""The rule for rows of a constant by indices."""

from __future__ import annotations

from tinyseg_tvm.operators import Gather
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.rewriting import Rewrite


def lower_gather(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Rows of a constant by indices, without the importer's correction of negative indices, which is the same."""
    if not is_call(value, "take") or str(value.attrs.mode) != "fast" or not is_constant(value.args[0]):
        return None
    table, indices = array_of(value.args[0]), value.args[1]
    rank = max(table.ndim, 1)
    if is_constant(indices) or value.attrs.axis is None or int(value.attrs.axis) % rank != 0 or table.ndim == 0:
        return None
    if dtype_of(indices) not in ("int32", "int64"):
        return None
    corrected = _corrected(rewrite, indices, table.shape[0])
    return emit_operator(rewrite, Gather(), [indices if corrected is None else corrected], {"table": table}, name=name)


def _corrected(rewrite: Rewrite, indices: Expr, rows: int) -> Expr:
    """``i`` where ``indices`` is ``where(i < 0, i + rows, i)``, else None."""
    choice = rewrite.producing_call(indices, "where")
    if choice is None:
        return None
    negative = rewrite.producing_call(choice.args[0], "less")
    moved = rewrite.producing_call(choice.args[1], "add")
    plain = choice.args[2]
    if negative is None or moved is None or not negative.args[0].same_as(plain) or not moved.args[0].same_as(plain):
        return None
    zero, amount = (_number(rewrite, operand) for operand in (negative.args[1], moved.args[1]))
    return plain if (zero, amount) == (0, rows) else None


def _number(rewrite: Rewrite, expression: Expr) -> int | None:
    """The value of an integer constant, cast or taken from a vector of constants."""
    if is_constant(expression):
        return int(array_of(expression).flat[0]) if array_of(expression).size == 1 else None
    cast = rewrite.producing_call(expression, "astype")
    if cast is not None:
        return _number(rewrite, cast.args[0])
    taken = rewrite.producing_call(expression, "take")
    if taken is None or not all(is_constant(operand) for operand in taken.args) or array_of(taken.args[1]).size != 1:
        return None
    return int(array_of(taken.args[0]).flat[int(array_of(taken.args[1]).flat[0])])
