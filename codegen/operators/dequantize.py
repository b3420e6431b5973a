"""int8 or uint8 to float32."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import as_float
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.dequantize import Dequantize


def _cost(view: NodeView[Dequantize]) -> Cost:
    return Cost(0, (12 if view.core.has_fpu else 120) * view.outputs[0].line_elements)


def _emit(view: NodeView[Dequantize], out: FunctionWriter) -> None:
    operator = view.operator
    out.modules.add("tinyseg_quantize")
    parameters = out.parameters(
        view,
        "tinyseg_quantization",
        {
            "scale": as_float(operator.scale),
            "zero_point": operator.zero_point,
            "minimum": -128 if view.inputs[0].dtype == "int8" else 0,
        },
    )
    source, target = out.line(0, ctype="uint8_t"), out.output()
    out.write(f"tinyseg_dequantize_line({parameters}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Dequantize], ...] = (Variant("dequantize portable", always, _cost, _emit),)
