"""Strided part of a tensor."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.copying import (
    addresses,
    between_views,
    bytes_line,
    bytes_output,
    line_of,
    plus,
    view_offset,
    write_copy,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.slice import Slice


def _emit(view: NodeView[Slice], out: FunctionWriter) -> None:
    operator = view.operator
    base = addresses(view.inputs[0])
    source = base[tuple(slice(*bounds) for bounds in zip(operator.begin, operator.end, operator.strides, strict=True))]
    target = addresses(view.outputs[0])
    axis = view.outputs[0].line_axis
    index = "step"
    if not view.access.whole_writes[0]:
        source, target = line_of(source, axis, 0), line_of(target, axis, 0)
        if axis is not None:
            base = line_of(base, axis, operator.begin[axis])
            index = _index(operator.begin[axis], operator.strides[axis])
    pointer = plus(bytes_line(view, out, 0, index), view_offset(source, base))
    write_copy(view, out, between_views(source, target), pointer, bytes_output(view, out))


def _index(begin: int, stride: int) -> str:
    product = "step" if stride == 1 else f"step * {stride}u"
    return product if begin == 0 else f"{product} + {begin}u"


VARIANTS: tuple[Variant[Slice], ...] = (Variant("slice", always, line_cost(4.0), _emit),)
