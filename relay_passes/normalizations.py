"""Rules that spell normalisations and logarithms of softmax in reductions and functions of each element.

Those run by line: a reduction in one pass over the lines, what is done with its results in a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import relax

from tinyseg_tvm.relay_passes.expressions import Expr, Var, dtype_of, has_static_shape, is_call, shape_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite


def spell_layer_norm(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over the last axes."""
    if not is_call(value, "nn.layer_norm") or not has_static_shape(value) or dtype_of(value) != "float32":
        return None
    attributes, (data, gamma, beta) = value.attrs, value.args
    axes = sorted(int(axis) % len(shape_of(data)) for axis in attributes.axes)
    emit = _emitter(rewrite, name)
    mean, variance = (
        emit(reduce(data, axes, keepdims=True), suffix)
        for reduce, suffix in ((relax.op.mean, "mean"), (relax.op.variance, "variance"))
    )
    guarded = emit(relax.op.add(variance, relax.const(float(attributes.epsilon), "float32")), "guarded")
    apart = emit(relax.op.subtract(data, mean), "apart")
    result = emit(relax.op.divide(apart, emit(relax.op.sqrt(guarded), "deviation")), "normal")
    shape = _spread(shape_of(data), axes)
    if attributes.scale:
        result = emit(relax.op.multiply(result, _reshaped(emit, gamma, shape, "gamma")), "scaled")
    if attributes.center:
        result = emit(relax.op.add(result, _reshaped(emit, beta, shape, "beta")), "centred")
    return result


def spell_log_softmax(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """``d - log(sum(exp(d)))`` with ``d = x - max(x)``."""
    if not is_call(value, "nn.log_softmax") or not has_static_shape(value) or dtype_of(value) != "float32":
        return None
    data, axis = value.args[0], int(value.attrs.axis)
    emit = _emitter(rewrite, name)
    apart = emit(relax.op.subtract(data, emit(relax.op.max(data, axis, keepdims=True), "largest")), "apart")
    total = emit(relax.op.sum(emit(relax.op.exp(apart), "exponentials"), axis, keepdims=True), "total")
    return relax.op.subtract(apart, emit(relax.op.log(total), "logarithm"))


Emit = Callable[[Expr, str], Var]


def _emitter(rewrite: Rewrite, name: str) -> Emit:
    return lambda expression, suffix: rewrite.emit(expression, f"{name}_{suffix}")


def _spread(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape that what lies along ``axes`` alone has beside a tensor of ``shape``."""
    return tuple(extent if axis in axes else 1 for axis, extent in enumerate(shape))


def _reshaped(emit: Emit, expression: Expr, shape: tuple[int, ...], suffix: str) -> Expr:
    return expression if shape_of(expression) == shape else emit(relax.op.reshape(expression, shape), suffix)
