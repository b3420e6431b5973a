"""Functions of one byte."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators import Operator


def _emit(view: NodeView[Operator], out: FunctionWriter, family: str = "") -> None:
    out.modules.add(f"tinyseg_lookup{family}")
    table = out.constant("table", view.constants["table"].view(np.uint8))
    source, target = out.line(0, ctype="uint8_t"), out.output(ctype="uint8_t")
    out.write(f"tinyseg_lookup{family}_line({table}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Operator], ...] = (
    Variant("lookup mve", lambda view: view.core.has_mve, line_cost(1.0), lambda view, out: _emit(view, out, "_mve")),
    Variant("lookup dsp", lambda view: view.core.has_dsp, line_cost(5.0), lambda view, out: _emit(view, out, "_dsp")),
    Variant("lookup", always, line_cost(8.0), _emit),
)
