"""Binary arithmetic in float32."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_emission import clamp_value, cycles_per_operation, use
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_elementwise import FloatElementwise, full_operand
from tinyseg_tvm.operators.float_elementwise_constant import FloatElementwiseConstant

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "max": ">", "min": "<"}
_SWAPPED = {"sub": "r", "div": "d", "max": "M", "min": "m"}


def cost(view: NodeView) -> Cost:
    """An operation and a clamp per element."""
    return Cost(0, round(1.5 * cycles_per_operation(view.core) * view.outputs[0].line_elements) + 40)


def emit_binary(view: NodeView, out: FunctionWriter, a: str, b: str, *, period: int, swapped: bool) -> None:
    """Write the call on operand lines ``a`` (as long as the result) and ``b``, which repeats after ``period`` elements.

    ``swapped``: ``a`` is the operator's right operand.
    """
    operator = cast("FloatElementwise | FloatElementwiseConstant", view.operator)
    symbol = _SYMBOLS[operator.function]
    use(out, "tinyseg_elementwise_f32")
    parameters = out.parameters(
        view,
        "tinyseg_elementwise_f32",
        {
            "period": period,
            "function": f"'{_SWAPPED.get(operator.function, symbol) if swapped else symbol}'",
            "clamp": clamp_value(operator),
        },
    )
    elements = view.outputs[0].line_elements
    out.write(f"tinyseg_elementwise_f32_line({parameters}, {a}, {b}, {out.output(ctype='float')}, {elements}u);")


def _emit(view: NodeView, out: FunctionWriter) -> None:
    full = full_operand(view.inputs)
    other, output = view.inputs[1 - full], view.outputs[0]
    by_lines = other.shape == output.shape
    period = output.line_elements if by_lines else other.elements
    b = out.line(1 - full, "step" if by_lines else "0u", "float")
    emit_binary(view, out, out.line(full, ctype="float"), b, period=period, swapped=full == 1)


VARIANTS = (Variant("float_elementwise", always, cost, _emit),)
