"""The tuner's search: measures what promises to save the most time of a whole inference, and learns from it.

Before a candidate is measured, its cycles are the estimate, times what measuring the same kernel with other decisions
has shown. The next ones to be measured are those that would save the most if they were a little better than predicted;
the search ends when none would save anything worth having. Measurements are asked for in rounds of a fixed size, so
that what is found does not depend on how many are made at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyseg_tvm.codegen.tuning_records import Decision, TuningRecord, TuningRecords
from tinyseg_tvm.parallel import Versions
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.tune.candidates import Candidate, Task
from tinyseg_tvm.tune.cost_model import SpillAwareCost

MARGIN = 0.1  # by which a candidate may turn out better than predicted
WORTH = 0.001  # of the inference's time: what a measurement must promise to save

ROUND = 8  # measurements asked for at a time, of different tasks: fixed, whoever makes them

Measure = Callable[[Sequence[tuple[Task, Candidate]]], Iterable[float | None]]
"""Measures candidates: cycles per step, in their order; None where there is too little memory to do so."""


@dataclass
class Tuning:
    """What is known of a task.

    Attributes:
        task: the operators.
        first: the candidates that the plan has without tuning.
        measured: cycles per step.
        excluded: candidates that cannot be measured.
    """

    task: Task
    first: tuple[Candidate, ...]
    measured: dict[Candidate, float] = field(default_factory=dict)
    excluded: set[Candidate] = field(default_factory=set)

    def predicted(self, candidate: Candidate) -> float:
        """Cycles per step, as measured or as reckoned from the others."""
        if candidate in self.measured:
            return self.measured[candidate]
        known = ((c.estimate, cycles) for c, cycles in self.measured.items() if c.kernel == candidate.kernel)
        ratios = [math.log(max(cycles, 1.0) / max(estimate, 1)) for estimate, cycles in known]
        return candidate.estimate * math.exp(sum(ratios) / max(len(ratios), 1))

    @property
    def best(self) -> float:
        """Cycles per step of the best measured candidate."""
        return min(self.measured.values(), default=float(self.task.candidates[0].estimate))

    def next(self) -> Candidate | None:
        """The candidate to measure next; None where all are."""
        left = [c for c in self.task.candidates if c not in self.measured and c not in self.excluded]
        return min(left, key=self.predicted, default=None)


def search(tunings: Sequence[Tuning], cost: SpillAwareCost, measure: Measure, trials: int, report: Progress) -> None:
    """Measures candidates, those first that the plans have without tuning.

    Args:
        tunings: filled with what is measured.
        cost: of whole inferences.
        measure: of one candidate.
        trials: measurements per task, at the most.
        report: told what is measured, and the share of the trials that is done.
    """
    done = 0
    most = sum(min(trials, len(tuning.task.candidates)) for tuning in tunings)

    def take(chosen: Sequence[tuple[Tuning, Candidate]]) -> None:
        nonlocal done
        cycles = iter(measure([(tuning.task, candidate) for tuning, candidate in chosen]))
        for tuning, candidate in chosen:
            report(f"{tuning.task.view.node.name}: {candidate.kernel}", min(done / most, 1.0))
            done += 1
            found = next(cycles)
            if found is None:
                tuning.excluded.add(candidate)
            else:
                tuning.measured[candidate] = found

    take([(tuning, c) for tuning in tunings for c in tuning.first if c not in tuning.measured])
    while True:
        gains = promised_gains(tunings, cost, trials)
        best = sorted((-gain, index) for index, gain in gains.items() if gain > WORTH)[:ROUND]
        chosen = [(tunings[index], tunings[index].next()) for _, index in best]
        if not chosen:
            return
        take([(tuning, candidate) for tuning, candidate in chosen if candidate is not None])


def promised_gains(tunings: Sequence[Tuning], cost: SpillAwareCost, trials: int) -> dict[int, float]:
    """Share of the inference's time that each task's next candidate would save if it were better than predicted."""
    now: dict[int, float] = {}
    for tuning in tunings:
        now |= dict.fromkeys(tuning.task.numbers, tuning.best)
    seconds = cost.seconds(now)
    gains = {}
    for index, tuning in enumerate(tunings):
        candidate = tuning.next()
        if candidate is None or len(tuning.measured) + len(tuning.excluded) >= trials or seconds <= 0:
            continue
        hoped = (1 - MARGIN) * tuning.predicted(candidate)
        if hoped < tuning.best:
            faster = now | dict.fromkeys(tuning.task.numbers, hoped)
            gains[index] = 1 - cost.seconds(faster) / seconds
    return gains


def recall(tunings: Sequence[Tuning], records: TuningRecords, versions: Versions) -> None:
    """Takes over what the same tools measured before: of this network, or of others with such operators.

    Args:
        tunings: where it goes.
        records: of the board.
        versions: of the tools.
    """
    known = {
        (record.operator, record.kernel, record.decisions): record.cycles
        for record in records.records
        if record.measured and record.versions == versions
    }
    for tuning in tunings:
        for candidate in tuning.task.candidates:
            cycles = known.get((tuning.task.signature, candidate.kernel, candidate.decisions))
            if cycles is not None:
                tuning.measured[candidate] = float(cycles)


def records_of(core: str, board: str, tunings: Sequence[Tuning], versions: Versions = ()) -> TuningRecords:
    """Records of all candidates' kernels, with the decisions on their programs that turned out best.

    Args:
        core: of the board.
        board: its name.
        tunings: what is known.
        versions: of the tools that measured.
    """
    decisions: dict[str, tuple[float, Decision]] = {}
    for tuning in tunings:
        for candidate in tuning.task.candidates:
            doubt = 1.0 if candidate in tuning.measured else 1 + MARGIN
            relative = doubt * tuning.predicted(candidate) / max(tuning.best, 1.0)
            for key, taken in candidate.decisions:
                if key not in decisions or relative < decisions[key][0]:
                    decisions[key] = relative, taken
    best = {key: taken for key, (_, taken) in decisions.items()}
    records = [record for tuning in tunings for record in _records(tuning, best, versions)]
    return TuningRecords(core, tuple(records), tuple(sorted(best.items())), board)


def _records(tuning: Tuning, decisions: Mapping[str, Decision], versions: Versions) -> Iterator[TuningRecord]:
    """Of each kernel with the decisions taken, and of all that was measured."""
    kernels: dict[str, list[Candidate]] = {}
    for candidate in tuning.task.candidates:
        kernels.setdefault(candidate.kernel, []).append(candidate)
    for kernel, candidates in kernels.items():
        decided = [c for c in candidates if all(decisions[key] == taken for key, taken in c.decisions)]
        chosen = min(decided or candidates, key=tuning.predicted)
        for candidate in candidates:
            measured = candidate in tuning.measured
            if measured or candidate is chosen:
                cycles = round(tuning.predicted(candidate))
                by = versions if measured else ()
                yield TuningRecord(tuning.task.signature, kernel, cycles, measured, candidate.decisions, by)
