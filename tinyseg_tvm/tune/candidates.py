"""What the tuner chooses from: every kernel that computes an operator, with every decision on its programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import NodeView, emitter_for
from tinyseg_tvm.codegen.tuning_records import Decision, TuningRecords, decision_of
from tinyseg_tvm.operators import Operator

UNMEASURED = ("fetch", "spill", "opaque")  # kinds of operators: of a storage's driver, or with one kernel only


@dataclass(frozen=True)
class Candidate:
    """A kernel with decisions on its programs.

    Attributes:
        kernel: name of the variant.
        decisions: by ``program_key``.
        scratch_bytes: that it needs.
        estimate: cycles per step, without measuring.
    """

    kernel: str
    decisions: tuple[tuple[str, Decision], ...]
    scratch_bytes: int
    estimate: int


@dataclass(frozen=True)
class Task:
    """Operators of a network that are alike, so that one measurement is of all.

    Attributes:
        view: one of them.
        numbers: the operators of the planning problem.
        steps: of each.
        candidates: that fit all of them; best estimated first.
    """

    view: NodeView[Operator]
    numbers: tuple[int, ...]
    steps: int
    candidates: tuple[Candidate, ...]

    @property
    def signature(self) -> str:
        """What records know them by."""
        return self.view.signature


def tasks_of(views: Sequence[tuple[int, NodeView[Operator]]], rooms: Sequence[int]) -> list[Task]:
    """Tasks of a network.

    Args:
        views: number in the planning problem and view of its nodes.
        rooms: bytes of scratch that each operator of the problem can have.
    """
    alike: dict[str, list[tuple[int, NodeView[Operator]]]] = {}
    for number, view in views:
        if view.operator.kind not in UNMEASURED:
            alike.setdefault(view.signature, []).append((number, view))
    tasks = []
    for members in alike.values():
        view = members[0][1]
        room = max(rooms[number] for number, _ in members)
        found = candidates_of(view)
        least = min(candidate.scratch_bytes for candidate in found)
        fitting = [candidate for candidate in found if candidate.scratch_bytes <= max(room, least)]
        ranked = tuple(sorted(fitting, key=lambda candidate: candidate.estimate))
        tasks.append(Task(view, tuple(number for number, _ in members), view.access.steps, ranked))
    return tasks


def candidates_of(view: NodeView[Operator]) -> list[Candidate]:
    """All that compute a node.

    Where a kernel has several programs, the first candidate takes the decision of fewest estimated cycles on each, the
    second the next one on each, and so on.
    """
    found = []
    for variant in emitter_for(view.operator.kind):
        if not variant.supports(view):
            continue
        spaces = variant.programs(view)
        for rank in range(max((len(space) for space in spaces.values()), default=1)):
            taken = tuple(
                (key, decision_of(space[min(rank, len(space) - 1)])) for key, space in spaces.items() if len(space) > 1
            )
            cost = variant.cost(replace(view, core=decided(view.core, taken)))
            found.append(Candidate(variant.name, taken, cost.scratch_bytes, cost.cycles_per_step))
    return found


def decided(core: Core, decisions: tuple[tuple[str, Decision], ...]) -> Core:
    """The core with these decisions on programs, and nothing measured."""
    return replace(core, records=TuningRecords(core.name, (), decisions))
