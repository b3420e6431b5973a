"""Binary arithmetic in float32 with a constant."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_elementwise import cost, emit_binary
from tinyseg_tvm.operators.float_elementwise_constant import FloatElementwiseConstant


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatElementwiseConstant, view.operator)
    other = view.constants["other"]
    elements = view.outputs[0].line_elements
    symbol = out.constant("other", other)
    repeats = other.shape != view.inputs[0].shape
    b = symbol if repeats or view.access.steps == 1 else f"{symbol} + step * {elements}u"
    period = other.size if repeats else elements
    emit_binary(view, out, out.line(0, ctype="float"), b, period=period, swapped=operator.constant_is_lhs)


VARIANTS = (Variant("float_elementwise_constant", always, cost, _emit),)
