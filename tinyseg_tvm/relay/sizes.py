"""Byte counts as users write them: ``64K``, ``64KiB``, ``1M``, ``65536``."""

from __future__ import annotations

import re

from tinyseg_tvm.errors import UsageError

_UNITS = {"": 1, "B": 1, "K": 1024, "KB": 1024, "KIB": 1024, "M": 1024**2, "MB": 1024**2, "MIB": 1024**2}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_size(text: str, what: str = "size") -> int:
    """Bytes of a size such as ``64K``, ``1.5M`` or ``65536``; K and M are powers of 1024.

    Raises:
        UsageError: the text is no size.
    """
    match = _PATTERN.fullmatch(text.strip())
    unit = match.group(2).upper() if match else None
    if match is None or unit not in _UNITS:
        raise UsageError(f"{what}: {text!r} is not a size; write bytes or a number with K, KiB, M or MiB, e.g. 64K")
    return int(float(match.group(1)) * _UNITS[unit])
