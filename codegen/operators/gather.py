"""Rows of a constant table by index."""

from __future__ import annotations

import math

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators import Operator


def _emit(view: NodeView[Operator], out: FunctionWriter) -> None:
    table = view.constants["table"]
    indices, output = view.inputs[0], view.outputs[0]
    row = math.prod(table.shape[1:])
    out.modules.add("tinyseg_gather")
    parameters = out.parameters(
        view,
        "tinyseg_gather",
        {"table": out.constant("table", table), "rows": table.shape[0], "row_bytes": row * table.itemsize},
    )
    whole = view.access.whole_writes[0]
    count = indices.elements if whole else output.line_elements // row
    at = "0u" if whole or indices.lines == 1 else "step"
    wide = indices.dtype == "int64"
    source = out.line(0, at, "uint8_t" if wide else "int32_t")
    stride = count * 8 if wide else count
    if not whole and indices.lines == 1 and view.access.steps > 1:
        source = f"{source} + step" if stride == 1 else f"{source} + step * {stride}u"
    target = out.output("0u" if whole else "step", "uint8_t")
    out.write(f"tinyseg_gather_{indices.dtype}({parameters}, {source}, {target}, {count}u);")


VARIANTS: tuple[Variant[Operator], ...] = (Variant("gather", always, line_cost(3.0), _emit),)
