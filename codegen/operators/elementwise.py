"""Binary arithmetic: an integer form where one is proved equal, else the float32 definition."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, as_float
from tinyseg_tvm.codegen.operators.integer_forms import (
    NARROW_BITS,
    BinaryFunction,
    IntegerForm,
    find_integer_form,
    find_narrow_product,
)
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.elementwise import Elementwise
from tinyseg_tvm.operators.elementwise_constant import ElementwiseConstant

DSP_SHIFTS = range(18, 25)  # of the integer forms that runtime/tinyseg_linear_dsp.h computes


def binary_function(operator: Elementwise | ElementwiseConstant) -> BinaryFunction:
    """The operator's arithmetic without its operands."""
    return BinaryFunction(
        operator.function,
        operator.lhs_scale,
        operator.lhs_zero_point,
        operator.rhs_scale,
        operator.rhs_zero_point,
        operator.output_scale,
        operator.output_zero_point,
        operator.output_min,
        operator.output_max,
    )


@lru_cache(maxsize=4096)
def integer_form(function: BinaryFunction) -> IntegerForm | None:
    """As find_integer_form, remembered: costs are asked for more than once."""
    return find_integer_form(function)


@lru_cache(maxsize=4096)
def narrow_product(function: BinaryFunction) -> IntegerForm | None:
    """As find_narrow_product, remembered."""
    return find_narrow_product(function)


def cost(view: NodeView) -> Cost:
    """By the kernel that the arithmetic gets."""
    operator = cast("Elementwise | ElementwiseConstant", view.operator)
    elements = view.outputs[0].line_elements
    if integer_form(binary_function(operator)) is not None:
        return Cost(0, 14 * elements + 40)
    return Cost(0, (70 if view.core.has_fpu else 500) * elements + 40)


def _is_product(view: NodeView) -> bool:
    return cast("Elementwise | ElementwiseConstant", view.operator).function == "mul"


def extension_form(view: NodeView) -> IntegerForm | None:
    """What the extensions' kernels compute: a product of 32 bits, or a sum without ties."""
    function = binary_function(cast("Elementwise | ElementwiseConstant", view.operator))
    form = narrow_product(function) if _is_product(view) else integer_form(function)
    return form if form is not None and form.ties == 0 else None


def suits_dsp(view: NodeView) -> bool:
    """Whether the kernel for the DSP extension computes it."""
    if not view.core.has_dsp:
        return False
    form = extension_form(view)
    return form is not None and (_is_product(view) or form.shift in DSP_SHIFTS)


def suits_mve(view: NodeView) -> bool:
    """Whether the kernel for the vector extension computes it."""
    return view.core.has_mve and extension_form(view) is not None


def mve_cost(view: NodeView, period: int) -> Cost:
    """Cycles of the kernel for the vector extension, whose operand repeats after ``period`` elements."""
    elements = view.outputs[0].line_elements
    return Cost(0, round((4 if _is_product(view) else 3) * elements + 25 * elements / period) + 15)


def dsp_cost(view: NodeView, period: int) -> Cost:
    """Cycles of the kernel for the DSP extension, whose operand repeats after ``period`` elements."""
    elements = view.outputs[0].line_elements
    period_cycles = 40 + 20 * (period % 4)
    return Cost(0, round((8.8 if _is_product(view) else 7.5) * elements + period_cycles * elements / period) + 20)


def emit_binary(
    view: NodeView, out: FunctionWriter, a: str, b: str, *, period: int, swapped: bool, family: str = ""
) -> None:
    """Write the call on operand lines ``a`` (as long as the result) and ``b``, which repeats after ``period`` elements.

    ``swapped``: ``a`` is the operator's right operand. ``family``: "_dsp" or "_mve" for that extension's kernel.
    """
    operator = cast("Elementwise | ElementwiseConstant", view.operator)
    product = operator.function == "mul"
    form = (narrow_product if family and product else integer_form)(binary_function(operator))
    elements = view.outputs[0].line_elements
    out.modules.add(f"tinyseg_{'product' if product else 'linear'}{family}" if family else "tinyseg_elementwise")
    zero_points = (operator.lhs_zero_point, operator.rhs_zero_point)
    scales = (as_float(operator.lhs_scale), as_float(operator.rhs_scale))
    if swapped:
        zero_points, scales = zero_points[::-1], scales[::-1]
    limits: dict[str, int | float | str | tuple[str, ...]] = {
        "period": period,
        "minimum": operator.output_min,
        "maximum": operator.output_max,
    }
    values: dict[str, int | float | str | tuple[str, ...]]
    if form is None:
        struct, kernel = "tinyseg_elementwise", "tinyseg_elementwise_line"
        symbol = {"add": "+", "sub": "r" if swapped else "-", "mul": "*"}[operator.function]
        values = {
            "a_scale": scales[0],
            "b_scale": scales[1],
            "output_scale": as_float(operator.output_scale),
            "a_zero_point": zero_points[0],
            "b_zero_point": zero_points[1],
            "output_zero_point": operator.output_zero_point,
            "function": f"'{symbol}'",
        }
    elif family and product:
        struct, kernel = "tinyseg_narrow_product", f"tinyseg_product{family}_line"
        values = {
            "offset": form.offset >> NARROW_BITS,
            "shift": form.shift - NARROW_BITS,
            "factor": form.factors[0],
            "a_zero_point": zero_points[0],
            "b_zero_point": zero_points[1],
        }
    else:
        values = {"offset": form.offset, "shift": form.shift, "ties": form.ties}
        if product:
            struct, kernel = "tinyseg_product", "tinyseg_product_line"
            values |= {"factor": form.factors[0], "a_zero_point": zero_points[0], "b_zero_point": zero_points[1]}
        else:
            struct, kernel = "tinyseg_linear", f"tinyseg_linear{family}_line"
            factors = form.factors[::-1] if swapped else form.factors
            values |= {"a_factor": factors[0], "b_factor": factors[1]}
    parameters = out.parameters(view, struct, {**values, **limits})
    out.write(f"{kernel}({parameters}, {a}, {b}, {out.output()}, {elements}u);")


def _full_operand(view: NodeView) -> int:
    """The operand that is as large as the result."""
    return 0 if view.inputs[0].shape == view.outputs[0].shape else 1


def _period(view: NodeView) -> int:
    """Elements after which the other operand's line starts again."""
    other = view.inputs[1 - _full_operand(view)]
    return view.outputs[0].line_elements if other.shape == view.outputs[0].shape else other.elements


def _emit(view: NodeView, out: FunctionWriter, family: str) -> None:
    full = _full_operand(view)
    by_lines = view.inputs[1 - full].shape == view.outputs[0].shape
    b = out.line(1 - full, "step" if by_lines else "0u")
    emit_binary(view, out, out.line(full), b, period=_period(view), swapped=full == 1, family=family)


def variants(
    name: str, period: Callable[[NodeView], int], emit: Callable[[NodeView, FunctionWriter, str], None]
) -> tuple[Variant, ...]:
    """The kernels by preference.

    Args:
        name: of the kind.
        period: elements after which the other operand repeats.
        emit: writes the function for a family of kernels: "_mve", "_dsp" or "".
    """
    return (
        Variant(
            f"{name} mve",
            suits_mve,
            lambda view: mve_cost(view, period(view)),
            lambda view, out: emit(view, out, "_mve"),
        ),
        Variant(
            f"{name} dsp",
            suits_dsp,
            lambda view: dsp_cost(view, period(view)),
            lambda view, out: emit(view, out, "_dsp"),
        ),
        Variant(f"{name} portable", always, cost, lambda view, out: emit(view, out, "")),
    )


VARIANTS = variants("elementwise", _period, _emit)
