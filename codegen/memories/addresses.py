"""From a plan's offsets to the C expression that gives a line's address, in the fewest bytes of flash."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CODE_BYTES = {"affine": 8, "runs": 14, "ring": 16, "periodic": 24, "table": 16}
_MOST_RUNS = 6


@dataclass(frozen=True)
class AddressForm:
    """How the offsets of a tensor's lines are computed from the line number ``line``.

    Attributes:
        kind: ``affine``, ``runs`` (a few affine pieces), ``ring``, ``periodic`` (a table that repeats) or ``table``.
        expression: C expression of type uint32_t for the byte offset; ``{table}`` stands for the table's name.
        table: values of the table, None where there is none.
        bytes: estimated flash, code and table.
    """

    kind: str
    expression: str
    table: np.ndarray | None
    bytes: int


def address_form(offsets: Sequence[int]) -> AddressForm:
    """The smallest form that reproduces ``offsets`` (bytes, one per line)."""
    candidates = [
        _affine(offsets),
        _runs(offsets),
        _ring(offsets),
        _periodic(offsets),
        _table(offsets, "table", len(offsets)),
    ]
    return min((c for c in candidates if c is not None), key=lambda form: form.bytes)


def _term(factor: int, variable: str) -> str:
    return variable if factor == 1 else f"{variable} * {factor}u"


def _sum(base: int, factor: int, variable: str) -> str:
    """``base + variable * factor`` for a possibly negative factor."""
    if factor == 0:
        return f"{base}u"
    if factor < 0:
        return f"{base}u - {_term(-factor, variable)}"
    return _term(factor, variable) if base == 0 else f"{base}u + {_term(factor, variable)}"


def _affine(offsets: Sequence[int]) -> AddressForm | None:
    pitch = offsets[1] - offsets[0] if len(offsets) > 1 else 0
    if any(offset != offsets[0] + i * pitch for i, offset in enumerate(offsets)):
        return None
    return AddressForm("affine", _sum(offsets[0], pitch, "line"), None, _CODE_BYTES["affine"])


def _runs(offsets: Sequence[int]) -> AddressForm | None:
    """Consecutive affine pieces, each told by its first line."""
    runs: list[tuple[int, int, int]] = []  # end line, base, pitch
    start = 0
    while start < len(offsets):
        pitch = offsets[start + 1] - offsets[start] if start + 1 < len(offsets) else 0
        end = start + 1
        while end < len(offsets) and offsets[end] - offsets[end - 1] == pitch:
            end += 1
        runs.append((end, offsets[start] - start * pitch, pitch))
        start = end
        if len(runs) > _MOST_RUNS:
            return None
    if any(base < 0 for _, base, _ in runs):  # unsigned arithmetic in C would still be right, but not readable
        return None
    text = _sum(runs[-1][1], runs[-1][2], "line")
    for end, base, pitch in reversed(runs[:-1]):
        text = f"line < {end}u ? {_sum(base, pitch, 'line')} : {text}"
    return AddressForm("runs", text, None, _CODE_BYTES["runs"] * len(runs))


def _period(offsets: Sequence[int]) -> int:
    """Smallest p with offsets[i] == offsets[i - p] for all i >= p; the length itself where nothing repeats."""
    array = np.asarray(offsets)
    first = array[0]
    for period in np.flatnonzero(array == first).tolist()[1:]:
        if np.array_equal(array[period:], array[:-period]):
            return int(period)
    return len(offsets)


def _ring(offsets: Sequence[int]) -> AddressForm | None:
    """``base + (line + phase) % capacity * pitch``."""
    capacity = _period(offsets)
    if capacity < 2:
        return None
    cycle = np.asarray(offsets[:capacity])
    phase = int(np.argmin(cycle))
    phase = (capacity - phase) % capacity
    rotated = np.roll(cycle, phase)
    pitch = int(rotated[1] - rotated[0])
    if pitch <= 0 or not np.array_equal(rotated, rotated[0] + pitch * np.arange(capacity)):
        return None
    index = "line" if phase == 0 else f"(line + {phase}u)"
    return AddressForm("ring", _sum(int(rotated[0]), pitch, f"({index} % {capacity}u)"), None, _CODE_BYTES["ring"])


def _periodic(offsets: Sequence[int]) -> AddressForm | None:
    period = _period(offsets)
    return None if period == len(offsets) else _table(offsets, "periodic", period)


def _table(offsets: Sequence[int], kind: str, period: int) -> AddressForm:
    """``base + table[line] * unit``, with the narrowest table that holds the multiples."""
    base = min(offsets)
    unit = math.gcd(*(offset - base for offset in offsets)) or 1
    multiples = [(offset - base) // unit for offset in offsets[:period]]
    largest = max(multiples)
    dtype = np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.uint32
    table = np.asarray(multiples, dtype)
    index = "line" if kind == "table" else f"line % {period}u"
    expression = _sum(base, unit, f"(uint32_t){{table}}[{index}]")
    return AddressForm(kind, expression, table, table.nbytes + _CODE_BYTES[kind])
