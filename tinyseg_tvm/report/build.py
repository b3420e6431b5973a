"""A build as its reports show it: the plan, and what is known beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.storage_timing import Timeline
from tinyseg_tvm.report.memory import MemoryMap, memory_map
from tinyseg_tvm.report.points import Rival
from tinyseg_tvm.report.tables import Cell


@dataclass(frozen=True, eq=False)
class Build:
    """What there is to report on.

    Attributes:
        problem: the planning problem.
        plan: a valid plan for it.
        title: shown above the pictures, for example the model's name.
        network: what the problem is of: kinds of operators, shapes and quantisation of tensors; None: not known.
        timeline: when each step ends; None: steps have no times.
        facts: headline figures, name to value.
        remarks: sentences below those.
        rivals: rows of the comparison with other planners.
    """

    problem: Problem
    plan: Plan
    title: str = ""
    network: Network | None = None
    timeline: Timeline | None = None
    facts: Mapping[str, Cell] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    rivals: Sequence[Rival] = ()

    @cached_property
    def memory(self) -> MemoryMap:
        """The memory map."""
        return memory_map(self.problem, self.plan)

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each operator by its name, where known."""
        return {node.name: node.operator.kind for node in self.network.nodes} if self.network else {}
