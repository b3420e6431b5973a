"""Concatenation by copying (where it could not be avoided)."""

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
from tinyseg_tvm.operators.concat import Concat


def _emit(view: NodeView[Concat], out: FunctionWriter) -> None:
    operator = view.operator
    axis = view.outputs[0].line_axis
    if not view.access.whole_writes[0] and operator.axis == axis:
        _emit_lines(view, out)
        return
    begin = 0
    for i, operand in enumerate(view.inputs):
        base = addresses(view.outputs[0])
        target = base[(slice(None),) * operator.axis + (slice(begin, begin + operand.shape[operator.axis]),)]
        source = addresses(operand)
        if not view.access.whole_writes[0]:
            source, target, base = (line_of(v, axis, 0) for v in (source, target, base))
        pointer = plus(bytes_output(view, out), view_offset(target, base))
        write_copy(view, out, between_views(source, target), bytes_line(view, out, i), pointer)
        begin += operand.shape[operator.axis]


def _emit_lines(view: NodeView[Concat], out: FunctionWriter) -> None:
    """One operand's lines after the other's."""
    out.modules.add("tinyseg_copy")
    out.write("const uint8_t *line;")
    begin = 0
    for i, operand in enumerate(view.inputs):
        end = begin + operand.lines
        index = "step" if begin == 0 else f"step - {begin}u"
        condition = "else {" if i == len(view.inputs) - 1 else f"if (step < {end}u) {{"
        if i > 0 and i < len(view.inputs) - 1:
            condition = f"else {condition}"
        if len(view.inputs) == 1:
            condition = "{"
        out.write(condition, f"    line = {out.line(i, index, 'uint8_t')};", "}")
        begin = end
    out.write(f"tinyseg_move({out.output(ctype='uint8_t')}, line, {view.outputs[0].line_bytes}u);")


VARIANTS: tuple[Variant[Concat], ...] = (Variant("concat", always, line_cost(2.0), _emit),)
