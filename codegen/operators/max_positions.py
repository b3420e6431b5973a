"""Where maxima lie in their windows."""

from __future__ import annotations

import math

from tinyseg_tvm.codegen.operators.arithmetic import float_cycles, of_float32
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.pooling import emit_windows
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.max_positions import MaxPositions


def _cost(view: NodeView[MaxPositions]) -> Cost:
    per_tap = float_cycles(view.core) if of_float32(view) else 9
    return Cost(0, round(per_tap * math.prod(view.operator.kernel) * view.outputs[0].line_elements) + 100)


def _emit(view: NodeView[MaxPositions], out: FunctionWriter) -> None:
    suffix = "_f32" if of_float32(view) else ""
    out.modules.add("tinyseg_unpool2d")
    order: dict[str, Field] = {"columns_first": int(view.operator.columns_first)}
    emit_windows(view, out, "tinyseg_max_positions", f"tinyseg_max_positions{suffix}_line", order)


VARIANTS: tuple[Variant[MaxPositions], ...] = (Variant("max_positions portable", always, _cost, _emit),)
