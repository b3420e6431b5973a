"""Max pooling in float32."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_pooling import emit_window, window_cost
from tinyseg_tvm.operators.float_max_pool2d import FloatMaxPool2d


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatMaxPool2d, view.operator)
    emit_window(view, out, operator, "max", dilation=operator.dilation, fixed_count=0)


VARIANTS = (Variant("float_max_pool2d", always, window_cost, _emit),)
