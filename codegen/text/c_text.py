"""C source text of values: arrays, initialisers, numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "float32": "float",
    "float64": "double",
    "bool": "uint8_t",
}


def c_float(value: float) -> str:
    """A float32 literal that reads back as exactly ``value`` (nine significant digits determine a float32)."""
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return f"{text}f"


_LEAST_INT64 = "(-9223372036854775807LL - 1)"  # C has no literal of it: it would be minus one that is too large


def c_integer(value: int) -> str:
    """A literal of an integer of at most 64 bits."""
    return _LEAST_INT64 if value == -(2**63) else str(value)


def _literals(array: np.ndarray) -> Iterable[str]:
    flat = array.reshape(-1)
    if flat.dtype == np.float32:
        return (c_float(v) for v in flat)
    if flat.dtype == np.float64:
        return (np.format_float_scientific(v, unique=True, trim="0") for v in flat)
    if flat.dtype == np.int32:
        return ("(-2147483647 - 1)" if v == -(2**31) else str(v) for v in flat.tolist())
    if flat.dtype == np.int64:
        return (_LEAST_INT64 if v == -(2**63) else f"{v}LL" for v in flat.tolist())
    if flat.dtype == np.uint64:
        return (f"{v}ULL" for v in flat.tolist())
    if flat.dtype == np.uint32:
        return (f"{v}u" for v in flat.tolist())
    return (str(int(v)) for v in flat.tolist())


def c_array(array: np.ndarray, width: int = 118) -> str:
    """The values between braces, wrapped at ``width`` columns."""
    lines: list[str] = []
    line = "   "
    for literal in _literals(array):
        if len(line) + len(literal) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {literal},"
    lines.append(line)
    return "{\n" + "\n".join(lines) + "\n}"
