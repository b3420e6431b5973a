"""The schedule as a short table: runs of one operator, and loops over runs that repeat.

A plan's steps are operator numbers. Streaming makes long periodic sequences of them (per line of the smallest map, so
many lines of each larger one), so the table is a loop nest: an entry is (operator, repetitions), a loop's begin with
its count, or a loop's end. The period whose folding saves most entries is folded everywhere, the loops' bodies are
folded likewise, then the shorter sequence is searched again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LONGEST_PERIOD = 1024
_MOST_ROUNDS = 64


@dataclass(frozen=True)
class Loop:
    """``count`` times the entries of ``body``: each a (operator, repetitions) pair or a loop."""

    count: int
    body: tuple[Entry, ...]


Run = tuple[int, int]
Entry = Run | Loop


@dataclass(frozen=True)
class ScheduleTable:
    """Flat entries as the driver reads them.

    Attributes:
        entries: (code, count): an operator and its repetitions; ``begin`` and the loop's count; ``end`` and 0.
        begin, end: the codes of loop begin and end: the number of operators, and one more.
        depth: greatest nesting of loops.
        entry_bytes: 2 or 4: two uint8_t or two uint16_t.
    """

    entries: tuple[tuple[int, int], ...]
    begin: int
    end: int
    depth: int
    entry_bytes: int

    @property
    def bytes(self) -> int:
        """Size of the table."""
        return len(self.entries) * self.entry_bytes


def schedule_table(steps: Sequence[int], operators: int) -> ScheduleTable:
    """The smallest table found for ``steps``; replaying it gives exactly ``steps``."""
    entries = fold(run_lengths(steps))
    narrow = _flat(entries, operators, 255)
    wide = _flat(entries, operators, 65535)
    use_wide = operators + 1 > 255 or 4 * len(wide) < 2 * len(narrow)
    flat = wide if use_wide else narrow
    table = ScheduleTable(tuple(flat), operators, operators + 1, _depth(entries), 4 if use_wide else 2)
    if replay(table) != list(steps):
        raise AssertionError("the schedule table does not replay the plan's steps")
    return table


def run_lengths(steps: Sequence[int]) -> list[Run]:
    """Consecutive equal steps as (operator, repetitions)."""
    runs: list[Run] = []
    for operator in steps:
        if runs and runs[-1][0] == operator:
            runs[-1] = (operator, runs[-1][1] + 1)
        else:
            runs.append((operator, 1))
    return runs


def fold(entries: Sequence[Entry]) -> list[Entry]:
    """Replace repetitions by loops until no loop saves an entry."""
    symbols: list[Entry] = []
    known: dict[Entry, int] = {}

    def number(entry: Entry) -> int:
        if entry not in known:
            known[entry] = len(symbols)
            symbols.append(entry)
        return known[entry]

    sequence = [number(entry) for entry in entries]
    bodies: dict[tuple[int, ...], tuple[Entry, ...]] = {}
    for _ in range(_MOST_ROUNDS):
        weights = [_size(entry) for entry in symbols]
        found = _best_period(np.asarray(sequence), np.asarray(weights)[sequence])
        if found is None:
            break
        period, places = found
        result: list[int] = []
        position = 0
        for start, count in places:
            result += sequence[position:start]
            body = tuple(sequence[start : start + period])
            if body not in bodies:
                bodies[body] = tuple(fold([symbols[s] for s in body]))
            result.append(number(Loop(count, bodies[body])))
            position = start + count * period
        sequence = result + sequence[position:]
    return [symbols[s] for s in sequence]


def _size(entry: Entry) -> int:
    """Table entries that an entry takes."""
    return 2 + sum(_size(e) for e in entry.body) if isinstance(entry, Loop) else 1


def _best_period(sequence: np.ndarray, weights: np.ndarray) -> tuple[int, list[tuple[int, int]]] | None:
    """The period that saves most, and its disjoint (start, count) places; None where nothing saves.

    Shorter periods come first among equals, so that loops grow from the inside.
    """
    best: tuple[int, list[tuple[int, int]]] | None = None
    best_saving = 0
    total = np.concatenate([[0], np.cumsum(weights)])
    for period in range(1, min(_LONGEST_PERIOD, len(sequence) // 2) + 1):
        equal = np.concatenate([[0], (sequence[period:] == sequence[:-period]).astype(np.int8), [0]])
        edges = np.flatnonzero(np.diff(equal))
        starts, ends = edges[0::2], edges[1::2]
        places = []
        saving = 0
        free_from = 0
        for run_start, run_end in zip(starts.tolist(), ends.tolist(), strict=True):
            start = max(run_start, free_from)
            count = (run_end - start) // period + 1
            if count < 2:
                continue
            gain = int((count - 1) * (total[start + period] - total[start])) - 2
            if gain > 0:
                places.append((start, count))
                saving += gain
                free_from = start + count * period
        if saving > best_saving:
            best, best_saving = (period, places), saving
    return best


def _depth(entries: Sequence[Entry]) -> int:
    return max((1 + _depth(entry.body) for entry in entries if isinstance(entry, Loop)), default=0)


def _flat(entries: Sequence[Entry], operators: int, largest: int) -> list[tuple[int, int]]:
    """Table entries, with counts split so that none exceeds ``largest``."""
    result: list[tuple[int, int]] = []
    for entry in entries:
        if isinstance(entry, Loop):
            body = _flat(entry.body, operators, largest)
            for count in _split(entry.count, largest):
                result += [(operators, count), *body, (operators + 1, 0)]
        else:
            result += [(entry[0], count) for count in _split(entry[1], largest)]
    return result


def _split(count: int, largest: int) -> list[int]:
    return [largest] * (count // largest) + ([count % largest] if count % largest else [])


def replay(table: ScheduleTable) -> list[int]:
    """The steps that the driver makes of a table."""
    steps: list[int] = []
    loops: list[tuple[int, int]] = []
    at = 0
    while at < len(table.entries):
        code, count = table.entries[at]
        at += 1
        if code == table.begin:
            loops.append((at, count))
        elif code == table.end:
            start, remaining = loops.pop()
            if remaining > 1:
                loops.append((start, remaining - 1))
                at = start
        else:
            steps += [code] * count
    return steps
