"""Places along an axis in any order."""

from __future__ import annotations

import math

import numpy as np

from tinyseg_tvm.codegen.operators.copying import bytes_line, bytes_output
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.select import Select


def _emit(view: NodeView[Select], out: FunctionWriter) -> None:
    operand, output, axis = view.inputs[0], view.outputs[0], view.operator.axis
    indices = out.constant("indices", view.constants["indices"])
    if not view.access.whole_reads[0] and axis == output.line_axis:
        out.modules.add("tinyseg_copy")
        line = out.line(0, f"(uint32_t){indices}[step]", "uint8_t")
        out.write(f"tinyseg_move({out.output(ctype='uint8_t')}, {line}, {output.line_bytes}u);")
        return
    out.modules.add("tinyseg_select")
    inner = math.prod(operand.shape[axis + 1 :]) * np.dtype(operand.dtype).itemsize
    taken = operand.bytes if view.access.whole_reads[0] else operand.line_bytes
    parameters = out.parameters(
        view,
        "tinyseg_select",
        {
            "indices": indices,
            "count": output.shape[axis],
            "run_bytes": inner,
            "block_bytes": inner * operand.shape[axis],
            "blocks": taken // (inner * operand.shape[axis]),
        },
    )
    out.write(f"tinyseg_select_runs({parameters}, {bytes_line(view, out, 0)}, {bytes_output(view, out)});")


VARIANTS: tuple[Variant[Select], ...] = (Variant("select", always, line_cost(8.0), _emit),)
