"""Binary arithmetic of two activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tinyseg_tvm.codegen.operators.arithmetic import of_float32, of_int8, of_values
from tinyseg_tvm.codegen.operators.binary_kernels import binary_cycles, binary_kernel, extension_form
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.elementwise import Elementwise, full_operand
from tinyseg_tvm.operators.elementwise_constant import ElementwiseConstant

Binary = Elementwise | ElementwiseConstant
One = TypeVar("One", bound=Binary)

DSP_SHIFTS = range(18, 25)  # of the integer forms that runtime/tinyseg_linear_dsp.h computes


def _cost(view: NodeView[Binary]) -> Cost:
    """By the kernel that the arithmetic gets."""
    operator = view.operator
    cycles = binary_cycles(operator.function, operator.arithmetic, view.core)
    return Cost(0, round(cycles * view.outputs[0].line_elements) + 40)


def _is_product(view: NodeView[Binary]) -> bool:
    return view.operator.function == "mul"


def _suits_dsp(view: NodeView[Binary]) -> bool:
    if not of_int8(view) or not view.core.has_dsp:
        return False
    form = extension_form(view.operator.function, view.operator.arithmetic)
    return form is not None and (_is_product(view) or form.shift in DSP_SHIFTS)


def _suits_mve(view: NodeView[Binary]) -> bool:
    if not of_int8(view) or not view.core.has_mve:
        return False
    return extension_form(view.operator.function, view.operator.arithmetic) is not None


def _mve_cost(view: NodeView[Binary], period: int) -> Cost:
    elements = view.outputs[0].line_elements
    return Cost(0, round((4 if _is_product(view) else 3) * elements + 25 * elements / period) + 15)


def _dsp_cost(view: NodeView[Binary], period: int) -> Cost:
    elements = view.outputs[0].line_elements
    period_cycles = 40 + 20 * (period % 4)
    return Cost(0, round((8.8 if _is_product(view) else 7.5) * elements + period_cycles * elements / period) + 20)


def emit_binary(
    view: NodeView[Binary],
    out: FunctionWriter,
    a: str,
    b: str,
    *,
    period: int,
    swapped: bool,
    family: str = "",
) -> None:
    """Write the call on operand lines ``a`` (as long as the result) and ``b``, which repeats after ``period`` elements.

    ``swapped``: ``a`` is the operator's right operand. ``family``: "_dsp" or "_mve" for that extension's kernel.
    """
    operator = view.operator
    kernel = binary_kernel(operator.function, operator.arithmetic, swapped=swapped, family=family)
    out.modules.update(kernel.modules)
    parameters = out.parameters(view, kernel.struct, {**kernel.fields, "period": period})
    out.write(f"{kernel.function}({parameters}, {a}, {b}, {out.output()}, {view.outputs[0].line_elements}u);")


def _period(view: NodeView[Elementwise]) -> int:
    """Elements after which the other operand's line starts again."""
    other = view.inputs[1 - full_operand(view.inputs)]
    return view.outputs[0].line_elements if other.shape == view.outputs[0].shape else other.elements


def _emit(view: NodeView[Elementwise], out: FunctionWriter, family: str) -> None:
    full = full_operand(view.inputs)
    by_lines = view.inputs[1 - full].shape == view.outputs[0].shape
    b = out.line(1 - full, "step" if by_lines else "0u")
    emit_binary(view, out, out.line(full), b, period=_period(view), swapped=full == 1, family=family)


def variants(
    name: str,
    period: Callable[[NodeView[One]], int],
    emit: Callable[[NodeView[One], FunctionWriter, str], None],
) -> tuple[Variant[One], ...]:
    """The kernels by preference.

    Args:
        name: of the kind.
        period: elements after which the other operand repeats.
        emit: writes the function for a family of kernels: "_mve", "_dsp" or "".
    """
    return (
        Variant(
            f"{name} mve",
            _suits_mve,
            lambda view: _mve_cost(view, period(view)),
            lambda view, out: emit(view, out, "_mve"),
        ),
        Variant(
            f"{name} dsp",
            _suits_dsp,
            lambda view: _dsp_cost(view, period(view)),
            lambda view, out: emit(view, out, "_dsp"),
        ),
        Variant(f"{name} portable", of_values, _cost, lambda view, out: emit(view, out, "")),
        Variant(f"{name} float32", of_float32, _cost, lambda view, out: emit(view, out, "")),
    )


VARIANTS = variants("elementwise", _period, _emit)
