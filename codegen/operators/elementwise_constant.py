"""Binary arithmetic with a constant per channel or per element."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.elementwise import cost, emit_binary
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.operators.elementwise_constant import ElementwiseConstant


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(ElementwiseConstant, view.operator)
    other = view.constants["other"]
    elements = view.outputs[0].line_elements
    symbol = out.constant("other", other)
    per_channel = other.ndim == 1 and other.shape != view.inputs[0].shape
    b = symbol if per_channel else f"{symbol} + step * {elements}u"
    period = other.size if per_channel else elements
    emit_binary(view, out, out.line(0), b, period=period, swapped=operator.constant_is_lhs)


VARIANTS = (Variant("elementwise_constant portable", always, cost, _emit),)
