"""Any function of one int8 value, as a table of 256 entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Lookup(Operator):
    """Unary activations, clips, requantisation and the conversion between uint8 and int8.

    ``y = table[x as uint8 bit pattern]``. Constants: ``table`` (256,) int8 or uint8.
    """

    kind: ClassVar[str] = "lookup"
    constant_names: ClassVar[tuple[str, ...]] = ("table",)

    output_dtype: str  # "int8" or "uint8"
