"""Rules for max and average pooling."""

from __future__ import annotations

from tinyseg_tvm.operators import AveragePool2d, MaxPool2d
from tinyseg_tvm.relay_passes.computations import Computation, computing, copying
from tinyseg_tvm.relay_passes.expressions import Call, Expr, shape_of
from tinyseg_tvm.relay_passes.quantized_operands import TO_NHWC


@copying("nn.max_pool2d")
def max_pool2d(found: Computation) -> Expr | None:
    """MaxPool."""
    activation, attributes = found.activation(), found.call.attrs
    if activation is None:
        return None
    kernel, strides, dilation = (
        (int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides, attributes.dilation)
    )
    operator = MaxPool2d(kernel, strides, _exact_padding(found.call, kernel, strides, dilation), dilation)
    return found.in_nhwc(operator, [activation], layout=str(attributes.layout))


@computing("nn.avg_pool2d")
def average_pool2d(found: Computation) -> Expr | None:
    """AveragePool. One that counts padding and also ends in a partial window (``ceil_mode``) stays as it is."""
    activation, attributes = found.activation(), found.call.attrs
    if activation is None or any(int(step) != 1 for step in attributes.dilation):
        return None
    kernel, strides = ((int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides))
    padding = _exact_padding(found.call, kernel, strides, (1, 1))
    count_include_pad = bool(attributes.count_include_pad) and any(padding)
    if count_include_pad and padding != tuple(int(amount) for amount in attributes.padding):
        return None
    operator = AveragePool2d(kernel, strides, padding, count_include_pad, found.average())
    return found.in_nhwc(operator, [activation], layout=str(attributes.layout))


def _exact_padding(
    call: Call, kernel: tuple[int, int], strides: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The padding that gives the call's result size exactly: a partial last window (``ceil_mode``) is padded full."""
    top, left, bottom, right = (int(amount) for amount in call.attrs.padding)
    order = TO_NHWC if str(call.attrs.layout) == "NCHW" else [0, 1, 2, 3]
    before, after = ([shape_of(tensor)[axis] for axis in order] for tensor in (call.args[0], call))

    def end(axis: int, start: int, stated: int) -> int:
        needed = (after[axis + 1] - 1) * strides[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        return max(stated, needed - before[axis + 1] - start) if call.attrs.ceil_mode else stated

    return top, left, end(0, top, bottom), end(1, left, right)
