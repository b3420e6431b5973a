"""Names that are safe everywhere: unique, printable, recognisable.

ONNX node names may be empty, repeated, or hold anything (quotes, newlines, comment ends, paths). The rest of the
compiler uses the names made here for Relax bindings, reports, and as the stem of C identifiers.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

MAX_LENGTH = 64  # characters of a model's name; what is derived from it may be longer


def printable_name(name: str, fallback: str) -> str:
    """``name`` reduced to ASCII letters, digits and underscores; ``fallback`` where nothing remains.

    TFLite joins the names of fused operators by semicolons; the first says enough.
    """
    first = next((part for part in name.split(";") if part.strip()), "")
    ascii_name = unicodedata.normalize("NFKD", first).encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"[^A-Za-z0-9_]+", "_", ascii_name).strip("_")[:MAX_LENGTH].rstrip("_")
    text = text or fallback
    return f"_{text}" if text[0].isdigit() else text


class NameSupply:
    """Hands out names that differ even where case is ignored (file systems, some linkers)."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str, fallback: str) -> str:
        """A printable name close to ``name`` that was not handed out before."""
        return self.distinct(printable_name(name, fallback))

    def distinct(self, stem: str) -> str:
        """``stem``, numbered where it was handed out before."""
        candidates = itertools.chain([stem], (f"{stem}_{i}" for i in itertools.count(1)))
        result = next(text for text in candidates if text.lower() not in self._taken)
        self._taken.add(result.lower())
        return result
