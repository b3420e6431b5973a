"""Sizes in bytes as people write them: ``65536``, ``64K``, ``4M``."""

from __future__ import annotations

import re

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.given import shown

LONGEST_NUMBER = 15  # characters; a float holds so many digits exactly
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def parse_size(text: str | int) -> int:
    """Bytes of a size: an integer, or a decimal number with K, M or G (1024, also written KiB or KB).

    Raises:
        UsageError: not a size, or not a whole number of bytes.
    """
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None or len(match.group(1)) > LONGEST_NUMBER:
        raise UsageError(f"{shown(text)} is not a size in bytes: write 65536, 64K or 1.5M")
    size = float(match.group(1)) * UNITS[match.group(2).upper()]
    if size != int(size):
        raise UsageError(f"{shown(text)} is not a whole number of bytes")
    return int(size)
