"""A variable of the old function as a view of a variable of the new one: reshaped, permuted, reshaped again.

Views stand in for transposes and reshapes until an operator needs the tensor in one piece of memory in its
own layout; only then ``Views.materialise`` emits the movement that is left.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.operators import Operator, Rearrange, Reshape, Transpose
from tinyseg_tvm.operators.constant import Constant
from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.expressions import Expr, Var, shape_of
from tinyseg_tvm.relay_passes.layouts import Permutation, Shape
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite


@dataclass(frozen=True)
class View:
    """``base.reshape(early).transpose(permutation)``, then ``.reshape(late)`` where that is not None.

    ``late`` is used only where the permutation cannot be exchanged with the reshape (a flattened NCHW map).
    ``name`` is that of the old variable.
    """

    base: Expr
    early: Shape
    permutation: Permutation
    late: Shape | None
    name: str

    @staticmethod
    def of(base: Expr, name: str) -> View:
        """The variable itself."""
        shape = shape_of(base)
        return View(base, shape, layouts.identity(len(shape)), None, name)

    @property
    def shape(self) -> Shape:
        """Shape of what is viewed."""
        return layouts.permuted(self.early, self.permutation) if self.late is None else self.late

    @property
    def in_order(self) -> bool:
        """True where the elements lie in memory in the view's own order."""
        return layouts.keeps_order(self.early, self.permutation)

    @property
    def order(self) -> np.ndarray:
        """For each element of the view, in its order, the place of the element in ``base``."""
        places: np.ndarray = np.arange(math.prod(self.early)).reshape(self.early)
        order: np.ndarray = places.transpose(self.permutation).reshape(-1)
        return order

    @property
    def layout(self) -> Permutation:
        """What the view permutes: of what is stored as it is, or of what would be stored most like ``base``."""
        if self.late is None:
            return self.permutation
        return layouts.outermost_first(self.early, self.permutation, self.late)

    def reshape(self, shape: Shape, name: str) -> View:
        """This view reshaped."""
        exchanged = layouts.through_reshape(self.early, self.permutation, shape)
        if exchanged is None:
            return replace(self, late=shape, name=name)
        return View(self.base, exchanged[0], exchanged[1], None, name)

    def transpose(self, permutation: Permutation, name: str) -> View:
        """This view permuted; ``late`` must be None."""
        return replace(self, permutation=layouts.compose(self.permutation, permutation), name=name)

    def regrouped(self, permutation: Permutation, name: str) -> View | None:
        """This view permuted behind ``late``; None where that stands in the way."""
        assert self.late is not None
        moved = layouts.regrouped(self.early, self.permutation, self.late, permutation)
        return None if moved is None else View(self.base, moved[0], moved[1], None, name).reshape(moved[2], name)


class Views:
    """The views of one rewrite, and the variables made from them so far."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.made: dict[tuple[Expr, Shape, Permutation, Shape | None], Expr] = {}
        self.moved: Counter[str] = Counter()

    def materialise(self, view: View) -> Expr:
        """A variable that holds the view's elements in its own shape and order."""
        key = (view.base, view.early, view.permutation, view.late)
        if key not in self.made:
            self.made[key] = self._make(view)
        return self.made[key]

    def transpose(self, view: View, permutation: Permutation, name: str) -> View:
        """``view`` permuted, made concrete first where its last reshape stands in the way."""
        if view.late is None:
            return view.transpose(permutation, name)
        moved = view.regrouped(permutation, name)
        return moved or View.of(self.materialise(view), view.name).transpose(permutation, name)

    def in_layout(self, view: View, permutation: Permutation) -> Expr:
        """A variable ``w`` with ``w.transpose(permutation)`` equal to the view."""
        return self.materialise(self.transpose(view, layouts.inverse(permutation), view.name))

    def is_constant(self, view: View) -> bool:
        """Whether what is viewed lies in flash, in whatever order."""
        call = operator_call(self.rewrite.producer(view.base))
        return call is not None and isinstance(call.operator, Constant)

    def _make(self, view: View) -> Expr:
        if self.is_constant(view) and not (view.in_order and view.shape == shape_of(view.base)):
            return self._constant(view)
        if view.in_order:
            return self._reshaped(view.base, view.shape, view.name)
        if view.late is None and view.early == shape_of(view.base):
            return self._emit(Transpose(view.permutation), view.base, view.name)
        return self._emit(Rearrange(view.early, view.permutation, view.shape), view.base, view.name)

    def _constant(self, view: View) -> Var:
        """A constant in the view's order."""
        call = operator_call(self.rewrite.producer(view.base))
        assert call is not None
        values = call.constants["values"].reshape(view.early).transpose(view.permutation).reshape(view.shape)
        stored = OperatorCall(Constant(), (), {"values": np.ascontiguousarray(values)})
        return self.rewrite.emit(stored.to_relax(), view.name, self.rewrite.quantization.get(view.base))

    def _reshaped(self, source: Expr, shape: Shape, name: str) -> Expr:
        return source if shape_of(source) == shape else self._emit(Reshape(shape), source, name)

    def _emit(self, movement: Operator, source: Expr, name: str) -> Var:
        """A movement of the old variable ``name``, numbered where there are several."""
        self.moved[name] += 1
        number = "" if self.moved[name] == 1 else str(self.moved[name])
        known = self.rewrite.quantization.get(source)
        return self.rewrite.emit(OperatorCall(movement, (source,), {}).to_relax(), f"{name}_moved{number}", known)
