"""Steps as a partial order: what each must find finished, and what it adds to the live bytes of finished steps.

A set of finished steps holds, with every step, all that it needs: a *downset*. Since an operator's steps run in order,
such a set is a number of finished steps for each operator. Between two steps the live bytes depend on the set alone,
not on the order in which it was finished: a line is alive where its writer is in the set and some reader is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import Flow
from tinyseg_tvm.planner.problem import Tensor
from tinyseg_tvm.planner.step_table import Ints

Condition = tuple[tuple[int, int], ...]  # (operator, steps of it that must be finished)


@dataclass(frozen=True)
class Overlap:
    """An in-place write: ``written`` may take the place of ``read``, where the condition holds.

    Of a step's overlaps that it allows, each read and each written line has one, those first in the list first.
    """

    read: int
    written: int
    bytes: int
    condition: Condition


@dataclass(frozen=True, eq=False)
class StepGraph:
    """What a step needs and does; lists are over global steps.

    Attributes:
        flow: names, needs and numbers of steps.
        ancestors: (steps, operators) finished steps of each operator without which the step cannot run.
        net: bytes that the step adds to those alive between steps, whatever else is finished.
        releases: (bytes, condition) of lines that the step releases only where the condition holds.
        during: bytes that are alive during the step beside those before it.
        overlaps: in-place writes that take from ``during`` where others have finished before; those that always do are
            in ``during`` already.
        at_start: bytes alive before the first step, lines that nobody reads included.
        start: those of them that are alive behind the first slot.
        at_end: bytes alive behind the last step.
        line_bytes: per global line, what it counts.
        state_bytes: per operator, likewise.
    """

    flow: Flow
    ancestors: npt.NDArray[np.int32]
    net: list[int]
    releases: list[tuple[tuple[int, Condition], ...]]
    during: list[int]
    overlaps: list[tuple[Overlap, ...]]
    at_start: int
    start: int
    at_end: int
    line_bytes: Ints
    state_bytes: list[int]

    @property
    def operators(self) -> int:
        """Number of operators."""
        return len(self.flow.first) - 1

    @cached_property
    def totals(self) -> list[int]:
        """Steps of each operator."""
        return [after - before for before, after in zip(self.flow.first, self.flow.first[1:], strict=False)]

    @cached_property
    def fixed(self) -> bool:
        """Whether what a step overlaps never depends on what else is finished."""
        return not any(self.overlaps)

    def is_ready(self, done: Sequence[int], number: int) -> bool:
        """Whether what the next step of operator ``number`` needs is finished. There must be a next step."""
        return all(done[source] >= count for source, count in self.flow.needs[self.flow.first[number] + done[number]])

    def growth(self, done: Sequence[int], number: int) -> int:
        """Bytes that the next step of operator ``number`` adds to those alive between steps."""
        at = self.flow.first[number] + done[number]
        released = sum(size for size, condition in self.releases[at] if _holds(done, condition))
        return self.net[at] - released

    def above(self, done: Sequence[int], number: int) -> int:
        """Bytes alive during the next step of operator ``number`` beside those before it."""
        at = self.flow.first[number] + done[number]
        return self.during[at] - _overlapped(self.overlaps[at], done)

    @cached_property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The lists as flat arrays, for the native twin."""
        found: dict[str, Any] = {}
        conditions: list[Condition] = []
        for name, entries in (("release", self.releases), ("overlap", self.overlaps)):
            found[f"{name}_first"] = np.cumsum([0, *map(len, entries)])
        for of_releases in self.releases:
            conditions += [condition for _, condition in of_releases]
        for of_overlaps in self.overlaps:
            conditions += [overlap.condition for overlap in of_overlaps]
        found["condition_first"] = np.cumsum([0, *map(len, conditions)])
        found["condition_source"] = [source for condition in conditions for source, _ in condition]
        found["condition_count"] = [count for condition in conditions for _, count in condition]
        overlaps = [overlap for of_overlaps in self.overlaps for overlap in of_overlaps]
        found["overlap_read"] = [overlap.read for overlap in overlaps]
        found["overlap_written"] = [overlap.written for overlap in overlaps]
        arrays = {name: np.ascontiguousarray(values, dtype=np.int32) for name, values in found.items()}
        sizes = {
            "release_bytes": [size for of_releases in self.releases for size, _ in of_releases],
            "overlap_bytes": [overlap.bytes for overlap in overlaps],
            "net": self.net,
            "during": self.during,
        }
        return arrays | {name: np.ascontiguousarray(values, dtype=np.int64) for name, values in sizes.items()}

    @cached_property
    def native_arrays(self) -> native.GraphArrays:
        """Pointers to ``arrays`` and to the needs of the flow."""
        counts = {"operators": self.operators, "releases": len(self.arrays["release_bytes"])}
        needs = {name: self.flow.arrays[name] for name in ("first", "needs_first", "needs_source", "needs_count")}
        pointers = {name: array.ctypes.data for name, array in (self.arrays | needs).items()}
        return native.GraphArrays(**counts, at_start=self.at_start, start=self.start, **pointers)


def _holds(done: Sequence[int], condition: Condition) -> bool:
    return all(done[source] >= count for source, count in condition)


def _overlapped(overlaps: Sequence[Overlap], done: Sequence[int]) -> int:
    """Bytes of a step's in-place writes, once ``done`` is finished."""
    read, written = set(), set()
    saved = 0
    for overlap in overlaps:
        if overlap.written in written or not _holds(done, overlap.condition):
            continue
        written.add(overlap.written)
        if overlap.read not in read:
            read.add(overlap.read)
            saved += overlap.bytes
    return saved


@dataclass(frozen=True, eq=False)
class Profile:
    """Bytes under an order of steps.

    Attributes:
        peaks: alive during each step.
        live: alive before each step, and behind the last.
    """

    peaks: Ints
    live: Ints


def profile(graph: StepGraph, steps: Sequence[int], done: Sequence[int] = (), live: int | None = None) -> Profile:
    """What an order of steps has alive, from a set of finished steps and its live bytes on; from the start without."""
    now = list(done or [0] * graph.operators)
    alive = [graph.start if live is None else live]
    peaks = []
    for number in steps:
        peaks.append(alive[-1] + graph.above(now, number))
        alive.append(alive[-1] + graph.growth(now, number))
        now[number] += 1
    return Profile(np.array(peaks, dtype=np.int64), np.array(alive, dtype=np.int64))


def step_graph(flow: Flow, alignment: int = 1) -> StepGraph:
    """The partial order of the steps of ``flow``.

    ``alignment``: lines, states and scratch that are placed by themselves count as the next multiple of it.
    """
    table, problem = flow.table, flow.table.problem
    sizes = np.repeat([_placed_bytes(tensor, alignment) for tensor in problem.tensors], np.diff(table.first_line))
    sizes = sizes.astype(np.int64)
    readers = _Readers(flow, _ancestors(flow))
    count = np.array(flow.readers)
    made, single = table.writer >= 0, count[table.read_line] == 1
    during = _sums(table.writer[made], sizes[made], table.steps)
    net = _sums(table.writer[made], (sizes * (count > 0))[made], table.steps)
    net -= _sums(table.read_step[single], sizes[table.read_line[single]], table.steps)
    releases: list[tuple[tuple[int, Condition], ...]] = []
    for step, lines in enumerate(flow.shared):
        known = [(int(sizes[line]), readers.others(step, line)) for line in lines]
        net[step] -= sum(size for size, others in known if others == ())
        releases.append(tuple((size, others) for size, others in known if others))
    states = [_rounded(operator.state_bytes, alignment) for operator in problem.operators]
    for number, operator in enumerate(problem.operators):
        begin, stop = flow.first[number], flow.first[number + 1]
        during[begin:stop] += _rounded(operator.scratch_bytes, alignment)
        if begin < stop:
            during[begin] += states[number]
            net[begin] += states[number]
            net[stop - 1] -= states[number]
    overlaps = _overlaps(flow, readers, sizes.tolist())
    for step, candidates in enumerate(overlaps):
        if not any(overlap.condition for overlap in candidates):
            during[step] -= _overlapped(candidates, ())
            overlaps[step] = ()
    return StepGraph(
        flow=flow,
        ancestors=readers.ancestors,
        net=net.tolist(),
        releases=releases,
        during=during.tolist(),
        overlaps=overlaps,
        at_start=int(sizes[~made].sum()),
        start=int(sizes[~made & (count > 0)].sum()),
        at_end=int(sizes[table.resident_output].sum()),
        line_bytes=sizes,
        state_bytes=states,
    )


class _Readers:
    """Who reads each line."""

    def __init__(self, flow: Flow, ancestors: npt.NDArray[np.int32]) -> None:
        table = flow.table
        self.first, self.ancestors = flow.first, ancestors
        self.owner, self.stays = table.step_operator.tolist(), table.resident_output.tolist()
        self.steps: list[list[int]] = [[] for _ in range(table.lines)]
        for line, step in zip(table.read_line.tolist(), table.read_step.tolist(), strict=True):
            self.steps[line].append(step)

    def others(self, step: int, line: int) -> Condition | None:
        """What must be finished so that nobody reads a line behind ``step``; None: somebody always does."""
        if self.stays[line] or step not in self.steps[line]:
            return None
        found = []
        mine, number = self.owner[step], step - self.first[self.owner[step]]
        for other in self.steps[line]:
            source, count = self.owner[other], other - self.first[self.owner[other]] + 1
            if other == step or self.ancestors[step][source] >= count:
                continue
            if self.ancestors[other][mine] > number:
                return None
            found.append((source, count))
        return tuple(found)


def _overlaps(flow: Flow, readers: _Readers, size: list[int]) -> list[tuple[Overlap, ...]]:
    """In-place writes of each step."""
    table = flow.table
    found: list[list[Overlap]] = [[] for _ in range(table.steps)]
    for step, read, written in table.in_place.tolist():
        others = readers.others(step, read)
        if others is not None:
            found[step].append(Overlap(read, written, size[read], others))
    for number, (step, source, _) in enumerate(table.in_place_whole):
        lines = range(int(table.first_line[source]), int(table.first_line[source + 1]))
        known = [readers.others(step, line) for line in lines]
        if None not in known:
            joined = tuple(sorted({entry for others in known if others for entry in others}))
            name = table.lines + number  # no line's number: such a write stands for itself
            found[step].append(Overlap(name, name, sum(size[line] for line in lines), joined))
    return [tuple(overlaps) for overlaps in found]


def _rounded(bytes_: int, alignment: int) -> int:
    return -(-bytes_ // alignment) * alignment


def _placed_bytes(tensor: Tensor, alignment: int) -> int:
    """Bytes of a line and of what its alignment wastes; lines at consecutive addresses waste nothing."""
    return tensor.line_bytes if tensor.contiguous and tensor.lines > 1 else _rounded(tensor.line_bytes, alignment)


def _sums(places: Ints, values: Ints, count: int) -> Ints:
    return np.bincount(places, values, count).astype(np.int64)


def _ancestors(flow: Flow) -> npt.NDArray[np.int32]:
    """Per step, the number of steps of each operator that come before it in every order (its own operator's, too)."""
    count = len(flow.first) - 1
    found = np.zeros((flow.first[-1], count), dtype=np.int32)
    for number in range(count):
        mine = np.zeros(count, dtype=np.int32)
        for step in range(flow.first[number], flow.first[number + 1]):
            for source, needed in flow.needs[step]:
                np.maximum(mine, found[flow.first[source] + needed - 1], out=mine)
                mine[source] = max(mine[source], needed)
            mine[number] = step - flow.first[number]
            found[step] = mine
    return found
