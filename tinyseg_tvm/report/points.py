"""Points of the trade-off between RAM and what is paid for it: recomputed MACs and bytes written to storage."""

from __future__ import annotations

from collections.abc import Iterable
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


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """Points that no other point beats in one of RAM, MACs and bytes written without losing in another; by RAM."""
    candidates = list(points)

    def dominated(point: Point) -> bool:
        mine = (point.ram, point.macs, point.written)
        return any(
            all(a <= b for a, b in zip(theirs, mine, strict=True)) and theirs != mine
            for theirs in ((other.ram, other.macs, other.written) for other in candidates)
        )

    return sorted((point for point in candidates if not dominated(point)), key=lambda p: (p.ram, p.macs, p.written))
