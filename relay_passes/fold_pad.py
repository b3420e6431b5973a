"""A pad that only convolutions and poolings read becomes their own padding.

Exact where the padded value is what the operator's own padding stands for: the operand's zero for a convolution or an
average pool that counts its padding, the lowest value of the type for a max pool. The padded map, often the largest
tensor of a network with strided convolutions, then never exists.
"""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.operators import (
    AveragePool2d,
    Conv2d,
    MaxPool2d,
    Operator,
    Pad,
)
from tinyseg_tvm.operators.tensor_type import lowest_value
from tinyseg_tvm.relay_passes.dataflow import Binding
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def _fold(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    call = operator_call(value)
    if call is None or not call.activations:
        return None
    pad = operator_call(rewrite.producer(call.activations[0]))
    if pad is None or not isinstance(pad.operator, Pad):
        return None
    if any(_absorbed(pad.operator, reader) is None for reader in rewrite.readers(call.activations[0])):
        return None
    operator = _with_padding(pad.operator, call)
    return None if operator is None else replace(call, operator=operator, activations=pad.activations).to_relax()


fold_pad = main_pass("fold_pad", _fold)
"""Folds pads into the operators that read them."""


def _absorbed(pad: Pad, reader: Binding | None) -> Operator | None:
    call = operator_call(reader.value) if reader is not None else None
    return None if call is None else _with_padding(pad, call)


def _with_padding(pad: Pad, call: OperatorCall) -> Operator | None:
    """The operator that reads the pad with this in its own padding, or None where that is not the same."""
    if len(call.activations) != 1 or len(pad.before) != 4:
        return None
    if any((pad.before[0], pad.before[3], pad.after[0], pad.after[3])):
        return None
    operator = call.operator
    extra = (pad.before[1], pad.before[2], pad.after[1], pad.after[2])
    if isinstance(operator, Conv2d) and pad.value == operator.arithmetic.operand_zero:
        return replace(operator, padding=_sum(operator.padding, extra))
    if isinstance(operator, MaxPool2d) and pad.value <= lowest_value(dtype_of(call.activations[0])):
        padding = _sum(operator.padding, extra)
        reach = tuple(d * (k - 1) for d, k in zip(operator.dilation, operator.kernel, strict=True))
        return replace(operator, padding=padding) if _within(padding, reach) else None
    if isinstance(operator, AveragePool2d) and pad.value == operator.arithmetic.operand_zero:
        counted = operator.count_include_pad or not any(operator.padding)
        return replace(operator, padding=_sum(operator.padding, extra), count_include_pad=True) if counted else None
    return None


def _sum(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])


def _within(padding: tuple[int, int, int, int], reach: tuple[int, ...]) -> bool:
    """True where no window lies in the padding alone."""
    return max(padding[0], padding[2]) <= reach[0] and max(padding[1], padding[3]) <= reach[1]
