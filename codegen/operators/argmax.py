"""Index of the largest value."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.argmax import ArgMax

_ELEMENT_TYPES = ("int8", "uint8", "int16", "int32", "float32")


def _emit(view: NodeView[ArgMax], out: FunctionWriter) -> None:
    operator = view.operator
    source = view.inputs[0]
    if source.dtype not in _ELEMENT_TYPES:
        raise view.error(f"elements of {source.dtype} cannot be compared; {', '.join(_ELEMENT_TYPES)} can")
    out.modules.add("tinyseg_argmax_i16" if source.dtype == "int16" else "tinyseg_argmax")
    whole = view.access.whole_reads[0]
    elements = source.shape[-1] if source.shape else 1
    parameters = out.parameters(
        view,
        "tinyseg_argmax",
        {
            "groups": (source.elements if whole else source.line_elements) // elements,
            "elements": elements,
            "index_bytes": np.dtype(operator.output_dtype).itemsize,
            "last": int(operator.select_last_index),
        },
    )
    line = "0u" if whole else "step"
    out.write(f"tinyseg_argmax_line_{source.dtype}({parameters}, {out.line(0, line)}, {out.output(line, 'uint8_t')});")


VARIANTS: tuple[Variant[ArgMax], ...] = (Variant("argmax portable", always, line_cost(8.0), _emit),)
