"""Orders of steps for operators whose steps are interleaved (a *cascade*).

Every order here runs a given set of operators completely, under the assumption that everything they read from
outside the set exists already. The orders differ in when a step runs, and so in the lines that are alive together:

* ``layer by layer``: one operator after the other.
* ``demand``: a sink's next line pulls what it needs, depth first.
* ``eager``: as demand; besides, any step that is ready and does not increase the live bytes runs at once.
* ``frontier``: the inputs are released line by line, and everything that can run does.

Spills run as soon as they can in all of them, for they free memory at no price, and fetches when somebody needs their
lines, not before.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.problem import Access, Problem
from tinyseg_tvm.planner.step_table import StepTable

Needs = tuple[tuple[int, int], ...]
Order = npt.NDArray[np.int32]  # operators, one for each step


@dataclass(frozen=True, eq=False)
class Flow:
    """What each step needs, makes and releases, as plain lists for step-by-step simulation.

    Attributes:
        needs: per global step, (operator, steps it must have run) - only where more than for the step before.
        made: per global step, bytes written that somebody reads.
        freed: per global step, bytes of lines with a single reading operator that this step reads for the last time.
        shared: per global step, lines with several reading operators that this operator reads for the last time.
        readers: per global line, number of operators that read it (resident outputs: one more).
        producers, consumers: per operator, operators it reads from or that read from it, ascending.
        stores, fetches: per operator, whether it is a spill, or a fetch.
        pushed: per operator, what to try after it, last first: consumers, those of fetches in place of fetches.
    """

    table: StepTable
    first: list[int]
    needs: list[Needs]
    made: list[int]
    freed: list[int]
    shared: list[tuple[int, ...]]
    readers: list[int]
    line_bytes: list[int]
    producers: list[tuple[int, ...]]
    consumers: list[tuple[int, ...]]
    stores: list[bool]
    fetches: list[bool]
    pushed: list[tuple[int, ...]]

    @cached_property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The same as flat arrays, for the native twin."""
        found: dict[str, npt.NDArray[Any]] = {}
        needs = [entry for step in self.needs for entry in step]
        found["needs_first"] = _starts(self.needs)
        found["needs_source"] = np.array([source for source, _ in needs], dtype=np.int32)
        found["needs_count"] = np.array([count for _, count in needs], dtype=np.int32)
        for name in ("shared", "producers", "consumers", "pushed"):
            lists: list[tuple[int, ...]] = getattr(self, name)
            found[f"{name}_first"] = _starts(lists)
            found[name] = np.array([number for numbers in lists for number in numbers], dtype=np.int32)
        for names, kind in (
            (("first", "readers"), np.int32),
            (("made", "freed", "line_bytes"), np.int64),
            (("stores", "fetches"), np.uint8),
        ):
            found |= {name: np.array(getattr(self, name), dtype=kind) for name in names}
        return found

    @cached_property
    def native_arrays(self) -> native.FlowArrays:
        """Pointers to ``arrays``."""
        counts = {"operators": len(self.first) - 1, "lines": len(self.readers)}
        return native.FlowArrays(**counts, **{name: array.ctypes.data for name, array in self.arrays.items()})


def _starts(lists: Sequence[Sequence[Any]]) -> npt.NDArray[np.int32]:
    return np.cumsum([0, *map(len, lists)], dtype=np.int32)


def flow(table: StepTable) -> Flow:
    """Precompute the step-by-step view of ``table``."""
    problem = table.problem
    readers = np.bincount(table.read_line, minlength=table.lines) + table.resident_output
    made = np.bincount(
        table.writer[table.writer >= 0],
        (table.line_bytes * (readers > 0))[table.writer >= 0],
        table.steps,
    ).astype(np.int64)
    single = readers[table.read_line] == 1
    freed = np.bincount(table.read_step[single], table.line_bytes[table.read_line[single]], table.steps).astype(
        np.int64
    )
    shared: list[list[int]] = [[] for _ in range(table.steps)]
    for line, step in zip(table.read_line[~single].tolist(), table.read_step[~single].tolist(), strict=True):
        shared[step].append(line)
    needs, producers = _needs(table)
    consumers: list[list[int]] = [[] for _ in problem.operators]
    for number, sources in enumerate(producers):
        for source in sources:
            consumers[source].append(number)
    stores = [_any_stored(problem, operator.writes) for operator in problem.operators]
    fetches = [_any_stored(problem, operator.reads) for operator in problem.operators]
    pushed = []
    for numbers in consumers:
        after = {n for number in numbers for n in (consumers[number] if fetches[number] else (number,))}
        pushed.append(tuple(sorted(after, key=lambda number: (stores[number], number))))
    return Flow(
        table=table,
        first=table.first_step.tolist(),
        needs=needs,
        made=made.tolist(),
        freed=freed.tolist(),
        shared=[tuple(lines) for lines in shared],
        readers=readers.tolist(),
        line_bytes=table.line_bytes.tolist(),
        producers=producers,
        consumers=[tuple(numbers) for numbers in consumers],
        stores=stores,
        fetches=fetches,
        pushed=pushed,
    )


def _any_stored(problem: Problem, accesses: Sequence[Access]) -> bool:
    return bool(accesses) and any(problem.tensors[access.tensor].stored for access in accesses)


def _needs(table: StepTable) -> tuple[list[Needs], list[tuple[int, ...]]]:
    """Steps of producers that each step waits for; producers of each operator."""
    writer = table.writer.tolist()
    owner_of, first, first_line = table.step_operator.tolist(), table.first_step.tolist(), table.first_line.tolist()
    needs: list[Needs] = []
    producers = []
    for operator in table.problem.operators:
        have: dict[int, int] = {}
        for step in range(operator.steps):
            more: dict[int, int] = {}
            for access in operator.reads:
                line0 = first_line[access.tensor]
                for line in access.lines[step]:
                    made_at = writer[line0 + line]
                    if made_at >= 0:
                        source = owner_of[made_at]
                        count = made_at - first[source] + 1
                        if count > have.get(source, 0):
                            have[source] = more[source] = count
            needs.append(tuple(sorted(more.items())))
        producers.append(tuple(sorted(have)))
    return needs, producers


def layer_by_layer(flow: Flow, operators: Iterable[int]) -> list[int]:
    """One operator after the other, in the given order."""
    return [number for number in operators for _ in range(flow.first[number + 1] - flow.first[number])]


def sinks_of(flow: Flow, members: Sequence[int]) -> list[int]:
    """Members that no other member reads from."""
    inside = set(members)
    return [number for number in members if not inside.intersection(flow.consumers[number])]


class Manner(enum.IntEnum):
    """How the steps of a cascade are ordered; numbered as in the native twin."""

    DEMAND = 0
    EAGER = 1
    FRONTIER = 2


def cascade(
    flow: Flow, manner: Manner, members: Sequence[int], before: Sequence[int] = (), *, compiled: bool = True
) -> Order:
    """The steps of ``members`` in order.

    Args:
        flow: of the whole network.
        manner: several sinks, or for ``FRONTIER`` entries, take turns in proportion to their numbers of steps;
            operators nearest to the sinks run first after an entry.
        members: operators, each behind those that it reads from.
        before: operators that have run already; only ``EAGER`` asks.
        compiled: in C where the host has a compiler, which does not change the result.
    """
    library = native.load() if compiled else None
    if library is not None:
        return _natively(library, flow, manner, members, before)
    run = _Run(flow, members, before)
    if manner is Manner.FRONTIER:
        entries = _entries_of(flow, members)
        for entry in _turns(flow, entries).tolist():
            if run.done[entry] < run.total[entry] and run.supply(entry):
                run.step(entry)
                run.push(entry, set(entries))
    else:
        for sink in _turns(flow, sinks_of(flow, members)).tolist():
            run.pull(sink, manner is Manner.EAGER)
    run.finish(members)
    return np.array(run.order, dtype=np.int32)


def _entries_of(flow: Flow, members: Sequence[int]) -> list[int]:
    """Members, no fetches, that read from no other member that is no fetch; ascending."""
    inside = set(members)
    return sorted(
        number
        for number in members
        if not flow.fetches[number]
        and not any(source in inside and not flow.fetches[source] for source in flow.producers[number])
    )


def _turns(flow: Flow, operators: Sequence[int]) -> Order:
    """Every operator once per step, all of them in proportion; the first one first where they are level."""
    steps = [flow.first[number + 1] - flow.first[number] for number in operators]
    owner = np.repeat(np.arange(len(operators)), steps)
    done = np.concatenate([np.zeros(0), *(np.arange(1, count + 1) / count for count in steps)])
    return np.array(operators, dtype=np.int32)[owner[np.lexsort((owner, done))]]


def _natively(
    library: native.Native, flow: Flow, manner: Manner, members: Sequence[int], before: Sequence[int]
) -> Order:
    order = np.empty(sum(flow.first[number + 1] - flow.first[number] for number in members), dtype=np.int32)
    lists = [np.array(numbers, dtype=np.int32) for numbers in (members, before)]
    sized = [argument for numbers in lists for argument in (numbers, len(numbers))]
    if library.cascade(flow.native_arrays, manner, *sized, order) < 0:
        raise MemoryError("ordering steps found no memory")
    return order


class _Run:
    """Simulates a cascade step by step."""

    def __init__(self, flow: Flow, members: Sequence[int], before: Iterable[int] = ()) -> None:
        self.flow = flow
        self.inside = set(members)
        count = len(flow.first) - 1
        self.done = [0] * count
        self.total = [flow.first[number + 1] - flow.first[number] for number in range(count)]
        for number in range(count):
            if number not in self.inside:
                self.done[number] = self.total[number]
        self.waiting = list(flow.readers)
        for number in before:
            for step in range(flow.first[number], flow.first[number + 1]):
                for line in flow.shared[step]:
                    self.waiting[line] -= 1
        self.order: list[int] = []

    def step(self, number: int) -> None:
        """Run the next step of operator ``number``."""
        at = self.flow.first[number] + self.done[number]
        for line in self.flow.shared[at]:
            self.waiting[line] -= 1
        self.done[number] += 1
        self.order.append(number)

    def ready(self, number: int) -> bool:
        """Whether the next step's producers have run far enough."""
        return all(
            self.done[source] >= count for source, count in self.flow.needs[self.flow.first[number] + self.done[number]]
        )

    def growth(self, number: int) -> int:
        """Bytes that the next step of ``number`` adds to the live bytes."""
        at = self.flow.first[number] + self.done[number]
        freed = sum(self.flow.line_bytes[line] for line in self.flow.shared[at] if self.waiting[line] == 1)
        return self.flow.made[at] - self.flow.freed[at] - freed

    def pull(self, sink: int, eager: bool) -> None:
        """Run one step of ``sink`` and before it all that it needs, depth first."""
        if self.done[sink] >= self.total[sink]:
            return
        stack = [(sink, self.done[sink] + 1)]
        while stack:
            number, target = stack[-1]
            if self.done[number] >= target:
                stack.pop()
                continue
            for source, count in self.flow.needs[self.flow.first[number] + self.done[number]]:
                if self.done[source] < count:
                    stack.append((source, count))
                    break
            else:
                self.step(number)
                if eager:
                    self.settle(number)
                else:
                    self.drain(number)

    def drain(self, number: int) -> None:
        """Send to storage what a step of ``number`` has made."""
        for consumer in self.flow.consumers[number]:
            if consumer in self.inside and self.flow.stores[consumer]:
                while self.done[consumer] < self.total[consumer] and self.ready(consumer):
                    self.step(consumer)

    def settle(self, number: int) -> None:
        """Run consumers of ``number`` that are ready and do not increase the live bytes, and theirs."""
        stack = [number]
        while stack:
            at = stack.pop()
            for consumer in reversed(self.flow.consumers[at]):
                while (
                    consumer in self.inside
                    and self.done[consumer] < self.total[consumer]
                    and self.ready(consumer)
                    and self.growth(consumer) <= 0
                ):
                    self.step(consumer)
                    stack.append(consumer)

    def supply(self, number: int) -> bool:
        """Whether the next step of ``number`` can run, once the fetches that it needs have run; runs them if so."""
        missing = [
            (source, count)
            for source, count in self.flow.needs[self.flow.first[number] + self.done[number]]
            if self.done[source] < count
        ]
        if not all(self.flow.fetches[source] and self._stored(source, count) for source, count in missing):
            return False
        for source, count in missing:
            while self.done[source] < count:
                self.step(source)
        return True

    def _stored(self, fetch: int, count: int) -> bool:
        """Whether the lines that the first ``count`` steps of ``fetch`` need are in storage."""
        return all(
            self.done[source] >= needed
            for step in range(self.done[fetch], count)
            for source, needed in self.flow.needs[self.flow.first[fetch] + step]
        )

    def push(self, number: int, entries: set[int]) -> None:
        """Run all that became ready through a step of ``number``, nearest to the sinks first."""
        stack = [number]
        while stack:
            at = stack[-1]
            for consumer in reversed(self.flow.pushed[at]):
                if (
                    consumer in self.inside
                    and consumer not in entries
                    and self.done[consumer] < self.total[consumer]
                    and self.supply(consumer)
                ):
                    self.step(consumer)
                    stack.append(consumer)
                    break
            else:
                stack.pop()

    def finish(self, members: Sequence[int]) -> None:
        """Run what no sink asked for (trailing steps of operators whose last lines nobody reads)."""
        for number in members:
            while self.done[number] < self.total[number]:
                self.pull(number, False)
