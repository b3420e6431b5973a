"""Rules for binary operators, of two activations or of an activation and a constant."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Elementwise, ElementwiseConstant
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.relay_passes.computations import Computation, computing
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.quantized_operands import TO_NHWC

_FUNCTIONS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "maximum": "max", "minimum": "min"}


@computing(*_FUNCTIONS)
def binary(found: Computation) -> Expr | None:
    """Two activations of equal shapes, or one broadcast: a single element, or one per channel of a feature map."""
    lhs, rhs = found.activation(0), found.activation(1)
    if lhs is None or rhs is None:
        return None
    computed = _function(found)
    shape, shapes = shape_of(found.call), [shape_of(lhs), shape_of(rhs)]
    if computed is None or shape not in shapes:
        return None
    operator = Elementwise(*computed)
    alike = shapes[0] == shapes[1] or any(np.prod(each, dtype=np.int64) == 1 for each in shapes)
    if alike or (len(shape) == 4 and all(each in (shape, (1, 1, 1, shape[3])) for each in shapes)):
        return found.emit(operator, [lhs, rhs])
    return found.in_nhwc(operator, [lhs, rhs])


@computing(*_FUNCTIONS)
def binary_with_constant(found: Computation) -> Expr | None:
    """An activation and a constant: a single number, one per channel, or one per element."""
    for index in (0, 1):
        activation, constant = found.activation(index), found.constant(1 - index)
        if activation is not None and constant is not None:
            break
    else:
        return None
    shape = shape_of(found.call)
    computed = _function(found)
    if computed is None or shape_of(activation) != shape or not shape:
        return None
    function, arithmetic = computed
    operator = ElementwiseConstant(function, index == 1, arithmetic)
    padded: tuple[int, ...] = (1,) * (len(shape) - constant.ndim) + constant.shape
    if constant.size == 1 or constant.size == shape[-1] == padded[-1]:
        return found.emit(operator, [activation], {"other": constant.reshape(-1)})
    if len(shape) != 4:
        return found.emit(operator, [activation], {"other": np.broadcast_to(constant.reshape(padded), shape)})
    if constant.size == shape[1] == padded[1]:
        other = constant.reshape(-1)
    else:
        other = np.broadcast_to(constant.reshape(padded), shape).transpose(TO_NHWC)
    return found.in_nhwc(operator, [activation], {"other": other})


def _function(found: Computation) -> tuple[str, forms.Binary] | None:
    """The call's function and arithmetic, where this has such a function."""
    function, arithmetic = _FUNCTIONS[str(found.call.op.name).removeprefix("relax.")], found.binary()
    return (function, arithmetic) if function in arithmetic.functions else None
