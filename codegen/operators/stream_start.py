"""Lines from before an endless stream began, as padding."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.copying import bytes_line, bytes_output
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.stream_start import StreamStart


def _emit(view: NodeView[StreamStart], out: FunctionWriter) -> None:
    operator, result = view.operator, view.outputs[0]
    out.modules.add("tinyseg_copy")
    early = f"(uint32_t)*{out.line(1, '0u')} * {operator.advance}u + step < {operator.first}u"
    if operator.edge:
        following = f"({early}) && step + 1u < {result.lines}u ? step + 1u : step"
        out.write(f"const uint32_t line = {following};")
        out.write(f"tinyseg_move({bytes_output(view, out)}, {bytes_line(view, out, 0, 'line')}, {result.line_bytes}u);")
        return
    value = np.asarray(operator.value).astype(result.dtype).reshape(1)
    symbol = out.constant("value", value.view(np.uint8))
    fill = f"tinyseg_fill({bytes_output(view, out)}, {symbol}, {value.itemsize}u, {result.line_elements}u);"
    move = f"tinyseg_move({bytes_output(view, out)}, {bytes_line(view, out, 0)}, {result.line_bytes}u);"
    out.write(f"if ({early}) {{", f"    {fill}", "} else {", f"    {move}", "}")


VARIANTS: tuple[Variant[StreamStart], ...] = (Variant("stream_start", always, line_cost(1.0), _emit),)
