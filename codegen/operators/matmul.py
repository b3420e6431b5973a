"""Products of matrices of two activations."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import kernel_suffix, of_float32, of_values, product_parameters
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.sum_costs import product_cost
from tinyseg_tvm.operators.matmul import INNER, OUTER, ROWS, Matmul, Matrices


def _shape(view: NodeView[Matmul]) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_matmul_shape``: what a line has of the matrices."""
    operator = view.operator
    lhs, rhs = operator.operands([operand.shape for operand in view.inputs])
    made = Matrices.of(view.outputs[0].shape, inside=operator.inside)
    _, inner, rows, columns = made.extents
    values = (
        1 if made.lines == INNER else inner,
        1 if made.lines == ROWS else rows,
        lhs.extents[3],
        columns,
        lhs.step_of(INNER),
        lhs.step_of(ROWS),
        rhs.step_of(INNER),
        rhs.step_of(ROWS),
        made.step_of(INNER),
        made.step_of(ROWS),
        int(operator.transposed),
    )
    return tuple(str(value) for value in values)


def _operands(view: NodeView[Matmul], out: FunctionWriter) -> list[str]:
    """Where the matrices of a step begin: in the operand's line, or in the whole of it."""
    shapes = [operand.shape for operand in view.inputs]
    lines = Matrices.of(view.outputs[0].shape, inside=view.operator.inside).lines
    found = []
    for index, (matrices, follows) in enumerate(
        zip(view.operator.operands(shapes), view.operator.follows(shapes), strict=True)
    ):
        if follows:
            found.append(out.line(index))
            continue
        apart = matrices.step_of(lines) if lines in (INNER, OUTER) else 0
        found.append(out.line(index, "0u") + (f" + (size_t)step * {apart}u" if apart else ""))
    return found


def _emit(view: NodeView[Matmul], out: FunctionWriter) -> None:
    suffix = kernel_suffix(view.operator.arithmetic)
    out.modules.add(f"tinyseg_matmul{suffix}")
    if of_float32(view):
        out.modules.add("tinyseg_fma_f32")
    fields = {"shape": _shape(view), **product_parameters(view.operator.arithmetic)}
    parameters = out.parameters(view, f"tinyseg_matmul{suffix}", fields)
    lhs, rhs = _operands(view, out)
    out.write(f"tinyseg_matmul{suffix}_line({parameters}, {lhs}, {rhs}, {out.output()});")


VARIANTS: tuple[Variant[Matmul], ...] = (
    Variant("matmul portable", of_values, lambda view: product_cost(3.4, view), _emit),
    Variant("matmul float32", of_float32, lambda view: product_cost(4.0, view), _emit),
)
