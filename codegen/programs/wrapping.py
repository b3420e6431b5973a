"""Integer arithmetic of the long tail in C that is defined for all values: what leaves its type wraps.

In C a signed sum that leaves its type is undefined, and compilers make use of it. Sums of values are therefore written
in unsigned arithmetic; those of places alone, which fit, stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm_ffi
from tvm import ir, tirx


def wrap_arithmetic(function: Any) -> Any:
    """The PrimFunc with its sums, differences and products of values in unsigned arithmetic."""
    body = tvm_ffi.structural_map(function.body, ((tirx.Add, tirx.Sub, tirx.Mul), _wrapping))
    return tirx.PrimFunc(function.params, body, function.ret_type, function.attrs)


def _wrapping(value: Any) -> Any:
    try:
        kind = np.dtype(str(value.ty.dtype))
    except (AttributeError, TypeError):
        return value
    if kind.kind not in "iu" or not (_depends_on_values(value.a) or _depends_on_values(value.b)):
        return value
    if kind == np.uint16 and isinstance(value, tirx.Mul):  # C computes it as int
        return type(value)(value.a.astype("uint32"), value.b.astype("uint32")).astype("uint16")
    if kind.kind == "u" or kind.itemsize < 4:  # as int, and cut off
        return value
    # TVM takes casts for changes of representation alone, and derives bounds from them: these are bits.
    unsigned = f"u{kind.name}"
    return tirx.reinterpret(kind.name, type(value)(_bits(value.a, unsigned), _bits(value.b, unsigned)))


def _bits(value: Any, dtype: str) -> Any:
    """An integer's bits as a type without sign."""
    if isinstance(value, tirx.IntImm):
        return tirx.const(int(value.value) % (1 << int(dtype.removeprefix("uint"))), dtype)
    return tirx.reinterpret(dtype, value)


def _depends_on_values(expression: Any) -> bool:
    found = False

    def see(load: Any) -> Any:
        nonlocal found
        found = True
        return load

    tvm_ffi.structural_map(expression, (ir.TensorLoad, see))
    return found
