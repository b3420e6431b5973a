"""Binary arithmetic with a constant: one number, one per channel or one per element."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.elementwise import emit_binary, variants
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.operators.elementwise_constant import ElementwiseConstant


def _repeats(view: NodeView[ElementwiseConstant]) -> bool:
    other = view.constants["other"]
    return other.ndim == 1 and other.shape != view.inputs[0].shape


def _period(view: NodeView[ElementwiseConstant]) -> int:
    """Elements after which the constant starts again."""
    return int(view.constants["other"].size) if _repeats(view) else view.outputs[0].line_elements


def _emit(view: NodeView[ElementwiseConstant], out: FunctionWriter, family: str) -> None:
    operator = view.operator
    symbol = out.constant("other", view.constants["other"])
    b = symbol if _repeats(view) else f"{symbol} + step * {view.outputs[0].line_elements}u"
    emit_binary(view, out, out.line(0), b, period=_period(view), swapped=operator.constant_is_lhs, family=family)


VARIANTS = variants("elementwise_constant", _period, _emit)
