"""Resizing by tables."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import (
    float_cycles,
    interpolation_parameters,
    is_integer,
    kernel_suffix,
    of_float32,
    of_values,
    requantize_cycles,
    value_suffix,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.resize2d import Resize2d


def _cost(view: NodeView[Resize2d]) -> Cost:
    output = view.outputs[0]
    if _is_nearest(view):
        words = output.line_bytes // output.shape[2] in (4, 8, 16)
        return Cost(0, (output.line_bytes if words else 3 * output.line_bytes) + 12 * output.shape[2])
    products = 24 if _is_pair(view) else 8 * _taps(view)
    return Cost(0, (products + requantize_cycles(view.core)) * output.line_elements + 100)


def _float_cost(view: NodeView[Resize2d]) -> Cost:
    return Cost(0, round(1.5 * float_cycles(view.core) * _taps(view) * view.outputs[0].line_elements) + 100)


def _taps(view: NodeView[Resize2d]) -> int:
    """Products of a result."""
    return int(view.constants["rows"].shape[1] * view.constants["columns"].shape[1])


def _is_pair(view: NodeView[Resize2d]) -> bool:
    """Bilinear in integers: the kernel of two rows and columns."""
    return of_values(view) and all(view.constants[name].shape[1] == 2 for name in ("rows", "columns"))


def _is_nearest(view: NodeView[Resize2d]) -> bool:
    return view.operator.method == "nearest"


def _is_real(view: NodeView[Resize2d]) -> bool:
    """Of codes of uint8 by TensorFlow Lite."""
    return isinstance(view.operator.arithmetic, tflite.RealInterpolation)


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


def _emit_pair(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    """Two rows and two columns each, in integers."""
    operator = view.operator
    rows, row_weights = _read_rows(view.constants["rows"], view.constants["row_weights"])
    suffix = value_suffix(view)
    parameters = out.parameters(
        view,
        f"tinyseg_resize2d{suffix}",
        {
            "columns": out.constant("columns", view.constants["columns"].astype(np.uint16)),
            "column_weights": out.constant("column_weights", view.constants["column_weights"].astype(np.int16)),
            "width": view.outputs[0].shape[2],
            "channels": view.outputs[0].shape[3],
            **interpolation_parameters(operator.arithmetic),
        },
    )
    row_table = out.constant("rows", rows.astype(np.uint16))
    weight_table = out.constant("row_weights", row_weights.astype(np.int16))
    first = out.line(0, f"{row_table}[2u * step]")
    second = out.line(0, f"{row_table}[2u * step + 1u]")
    out.write(
        f"tinyseg_resize2d_linear{suffix}_line({parameters}, {first}, {second}, "
        f"{weight_table}[2u * step], {weight_table}[2u * step + 1u], {out.output()});"
    )


def _emit_taps(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    """Any number of rows and columns; rows of weight 0 are NULL: their lines need not exist any more."""
    arithmetic = view.operator.arithmetic
    assert arithmetic is not None
    kernel = f"tinyseg_resample2d{kernel_suffix(arithmetic)}"
    out.modules.add(kernel)
    if not is_integer(arithmetic):
        out.modules.add("tinyseg_fma_f32")
    constants = view.constants
    weight_type = np.int16 if is_integer(arithmetic) else np.float32
    row_weights, column_weights = (constants[f"{axis}_weights"].astype(weight_type) for axis in ("row", "column"))
    taps = row_weights.shape[1]
    parameters = out.parameters(
        view,
        kernel,
        {
            "columns": out.constant("columns", constants["columns"].astype(np.uint16)),
            "column_weights": out.constant("column_weights", column_weights),
            "rows": taps,
            "taps": column_weights.shape[1],
            "width": view.outputs[0].shape[2],
            "channels": view.outputs[0].shape[3],
            **interpolation_parameters(arithmetic),
        },
    )
    rows, weights = out.constant("rows", constants["rows"].astype(np.uint16)), out.constant("row_weights", row_weights)
    at = "step" if taps == 1 else f"step * {taps}u"
    row = f"{rows}[{at} + i]"
    out.write(f"const {out.element()} *lines[{taps}];", f"for (uint32_t i = 0; i < {taps}u; ++i) {{")
    zero = "0" if is_integer(arithmetic) else "0.0f"
    out.write(f"    lines[i] = {weights}[{at} + i] == {zero} ? NULL : {out.line(0, row)};", "}")
    out.write(f"{kernel}_line({parameters}, lines, {weights} + {at}, {out.output()});")


def _emit_real(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    """Two rows and two columns of codes each, in float32."""
    arithmetic, constants = view.operator.arithmetic, view.constants
    assert isinstance(arithmetic, tflite.RealInterpolation)
    _expect_small(view)
    out.modules.add("tinyseg_resize2d_tflite")
    rows, row_weights = _read_rows(constants["rows"], constants["row_weights"])
    parameters = out.parameters(
        view,
        "tinyseg_resize2d_tflite",
        {
            "columns": out.constant("columns", constants["columns"].astype(np.uint16)),
            "column_weights": out.constant("column_weights", constants["column_weights"]),
            "width": view.outputs[0].shape[2],
            "channels": view.outputs[0].shape[3],
            "lines_are_columns": int(arithmetic.lines_are_columns),
        },
    )
    row_table = out.constant("rows", rows.astype(np.uint16))
    weight_table = out.constant("row_weights", row_weights)
    first, second = out.line(0, f"{row_table}[2u * step]"), out.line(0, f"{row_table}[2u * step + 1u]")
    out.write(
        f"tinyseg_resize2d_tflite_line({parameters}, {first}, {second}, {weight_table} + 2u * step, {out.output()});"
    )


def _read_rows(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows and their weights; a row of weight 0 is the other one, as its line need not exist any more."""
    first, second = rows[:, 0], rows[:, 1]
    read = np.stack([np.where(weights[:, 0] == 0, second, first), np.where(weights[:, 1] == 0, first, second)], axis=1)
    return read, weights


def _expect_small(view: NodeView[Resize2d]) -> None:
    if view.inputs[0].lines > 65535 or view.inputs[0].shape[2] > 65535:
        raise view.error("maps larger than 65,535 lines or pixels cannot be resized")


def _emit(view: NodeView[Resize2d], out: FunctionWriter) -> None:
    _expect_small(view)
    if _is_pair(view) or _is_nearest(view):
        out.modules.add("tinyseg_resize2d" if _is_nearest(view) else f"tinyseg_resize2d{value_suffix(view)}")
    if _is_nearest(view):
        _emit_nearest(view, out)
    elif _is_pair(view):
        _emit_pair(view, out)
    else:
        _emit_taps(view, out)


VARIANTS: tuple[Variant[Resize2d], ...] = (
    Variant("resize2d of uint8", _is_real, _float_cost, _emit_real),
    Variant(
        "resize2d portable",
        lambda view: _is_nearest(view) or (of_values(view) and not _is_real(view)),
        _cost,
        _emit,
    ),
    Variant("resize2d float32", lambda view: of_float32(view) and not _is_nearest(view), _float_cost, _emit),
)
