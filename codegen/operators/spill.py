"""Lines to storage."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.storing import step_cycles, storage_call
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators import Spill


def _cost(view: NodeView[Spill]) -> Cost:
    return Cost(0, step_cycles(view.outputs[0].line_bytes, view.operator.codec))


def _emit(view: NodeView[Spill], out: FunctionWriter) -> None:
    operator = view.operator
    line = f"step + {operator.first_line}u" if operator.first_line else "step"
    statements = storage_call(
        view,
        out,
        operator.records(view.outputs[0]),
        function="tinyseg_spill_line",
        line="step",
        data=out.line(0, line, "uint8_t"),
        lengths=out.output("0u", "uint8_t") if operator.stored_line_bytes else "NULL",
    )
    out.write(*statements)


VARIANTS: tuple[Variant[Spill], ...] = (Variant("spill", always, _cost, _emit),)
