"""Lines from storage."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.storing import step_cycles, storage_call
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators import Fetch
from tinyseg_tvm.operators.stored_records import NO_CODEC


def _cost(view: NodeView[Fetch]) -> Cost:
    return Cost(0, step_cycles(view.outputs[0].line_bytes, view.operator.codec))


def _emit(view: NodeView[Fetch], out: FunctionWriter) -> None:
    operator = view.operator
    records = operator.records(view.inputs[0])
    first, end = operator.first_line, operator.first_line + records.lines
    statements = storage_call(
        view,
        out,
        records,
        function="tinyseg_fetch_line",
        line=f"step - {first}u" if first else "step",
        data=out.output(ctype="uint8_t"),
        lengths="NULL" if operator.codec == NO_CODEC else out.line(0, "0u", "uint8_t"),
    )
    if len(view.inputs) == 1:
        out.write(*statements)
        return
    out.modules.add("tinyseg_copy")
    outside = f"step >= {end}u" if first == 0 else f"step < {first}u || step >= {end}u"
    out.write(f"if ({outside}) {{ /* kept in RAM */")
    out.write(
        f"    tinyseg_move({out.output(ctype='uint8_t')}, {out.line(1, ctype='uint8_t')}, {records.line_bytes}u);"
    )
    out.write("} else {", *(f"    {statement}" for statement in statements), "}")


VARIANTS: tuple[Variant[Fetch], ...] = (Variant("fetch", always, _cost, _emit),)
