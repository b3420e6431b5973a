"""A constant, copied from flash line by line."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.copying import bytes_output
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.constant import Constant


def _emit(view: NodeView[Constant], out: FunctionWriter) -> None:
    out.modules.add("tinyseg_copy")
    symbol = out.constant("values", view.constants["values"])
    size = view.outputs[0].line_bytes
    source = f"(const uint8_t *){symbol}"
    if view.outputs[0].lines > 1:
        source += f" + step * {size}u"
    out.write(f"tinyseg_move({bytes_output(view, out)}, {source}, {size}u);")


VARIANTS: tuple[Variant[Constant], ...] = (Variant("constant", always, line_cost(1.0), _emit),)
