"""Nearest and bilinear resizing."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import interpolation_parameters, of_values, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.resize2d import Resize2d

_WEIGHT_UNIT = 2048


def _cost(view: NodeView[Resize2d]) -> Cost:
    output = view.outputs[0]
    if _is_nearest(view):
        return Cost(0, 3 * output.line_bytes + 12 * output.shape[2])
    return Cost(0, (24 + requantize_cycles(view.core)) * output.line_elements + 100)


def _is_nearest(view: NodeView[Resize2d]) -> bool:
    return view.operator.method == "nearest"


def row_expression(rows: np.ndarray) -> str | None:
    """``step`` to source row as ``(step * a + b) / c``, None where no small form fits."""
    steps = np.arange(len(rows))
    for divisor in range(1, 17):
        for factor in range(0, 17):
            for offset in range(0, divisor):
                if np.array_equal((steps * factor + offset) // divisor, rows):
                    product = "step" if factor == 1 else f"step * {factor}u"
                    total = product if offset == 0 else f"({product} + {offset}u)"
                    return total if divisor == 1 else f"{total} / {divisor}u"
    return None


def _emit_nearest(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    rows = view.constants["rows"][:, 0]
    columns = out.constant("columns", view.constants["columns"][:, 0].astype(np.uint16))
    row = row_expression(rows)
    if row is None:
        row = f"{out.constant('rows', rows.astype(np.uint16))}[step]"
    pixel_bytes = view.outputs[0].line_bytes // view.outputs[0].shape[2]
    source, target = out.line(0, row, "uint8_t"), out.output(ctype="uint8_t")
    out.write(
        f"tinyseg_resize2d_nearest_line({columns}, {source}, {target}, {view.outputs[0].shape[2]}u, {pixel_bytes}u);"
    )


def _emit_linear(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    operator = view.operator
    rows, row_weights = view.constants["rows"].copy(), view.constants["row_weights"]
    for weights in (row_weights, view.constants["column_weights"]):
        if np.any(weights.sum(axis=1) != _WEIGHT_UNIT) or np.any(weights < 0):
            raise view.error(f"interpolation weights do not sum to {_WEIGHT_UNIT}")
    for unused, used in ((0, 1), (1, 0)):  # a row of weight 0 is not read: its line need not exist any more
        rows[:, unused] = np.where(row_weights[:, unused] == 0, rows[:, used], rows[:, unused])
    parameters = out.parameters(
        view,
        "tinyseg_resize2d",
        {
            "columns": out.constant("columns", view.constants["columns"].astype(np.uint16)),
            "column_weights": out.constant("column_weights", view.constants["column_weights"].astype(np.int16)),
            "width": view.outputs[0].shape[2],
            "channels": view.outputs[0].shape[3],
            **interpolation_parameters(operator.arithmetic, _WEIGHT_UNIT * _WEIGHT_UNIT),
        },
    )
    row_table = out.constant("rows", rows.astype(np.uint16))
    weight_table = out.constant("row_weights", row_weights.astype(np.int16))
    first = out.line(0, f"{row_table}[2u * step]")
    second = out.line(0, f"{row_table}[2u * step + 1u]")
    out.write(
        f"tinyseg_resize2d_linear_line({parameters}, {first}, {second}, "
        f"{weight_table}[2u * step], {weight_table}[2u * step + 1u], {out.output()});"
    )


def _emit(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    if view.inputs[0].lines > 65535 or view.inputs[0].shape[2] > 65535:
        raise view.error("maps larger than 65,535 lines or pixels cannot be resized")
    out.modules.add("tinyseg_resize2d")
    if _is_nearest(view):
        _emit_nearest(view, out)
    else:
        _emit_linear(view, out)


VARIANTS: tuple[Variant[Resize2d], ...] = (
    Variant("resize2d portable", lambda view: _is_nearest(view) or of_values(view), _cost, _emit),
)
