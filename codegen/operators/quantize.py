"""float32 to int8 or uint8."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import as_float
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.quantize import Quantize


def _cost(view: NodeView[Quantize]) -> Cost:
    return Cost(0, (32 if view.core.has_fpu else 250) * view.outputs[0].line_elements)


def _emit(view: NodeView[Quantize], out: FunctionWriter) -> None:
    operator = view.operator
    out.modules.add("tinyseg_quantize")
    parameters = out.parameters(
        view,
        "tinyseg_quantization",
        {
            "scale": as_float(operator.scale),
            "zero_point": operator.zero_point,
            "minimum": -128 if operator.output_dtype == "int8" else 0,
        },
    )
    source, target = out.line(0), out.output(ctype="uint8_t")
    out.write(f"tinyseg_quantize_line({parameters}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Quantize], ...] = (Variant("quantize portable", always, _cost, _emit),)
