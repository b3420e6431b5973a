"""The same elements under another shape: a copy, or nothing where the plan put the result in place."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.copying import bytes_line, bytes_output
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators import Operator


def _emit(view: NodeView[Operator], out: FunctionWriter) -> None:
    out.modules.add("tinyseg_copy")
    whole = view.access.whole_writes[0]
    size = view.outputs[0].bytes if whole else view.outputs[0].line_bytes
    out.write(f"tinyseg_move({bytes_output(view, out)}, {bytes_line(view, out, 0)}, {size}u);")


VARIANTS: tuple[Variant[Operator], ...] = (Variant("reshape", always, line_cost(1.0), _emit),)
