"""Padding with a constant value."""

from __future__ import annotations

import numpy as np

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
from tinyseg_tvm.operators.pad import Pad


def _emit(view: NodeView[Pad], out: FunctionWriter) -> None:
    operator = view.operator
    source, result = view.inputs[0], view.outputs[0]
    out.modules.add("tinyseg_copy")
    value = np.asarray(operator.value).astype(source.dtype).reshape(1)
    symbol = out.constant("value", value.view(np.uint8))
    base = addresses(result)
    inner = base[tuple(slice(b, b + extent) for b, extent in zip(operator.before, source.shape, strict=True))]
    whole = view.access.whole_writes[0]
    axis = result.line_axis
    elements = result.elements if whole else result.line_elements
    fill = f"tinyseg_fill({bytes_output(view, out)}, {symbol}, {value.itemsize}u, {elements}u);"
    if whole or axis is None:
        copied_from, inner_line, base_line = addresses(source), inner, base
        before = 0
    else:
        before = operator.before[axis]
        copied_from, inner_line = line_of(addresses(source), axis, 0), line_of(inner, axis, 0)
        base_line = line_of(base, axis, before)
    index = "step" if before == 0 else f"step - {before}u"
    target = plus(bytes_output(view, out), view_offset(inner_line, base_line))
    body = FunctionWriter(view, out.symbol, out.reads, out.writes, None, None, out.pool)
    write_copy(view, body, between_views(copied_from, inner_line), bytes_line(view, out, 0, index), target)
    out.definitions += body.definitions
    # a line without padding at its ends may be in place already, and must not be filled
    fills = [fill] if source.line_shape != result.line_shape or whole else []
    if whole or axis is None or (before == 0 and result.lines == source.lines):
        out.write(*fills, *body.statements)
        return
    inside = f"step >= {before}u && step < {before + source.lines}u" if before else f"step < {source.lines}u"
    out.write(f"if ({inside}) {{")
    out.write(*(f"    {s}" for s in [*fills, *body.statements]))
    out.write("} else {", f"    {fill}", "}")


VARIANTS: tuple[Variant[Pad], ...] = (Variant("pad", always, line_cost(4.0), _emit),)
