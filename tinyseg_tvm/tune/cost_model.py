"""What a kernel's cycles are worth in a whole inference.

A network that spills waits for its storage at times: cycles that a faster kernel saves while a transfer is under way
are waited for instead. So candidates are judged by the time of the plan, replayed step by step with the storages' own
times, and not by their cycles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.planner.storage_model import StorageModel
from tinyseg_tvm.planner.storage_timing import replay


@dataclass(frozen=True)
class SpillAwareCost:
    """Seconds of an inference, by the cycles of its operators.

    Attributes:
        problem: what was planned.
        plan: its plan.
        spilled: what goes to storage.
        storages: how fast they are.
        clock_hz: of the core.
    """

    problem: Problem
    plan: Plan
    spilled: Sequence[SpillDecision]
    storages: Mapping[str, StorageModel]
    clock_hz: float

    def seconds(self, cycles: Mapping[int, float]) -> float:
        """Of an inference.

        Args:
            cycles: per step of operators, by number; of the others what the problem says.
        """
        operators = list(self.problem.operators)
        for number, each in cycles.items():
            operators[number] = replace(operators[number], cycles=round(each))
        if not self.spilled:
            return sum(operator.cycles * operator.steps for operator in operators) / self.clock_hz
        problem = replace(self.problem, operators=tuple(operators))
        return replay(problem, self.plan, self.spilled, self.storages, self.clock_hz).seconds
