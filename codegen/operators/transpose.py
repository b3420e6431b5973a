"""Permutation of axes, line by line or on the whole tensor."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.copying import (
    addresses,
    between_views,
    bytes_line,
    bytes_output,
    line_of,
    write_copy,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.transpose import Transpose


def _emit(view: NodeView[Transpose], out: FunctionWriter) -> None:
    permutation = view.operator.permutation
    source = addresses(view.inputs[0]).transpose(permutation)
    target = addresses(view.outputs[0])
    if not view.access.whole_writes[0]:
        axis = view.outputs[0].line_axis
        source, target = line_of(source, axis, 0), line_of(target, axis, 0)
    write_copy(view, out, between_views(source, target), bytes_line(view, out, 0), bytes_output(view, out))


VARIANTS: tuple[Variant[Transpose], ...] = (Variant("transpose", always, line_cost(12.0), _emit),)
