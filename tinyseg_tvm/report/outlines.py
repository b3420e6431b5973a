"""Outlines of a tensor in address x time: thousands of lines become a few polygons.

Lines that follow each other at one address (the slots of a ring) become a *band*; bands at consecutive addresses that
overlap in time become one polygon with stepped sides. Gaps in time of up to ``tolerance`` steps are closed: the
picture cannot show them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from tinyseg_tvm.report.memory import Owner

Point = tuple[float, float]


@dataclass(frozen=True)
class Band:
    """Bytes ``low`` to ``high`` during steps ``begin`` to ``end``, half-open."""

    low: int
    high: int
    begin: int
    end: int


Outline = tuple[Band, ...]
"""Bands from low to high addresses, each touching the next and overlapping it in time."""


def outlines(owners: Sequence[Owner], steps: int, limit: int = 8000) -> list[list[Outline]]:
    """Outlines of each owner, coarser where there would be more than ``limit`` bands in all."""
    tolerance = 0
    while True:
        found = [stacked(bands(owner, tolerance)) for owner in owners]
        count = sum(len(outline) for of_owner in found for outline in of_owner)
        if count <= limit or tolerance >= steps:
            return found
        tolerance = max(2 * tolerance, steps // 800, 1)


def bands(owner: Owner, tolerance: int = 0) -> list[Band]:
    """Bands of one owner by address, then time."""
    merged: list[Band] = []
    rows = sorted(
        (int(low), int(high), int(begin), int(end))
        for (low, high), (begin, end) in zip(owner.addresses, owner.steps, strict=True)
        if high > low and end > begin
    )
    for low, high, begin, end in rows:
        last = merged[-1] if merged else None
        if last and (last.low, last.high) == (low, high) and begin - last.end <= tolerance:
            merged[-1] = Band(low, high, last.begin, max(last.end, end))
        else:
            merged.append(Band(low, high, begin, end))
    return merged


def stacked(all_bands: Sequence[Band]) -> list[Outline]:
    """Bands, sorted by address, collected into outlines."""
    open_at: dict[int, list[list[Band]]] = defaultdict(list)  # by the address where an outline ends so far
    done: list[list[Band]] = []
    for low, level in groupby(sorted(all_bands, key=lambda band: (band.low, band.begin)), key=lambda band: band.low):
        below = deque(sorted(open_at.pop(low, []), key=lambda stack: stack[-1].begin))
        for band in level:
            while below and below[0][-1].end <= band.begin:
                below.popleft()
            most, position = _best_below(below, band)
            stack: list[Band] = []
            if most > 0:
                stack = below[position]
                del below[position]
            else:
                done.append(stack)
            stack.append(band)
            open_at[band.high].append(stack)
    return [tuple(stack) for stack in done]


def _best_below(below: deque[list[Band]], band: Band) -> tuple[int, int]:
    """Steps shared with the outline (they are sorted by begin) that overlaps ``band`` longest; and its position."""
    near = enumerate(takewhile(lambda stack: stack[-1].begin < band.end, below))
    shared = [(min(stack[-1].end, band.end) - max(stack[-1].begin, band.begin), -place) for place, stack in near]
    most, place = max(shared, default=(0, 0))
    return most, -place


def polygon(outline: Outline) -> list[Point]:
    """Corners (step, address): up the right side, down the left."""
    right = [(float(band.end), float(edge)) for band in outline for edge in (band.low, band.high)]
    left = [(float(band.begin), float(edge)) for band in reversed(outline) for edge in (band.high, band.low)]
    return right + left


def label_spot(outline: Outline, height: float) -> tuple[Point, float]:
    """Centre (step, address) of a widest box of at least ``height`` bytes inside an outline, and its width in steps.

    The width is 0 where the outline is not that high.
    """
    spots: list[tuple[Point, float]] = []
    first = 0
    for last in range(len(outline)):
        while first < last and outline[last].high - outline[first + 1].low >= height:
            first += 1
        window = outline[first : last + 1]
        if window[-1].high - window[0].low >= height:
            begin, end = max(band.begin for band in window), min(band.end for band in window)
            spots.append((((begin + end) / 2, (window[0].low + window[-1].high) / 2), float(max(end - begin, 0))))
    widest = max((width for _, width in spots), default=0.0)
    wide = [spot for spot in spots if spot[1] >= 0.95 * widest]
    return wide[len(wide) // 2] if widest else ((0.0, 0.0), 0.0)
