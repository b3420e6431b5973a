"""Functions of each integer, computed."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import fixed_point
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import sigmoid_table
from tinyseg_tvm.operators.unary import Unary

_LETTERS = {"int8": "b", "int16": "h", "int32": "i"}  # of the kernel, for types of elements


def _cost(view: NodeView[Unary]) -> Cost:
    per_value = 24 if view.core.has_wide_multiply else 90
    return Cost(0, per_value * view.outputs[0].line_elements + 40)


def _rescaling(arithmetic: tflite.Rescaling) -> dict[str, Field]:
    low, high = (arithmetic.output_min, arithmetic.output_max) if not arithmetic.wraps else (-(1 << 31), (1 << 31) - 1)
    return {
        "above": int(fixed_point(arithmetic.multiplier, arithmetic.shift)),
        "below": int(fixed_point(arithmetic.below_multiplier, arithmetic.below_shift)),
        "input_zero_point": arithmetic.input_zero_point,
        "output_zero_point": arithmetic.output_zero_point,
        "minimum": low,
        "maximum": high,
        "magnitude": int(arithmetic.magnitude),
        "negated": int(arithmetic.negated),
        "below_negated": int(arithmetic.below_negated),
        "from": f"'{_LETTERS[arithmetic.dtype]}'",
        "to": f"'{_LETTERS[arithmetic.output_dtype]}'",
    }


def _emit(view: NodeView[Unary], out: FunctionWriter) -> None:
    arithmetic = view.operator.arithmetic
    if isinstance(arithmetic, tflite.Rescaling):
        kernel, fields = "tinyseg_rescaling_tflite", _rescaling(arithmetic)
    elif isinstance(arithmetic, tflite.Squashing):
        kernel = "tinyseg_squashing_tflite"
        fields = {
            "table": out.constant("table", sigmoid_table()),
            "multiplier": arithmetic.multiplier,
            "right": arithmetic.right,
            "function": f"'{arithmetic.function[0]}'",
        }
    else:
        raise AssertionError(f"no kernel computes {arithmetic}")
    out.modules.add(kernel)
    parameters = out.parameters(view, kernel, fields)
    out.write(f"{kernel}_line({parameters}, {out.line(0)}, {out.output()}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Unary], ...] = (Variant("unary portable", always, _cost, _emit),)
