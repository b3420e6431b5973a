"""Points of the trade-off between RAM and what is paid for it: recomputed MACs and bytes written to storage."""

from __future__ import annotations

from dataclasses import dataclass

Rival = tuple[str, int, str]
"""A row of a comparison: planner, RAM bytes, remark."""


@dataclass(frozen=True)
class Point:
    """One plan among alternatives, ours or another tool's.

    Attributes:
        ram: peak bytes.
        macs: multiply-accumulates of one inference, recomputed ones included.
        written: bytes written to storage per inference.
        ours: drawn as a plan of this compiler, and joined to its front.
    """

    label: str
    ram: int
    macs: int = 0
    written: int = 0
    ours: bool = True
