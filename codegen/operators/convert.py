"""Numbers as integers of 32 or 64 bits."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.convert import Convert

_CYCLES, _CYCLES_OF_INT64 = 12, 60  # of an element; float32 becomes int64 by software


def _cost(view: NodeView[Convert]) -> Cost:
    from_float = view.inputs[0].dtype == "float32"
    narrow = not from_float or (view.core.has_fpu and not view.operator.wraps and view.operator.output_dtype == "int32")
    return Cost(0, (_CYCLES if narrow else _CYCLES_OF_INT64) * view.outputs[0].line_elements)


def _emit(view: NodeView[Convert], out: FunctionWriter) -> None:
    operator, source = view.operator, view.inputs[0].dtype
    out.modules.add("tinyseg_convert")
    kernel = f"tinyseg_convert_{source}_to_{operator.output_dtype}"
    kernel += "_wrapping" if operator.wraps and (source, operator.output_dtype) == ("float32", "int32") else ""
    lines = f"{out.line(0, 'step', 'uint8_t')}, {out.output('step', 'uint8_t')}"
    out.write(f"{kernel}({lines}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Convert], ...] = (Variant("convert portable", always, _cost, _emit),)
