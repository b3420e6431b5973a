"""From one quantisation to another."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import as_float
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.requantize import Requantize

_LETTERS = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H"}  # of the kernel, for types of elements


def _is_shift(view: NodeView[Requantize]) -> bool:
    """Whether the scales are equal, so that integers are enough."""
    return as_float(view.operator.input_scale) == as_float(view.operator.output_scale)


def _cost(view: NodeView[Requantize]) -> Cost:
    per_value = 14 if _is_shift(view) else 45 if view.core.has_fpu else 400
    return Cost(0, per_value * view.outputs[0].line_elements + 40)


def _emit(view: NodeView[Requantize], out: FunctionWriter) -> None:
    operator = view.operator
    out.modules.add("tinyseg_requantization")
    parameters = out.parameters(
        view,
        "tinyseg_requantization",
        {
            "input_scale": as_float(operator.input_scale),
            "output_scale": as_float(operator.output_scale),
            "input_zero_point": operator.input_zero_point,
            "output_zero_point": operator.output_zero_point,
            "minimum": operator.output_min,
            "maximum": operator.output_max,
            "from": f"'{_LETTERS[view.inputs[0].dtype]}'",
            "to": f"'{_LETTERS[operator.output_dtype]}'",
        },
    )
    elements = view.outputs[0].line_elements
    out.write(f"tinyseg_requantization_line({parameters}, {out.line(0)}, {out.output()}, {elements}u);")


VARIANTS: tuple[Variant[Requantize], ...] = (Variant("requantize portable", always, _cost, _emit),)
