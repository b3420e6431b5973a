"""Values put back where maxima lay."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.max_unpool2d import MaxUnpool2d


def _emit(view: NodeView[MaxUnpool2d], out: FunctionWriter) -> None:
    operator, result = view.operator, view.outputs[0]
    out.modules |= {"tinyseg_copy", "tinyseg_unpool2d"}
    empty = np.asarray(operator.empty).astype(result.dtype).reshape(1)
    parameters = out.parameters(
        view,
        "tinyseg_max_unpool2d",
        {
            "channels": result.shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_width": result.shape[2],
            "kernel_width": operator.kernel[1],
            "stride": operator.strides[1],
            "pad_left": operator.padding[1],
            "element_bytes": empty.itemsize,
        },
    )
    rows = [operator.rows(line, view.inputs[0].lines) for line in range(result.lines)]
    bounds = np.array([(each.start, max(each.start, each.stop)) for each in rows], np.uint16)
    table, symbol = out.constant("rows", bounds), out.constant("empty", empty.view(np.uint8))
    top, stride = operator.padding[0], operator.strides[0]
    line = out.output(ctype="uint8_t")
    out.write(
        f"uint8_t *const line = {line};",
        f"tinyseg_fill(line, {symbol}, {empty.itemsize}u, {result.line_elements}u);",
        f"for (uint32_t row = {table}[2u * step]; row < {table}[2u * step + 1u]; ++row) {{",
        f"    tinyseg_max_unpool2d_row({parameters}, {out.line(0, 'row', 'uint8_t')}, {out.line(1, 'row', 'uint8_t')}, "
        f"step + {top}u - row * {stride}u, line);",
        "}",
    )


VARIANTS: tuple[Variant[MaxUnpool2d], ...] = (Variant("max_unpool2d", always, line_cost(12.0), _emit),)
