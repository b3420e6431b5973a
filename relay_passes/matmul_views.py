"""Products of two activations on what is viewed: heads behind the rows, and matrices that are transposed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.layouts import Permutation
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall
from tinyseg_tvm.relay_passes.views import View, Views

_INSIDE: Permutation = (0, 2, 1, 3)
"""From (1, rows, batch, columns) to matrices in the order of the model."""


def matmul(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    """With the operands as they lie, where that spares moving them.

    A batch behind the rows is kept there: lines are rows of all matrices then, and what is computed of a row (scores
    of one query, in attention) is alive for a line alone.
    """
    operator = cast(Matmul, call.operator)
    if operator.inside or operator.rhs_inside or operator.transposed:
        return None
    lhs, rhs = operands
    inside = _has_place(lhs) and (len(rhs.shape) < 4 or rhs.shape[0] == 1) and _lies(lhs, _INSIDE)
    inside = inside and not _lies(lhs, layouts.identity(len(lhs.shape)))
    stored = [views.in_layout(lhs, _INSIDE if inside else layouts.identity(len(lhs.shape)))]
    rhs_inside, transposed, permutation = _right(rhs)
    stored.append(views.in_layout(rhs, permutation))
    found = replace(operator, inside=inside, rhs_inside=rhs_inside, transposed=transposed)
    made = View.of(views.rewrite.emit(OperatorCall(found, tuple(stored), {}).to_relax(), name), name)
    return made.transpose(_INSIDE, name) if inside else made


def _right(view: View) -> tuple[bool, bool, Permutation]:
    """How the right operand is stored, with least of it moved: inside, transposed, and the way to the model's order."""
    rank = len(view.shape)
    own = layouts.identity(rank)
    ways = [(False, False, own), (False, True, (*own[:-2], rank - 1, rank - 2))]
    if _has_place(view):
        ways += [(True, False, _INSIDE), (True, True, (0, 2, 3, 1))]
    return next((way for way in ways if _lies(view, way[2])), ways[0])


def _has_place(view: View) -> bool:
    """Whether a batch may be behind the rows."""
    return len(view.shape) == 4 and view.shape[0] == 1 and math.prod(view.shape) > 0


def _lies(view: View, permutation: Permutation) -> bool:
    """Whether what is viewed lies in memory as ``w`` of ``w.transpose(permutation)`` would."""
    if view.late is not None:
        return False
    relative = layouts.compose(view.permutation, layouts.inverse(permutation))
    return layouts.keeps_order(view.early, relative)
