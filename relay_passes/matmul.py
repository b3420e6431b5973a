"""The rule for products of two activations."""

from __future__ import annotations

from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes.computations import Computation, computing
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of


@computing("matmul")
def matmul(found: Computation) -> Expr | None:
    """Of matrices in the order of the model: eliminate_transposes finds others."""
    lhs, rhs = found.activation(0), found.activation(1)
    if lhs is None or rhs is None or min(len(shape_of(lhs)), len(shape_of(rhs))) < 2:
        return None
    operator = Matmul(inside=False, rhs_inside=False, transposed=False, arithmetic=found.product_sum())
    return found.emit(operator, [lhs, rhs])
