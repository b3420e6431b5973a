"""Softmax along the axis that lines are indices of: by reducers, so that the map is there once, as it is stored."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.operators import Pointwise, Reduce, Softmax
from tinyseg_tvm.operators.arithmetic import float32, onnx
from tinyseg_tvm.relay_passes.expression_writer import ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, emit_operator
from tinyseg_tvm.relay_passes.rewriting import Rewrite

LINES = 1  # axis of a map (1, H, W, C)


def softmax_across_lines(rewrite: Rewrite, name: str, call: OperatorCall, base: Expr) -> Expr | None:
    """The largest value of each place of a line, the sum of the exponentials, and their shares: three operators.

    Args:
        rewrite: where they are bound.
        name: of the last one.
        call: the softmax.
        base: its operand as it is stored, (1, H, ...).

    Returns:
        None for a rule that has other exponentials, and for integers that stand for unknown numbers.
    """
    arithmetic = cast(Softmax, call.operator).arithmetic
    quantization = rewrite.quantization.get(base)
    if not isinstance(arithmetic, (float32.Softmax, onnx.Softmax)):
        return None
    integers = isinstance(arithmetic, onnx.Softmax)
    if integers and quantization is None:
        return None

    def exponential(writer: ExpressionWriter, *operands: Expr) -> Ref:
        apart = writer("sub", *(writer.activation(each) for each in operands))
        if quantization is not None and integers:
            apart = writer("mul", apart, quantization.scale)
        return writer("exp", apart)

    largest = emit_operator(rewrite, f"{name}_largest", Reduce("max", (LINES,)), base)
    if quantization is not None:
        rewrite.quantization[largest] = quantization
    sums, shares = ExpressionWriter(), ExpressionWriter()
    exponential(sums, base, largest)
    total = emit_operator(rewrite, f"{name}_total", Pointwise(sums.text, "float32", (LINES,)), *sums.activations)
    share = shares("div", exponential(shares, base, largest), shares.activation(total))
    if isinstance(arithmetic, onnx.Softmax):
        shares("quantize", share, arithmetic.output_scale, str(arithmetic.output_zero_point))
    return emit_operator(rewrite, name, Pointwise(shares.text, arithmetic.dtype), *shares.activations)
