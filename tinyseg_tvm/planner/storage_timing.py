"""How long an inference takes with its transfers: what overlaps with computing, and what is waited for.

The schedule is replayed with each operator's estimated cycles. A storage makes one transfer at a time, in the order
they are asked for, beside the processor. A spill waits where all places of its ring are being written, and at its last
step for the end; a fetch waits for the record of its line, and asks for the next ones as soon as it has places for
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision, fetched_name, stored_name
from tinyseg_tvm.planner.storage_model import StorageModel


@dataclass(frozen=True)
class Timing:
    """Seconds of one inference.

    Attributes:
        computing: cycles of all steps.
        waiting: for transfers.
        transferring: all transfers one after the other: what waiting would be without overlap.
    """

    computing: float
    waiting: float
    transferring: float

    @property
    def seconds(self) -> float:
        """From begin to end."""
        return self.computing + self.waiting

    @property
    def overlap(self) -> float:
        """Share of the transfers' time that computing hides; 1 where there are none."""
        return 1 - self.waiting / self.transferring if self.transferring else 1.0


@dataclass(frozen=True)
class RecordTransfer:
    """A record on its way to or from a storage; in seconds from the inference's begin.

    Attributes:
        storage: its name.
        operator: the spill or fetch that asked for it.
    """

    storage: str
    operator: str
    begin: float
    end: float


@dataclass
class Timeline:
    """When things happen in an inference, in seconds from its begin: what ``replay`` fills in.

    Attributes:
        ends: of the steps.
        waits: of the steps, for transfers; within the step.
        transfers: by storage, each in the order in which it makes them.
    """

    ends: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    transfers: list[RecordTransfer] = field(default_factory=list)


@dataclass
class _Device:
    """A storage at work."""

    name: str
    model: StorageModel
    free: float = 0.0
    busy: float = 0.0
    done: list[RecordTransfer] = field(default_factory=list)

    def begin(self, now: float, seconds: float, operator: str) -> float:
        """Ask for a transfer; when it is done."""
        begin = max(self.free, now)
        self.free = begin + seconds
        self.busy += seconds
        self.done.append(RecordTransfer(self.name, operator, begin, self.free))
        return self.free


@dataclass
class _Stream:
    """The records of one spill or fetch, and when each transfer ends."""

    operator: str
    device: _Device
    seconds: float  # of one record's transfer
    lines: int
    group: int
    places: int
    first_line: int
    done: list[float] = field(default_factory=list)

    @property
    def records(self) -> int:
        return -(-self.lines // self.group)

    def last_line(self, record: int) -> int:
        return min((record + 1) * self.group, self.lines) - 1

    def ask(self, now: float, records: int) -> None:
        """Ask for records until ``records`` have been asked for."""
        while len(self.done) < min(records, self.records):
            self.done.append(self.device.begin(now, self.seconds, self.operator))


def replay(
    problem: Problem,
    plan: Plan,
    decisions: Sequence[SpillDecision],
    storages: Mapping[str, StorageModel],
    clock_hz: float,
    timeline: Timeline | None = None,
) -> Timing:
    """Time of ``plan``, a plan of ``problem`` with ``decisions``' spills and fetches.

    Args:
        problem: the planning problem.
        plan: a plan of it.
        decisions: what is spilled.
        storages: what transfers take, by storage.
        clock_hz: of the processor.
        timeline: an empty one to fill in, where it is asked when things happen.
    """
    devices = {name: _Device(name, model) for name, model in storages.items()}
    spills, fetches, eager = _streams(problem, decisions, devices)
    now = computing = waiting = 0.0
    done = [0] * len(problem.operators)
    for number in plan.steps:
        step, begin = done[number], now
        done[number] += 1
        seconds = problem.operators[number].cycles / clock_hz
        if number in spills:
            stream = spills[number]
            record = step // stream.group
            if step % stream.group == 0 and record >= stream.places:
                now = max(now, stream.done[record - stream.places])
            waiting += now - begin
            now += seconds
            if step == stream.last_line(record):
                stream.ask(now, record + 1)
            if step == stream.lines - 1:
                waiting += max(stream.done[-1] - now, 0.0)
                now = max(now, stream.done[-1])
        elif number in fetches and 0 <= step - fetches[number].first_line < fetches[number].lines:
            stream, line = fetches[number], step - fetches[number].first_line
            record = line // stream.group
            stream.ask(now, max(record + 1, stream.places if eager[number] and line == 0 else 0))
            now = max(now, stream.done[record])
            waiting += now - begin
            now += seconds
            if eager[number] and line == stream.last_line(record):
                stream.ask(now, record + 1 + stream.places)
        else:
            now += seconds
        computing += seconds
        if timeline is not None:
            timeline.ends.append(now)
            timeline.waits.append(max(now - begin - seconds, 0.0))
    if timeline is not None:
        timeline.transfers += [transfer for device in devices.values() for transfer in device.done]
    return Timing(computing, waiting, sum(device.busy for device in devices.values()))


def _streams(
    problem: Problem, decisions: Sequence[SpillDecision], devices: Mapping[str, _Device]
) -> tuple[dict[int, _Stream], dict[int, _Stream], dict[int, bool]]:
    """Spills and fetches by operator number, and whether a fetch asks ahead."""
    number = {operator.name: index for index, operator in enumerate(problem.operators)}
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    spills, fetches, eager = {}, {}, {}
    for decision in decisions:
        way, device, tensor = decision.transfer, devices[decision.transfer.storage], tensors[decision.tensor]
        lines = len(decision.part(tensor))
        size = device.model.record_bytes(tensor.line_bytes + way.stored_line_bytes, way.group)
        spills[number[stored_name(decision.tensor)]] = _Stream(
            stored_name(decision.tensor), device, device.model.write_seconds(size), lines, way.group, way.ring, 0
        )
        for group in range(len(decision.late)):
            fetch = number[fetched_name(decision.tensor, group)]
            places = max(way.ahead, 1)
            seconds = device.model.read_seconds(size)
            fetches[fetch] = _Stream(
                problem.operators[fetch].name, device, seconds, lines, way.group, places, decision.first_line
            )
            eager[fetch] = way.ahead > 0
    return spills, fetches, eager
