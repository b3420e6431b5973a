"""What RAM buys of a plan: for an arena of any size, the fastest kernels whose scratch memory it has room for.

An operator's scratch is there during its own steps only, and what else is alive then does not depend on the kernels of
other operators. So each kernel asks for an arena of the bytes alive beside it and its scratch, and the front of arena
and cycles follows from sorting what all kernels ask for: no set of kernels is searched, nothing is planned again. Bytes
alive are a bound that a placement may miss by what it wastes between blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tinyseg_tvm import codegen
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.problem import first_node
from tinyseg_tvm.planner.gaps import slots_of
from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes, live_profile
from tinyseg_tvm.planner.problem import Operator, Problem
from tinyseg_tvm.planner.step_table import step_table


@dataclass(frozen=True)
class KernelPoint:
    """The fastest kernels in an arena.

    Attributes:
        arena_bytes: that they ask for, by bytes alive.
        cycles: of all operators' steps.
        flash_bytes: of their constants and of their own code.
    """

    arena_bytes: int
    cycles: int
    flash_bytes: int


@dataclass(frozen=True, eq=False)
class KernelFront:
    """The kernels that a plan may have, and the arena that each asks for. The schedule stays.

    Attributes:
        planned: with the kernels of least scratch.
        choices: kernels worth considering by the operator's number, those of least scratch first.
    """

    planned: Planned
    choices: Mapping[int, tuple[Cost, ...]]

    @cached_property
    def life(self) -> Lifetimes:
        """When lines are alive."""
        return lifetimes(step_table(self.planned.problem), self.planned.plan.steps)

    @cached_property
    def busy(self) -> tuple[int, ...]:
        """Most bytes alive during each operator's steps, beside its scratch."""
        profile = live_profile(self.life)
        found = []
        for number, operator in enumerate(self.planned.problem.operators):
            slots = slots_of(self.life, number)
            found.append(int(profile[slots].max()) - operator.scratch_bytes if len(slots) else 0)
        return tuple(found)

    @property
    def least_cycles(self) -> int:
        """Of the fastest kernels, whatever arena they ask for."""
        return self.points[-1].cycles

    def operator(self, number: int, room: int) -> Operator:
        """An operator with its fastest kernel of so much scratch, then of the smallest constants."""
        operator, costs = self.planned.problem.operators[number], self.choices.get(number, ())
        fitting = [cost for cost in costs if cost.scratch_bytes <= room] or costs[:1]
        if not fitting:
            return operator
        best = min(fitting, key=lambda cost: (cost.cycles_per_step, cost.flash_bytes))
        return replace(
            operator,
            kernel=best.kernel,
            scratch_bytes=best.scratch_bytes,
            cycles=best.cycles_per_step,
            flash_bytes=best.flash_bytes,
        )

    def among(self, choices: Mapping[int, tuple[Cost, ...]]) -> KernelFront:
        """With fewer choices; the smallest kernel of a plan that is none of them gives way to the fastest as small."""
        front = KernelFront(self.planned, choices)
        operators = list(self.planned.problem.operators)
        for number, costs in choices.items():
            if all(cost.kernel != operators[number].kernel for cost in costs):
                operators[number] = front.operator(number, operators[number].scratch_bytes)
        problem = replace(self.planned.problem, operators=tuple(operators))
        return KernelFront(replace(self.planned, problem=problem), choices)

    def within(self, arena_bytes: int, share: float = 1.0) -> Problem:
        """The problem with the fastest kernels of an arena, in which they take a share of the room for more scratch."""
        operators = []
        for number, operator in enumerate(self.planned.problem.operators):
            spare = max(arena_bytes - self.busy[number] - operator.scratch_bytes, 0)
            operators.append(self.operator(number, operator.scratch_bytes + int(share * spare)))
        return replace(self.planned.problem, operators=tuple(operators))

    @cached_property
    def points(self) -> tuple[KernelPoint, ...]:
        """From the plan's arena on, by arena; each is faster than the one before."""
        at = self.within(self.planned.arena_bytes).operators
        cycles, flash = cycles_of(at), sum(operator.flash_bytes for operator in at)
        found = [KernelPoint(self.planned.arena_bytes, cycles, flash)]
        now = {number: (at[number].cycles, at[number].flash_bytes) for number in self.choices}
        for arena, number, cost in sorted(self._asked(), key=lambda each: (each[0], each[2].cycles_per_step)):
            before = now[number]
            if cost.cycles_per_step >= before[0]:
                continue
            now[number] = cost.cycles_per_step, cost.flash_bytes
            cycles -= (before[0] - cost.cycles_per_step) * at[number].steps
            flash += cost.flash_bytes - before[1]
            found[len(found) - (found[-1].arena_bytes == arena) :] = [KernelPoint(arena, cycles, flash)]
        return tuple(found)

    def _asked(self) -> Iterator[tuple[int, int, Cost]]:
        """Arena, operator and kernel, of those that ask for a larger arena than the plan's."""
        for number, costs in self.choices.items():
            for cost in costs:
                arena = self.busy[number] + cost.scratch_bytes
                if arena > self.planned.arena_bytes:
                    yield arena, number, cost


def cycles_of(operators: tuple[Operator, ...]) -> int:
    """Of all their steps."""
    return sum(operator.cycles * operator.steps for operator in operators)


def kernel_front(planned: Planned, situation: Situation) -> KernelFront:
    """The kernels of a situation's core that a plan may have."""
    network = planned.network
    offset = first_node(network, situation.options.io)
    choices = {
        offset + i: codegen.kernel_choices(node, network, situation.core) for i, node in enumerate(network.nodes)
    }
    return KernelFront(planned, choices)
