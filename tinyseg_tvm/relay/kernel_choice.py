"""The fastest kernels that a plan has room for.

Plans are made with the kernels of least scratch memory. Where an operator runs while memory is left, a faster kernel
with more scratch costs nothing: the arena stays as large as the plan's peak, or grows to a stated budget.
"""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm import codegen
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.problem import Cost, IoMode, first_node
from tinyseg_tvm.planner.liveness import lifetimes, live_profile
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Operator, Problem
from tinyseg_tvm.planner.step_table import step_table

SHARES = (1.0, 0.9, 0.7, 0.5, 0.25)  # of the room that live bytes leave; packing may not reach all of it
TRIES = 4  # placements per share


def with_fast_kernels(
    network: Network, problem: Problem, plan: Plan, *, io: IoMode, core: codegen.Core, budget: int | None = None
) -> tuple[Problem, Plan]:
    """The problem and plan with faster kernels where they fit.

    Args:
        network: what is planned.
        problem: with the scratch of the smallest kernels.
        plan: its plan; the schedule stays.
        io: how the problem was built.
        core: whose kernels to choose from.
        budget: bytes that the arena may grow to; None: no byte more than the plan uses.
    """
    limit = max(sum(plan.pool_bytes), budget or 0)
    table = step_table(problem)
    life = lifetimes(table, plan.steps)
    profile = live_profile(life)
    offset = first_node(network, io)
    choices = {offset + i: codegen.kernel_choices(node, network, core) for i, node in enumerate(network.nodes)}
    for share in SHARES:
        operators = list(problem.operators)
        for number, costs in choices.items():
            slots = life.slot[int(table.first_step[number]) : int(table.first_step[number + 1])]
            busy = int(profile[slots].max()) if len(slots) else 0
            operators[number] = _chosen(operators[number], costs, int(share * max(limit - busy, 0)))
        if operators == list(problem.operators):
            break
        faster = replace(problem, operators=tuple(operators))
        packed = pack(step_table(faster), plan.steps, TRIES)
        if sum(packed.pool_bytes) <= limit and _fits(faster, packed):
            return faster, packed
    return problem, plan


def _chosen(operator: Operator, costs: tuple[Cost, ...], room: int) -> Operator:
    fitting = [cost for cost in costs if cost.scratch_bytes <= operator.scratch_bytes + room]
    best = fitting[-1] if fitting else costs[0]
    return replace(operator, scratch_bytes=best.scratch_bytes, cycles=best.cycles_per_step)


def _fits(problem: Problem, plan: Plan) -> bool:
    sizes = zip(problem.pools, plan.pool_bytes, strict=True)
    return all(pool.bytes is None or used <= pool.bytes for pool, used in sizes)
