"""float32 to integers of 8 or 16 bits."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import as_float, quantizer_names
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.quantize import Quantize

_CYCLES, _CYCLES_BY_SOFTWARE, _CYCLES_ON_ARMV6M = 32, 250, 600  # of an element: almost all of them are its division


def _cost(view: NodeView[Quantize]) -> Cost:
    by_software = _CYCLES_BY_SOFTWARE if view.core.has_wide_multiply else _CYCLES_ON_ARMV6M
    return Cost(0, (_CYCLES if view.core.has_fpu else by_software) * view.outputs[0].line_elements)


def _emit(view: NodeView[Quantize], out: FunctionWriter) -> None:
    operator = view.operator
    module, struct, kernel, element = quantizer_names("quantize", operator.output_dtype)
    out.modules.add(module)
    parameters = out.parameters(
        view,
        struct,
        {
            "scale": as_float(operator.scale),
            "zero_point": operator.zero_point,
            "minimum": int(np.iinfo(operator.output_dtype).min),
        },
    )
    source, target = out.line(0), out.output(ctype=element)
    out.write(f"{kernel}({parameters}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Quantize], ...] = (Variant("quantize portable", always, _cost, _emit),)
