"""Integers of 8 or 16 bits to float32."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import as_float, quantizer_names
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.dequantize import Dequantize


def _cost(view: NodeView[Dequantize]) -> Cost:
    return Cost(0, (12 if view.core.has_fpu else 120) * view.outputs[0].line_elements)


def _emit(view: NodeView[Dequantize], out: FunctionWriter) -> None:
    operator = view.operator
    module, struct, kernel, element = quantizer_names("dequantize", view.inputs[0].dtype)
    out.modules.add(module)
    parameters = out.parameters(
        view,
        struct,
        {
            "scale": as_float(operator.scale),
            "zero_point": operator.zero_point,
            "minimum": int(np.iinfo(view.inputs[0].dtype).min),
        },
    )
    source, target = out.line(0, ctype=element), out.output()
    out.write(f"{kernel}({parameters}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Dequantize], ...] = (Variant("dequantize portable", always, _cost, _emit),)
