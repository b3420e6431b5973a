"""The Relax operator ``image.resample2d``: a map (N, C, H, W) whose rows and columns are sums of others by tables.

Relax has a resize of its own, which knows neither scales apart from sizes nor antialiasing. Operands: the map; the
sources (OH, T) int32 and weights (OH, T) float32 of each row; those of each column. The attribute ``method`` says how
they were found; ``nearest`` picks elements: one source each, of weight 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax, te

from tinyseg_tvm.frontend.resampling import Taps

NAME = "relax.image.resample2d"


def resample2d(data: Any, method: str, rows: Taps, columns: Taps) -> Any:
    """The call."""
    tables = [relax.const(np.ascontiguousarray(array)) for t in (rows, columns) for array in (t.sources, t.weights)]
    return relax.Call(tvm.ir.Op.get(NAME), [data, *tables], tvm.ir.make_node("ir.DictAttrs", method=method))


def _infer(call: Any, _context: object) -> Any:
    data, rows, _, columns, _ = call.args
    shape = [*list(data.ty.shape)[:2], rows.ty.shape[0], columns.ty.shape[0]]
    return relax.TensorType(shape, data.ty.dtype)


def _legalize(builder: Any, call: Any) -> Any:
    """As sums over both tables; what no rule of ours takes."""

    def sums(data: te.Tensor, rows: te.Tensor, rw: te.Tensor, columns: te.Tensor, cw: te.Tensor) -> te.Tensor:
        n, c = data.shape[:2]
        down, across = (te.reduce_axis((0, table.shape[1])) for table in (rows, columns))

        def value(*at: Any) -> Any:
            i, j, y, x = at
            picked = data[i, j, rows[y, down], columns[x, across]]
            if str(call.attrs["method"]) != "nearest":
                picked = picked * (rw[y, down] * cw[x, across]).astype(data.dtype)
            return te.sum(picked, axis=[down, across])

        return te.compute((n, c, rows.shape[0], columns.shape[0]), value, name="resample2d")

    return builder.call_te(sums, *call.args, primfunc_name_hint="resample2d")


def _register() -> None:
    for attribute, value in (("FInferType", _infer), ("FPurity", True), ("FLegalize", _legalize)):
        tvm.ir.register_op_attr(NAME, attribute, value)


_register()
