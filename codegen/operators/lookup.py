"""Functions of one byte."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost


def _emit(view: NodeView, out: FunctionWriter) -> None:
    out.modules.add("tinyseg_lookup")
    table = out.constant("table", view.constants["table"].view(np.uint8))
    source, target = out.line(0, ctype="uint8_t"), out.output(ctype="uint8_t")
    out.write(f"tinyseg_lookup_line({table}, {source}, {target}, {view.outputs[0].line_elements}u);")


VARIANTS = (Variant("lookup", always, line_cost(8.0), _emit),)
