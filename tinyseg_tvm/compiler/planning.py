"""Chooses how a network runs: streaming axis, cascades, recomputation, within the RAM that the board has."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from tinyseg_tvm.compiler.arena import arena_problem, whole_program
from tinyseg_tvm.compiler.axes import Oriented, axis_of, by_axis
from tinyseg_tvm.compiler.decided_network import recomputing
from tinyseg_tvm.compiler.memory import promised_memory
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.spill_planning import best_with_storage
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import Objective, check_fits
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.planner.recompute_search import Point, pareto, plan_with_recomputation
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def plan_network(lowered: LoweredModule, situation: Situation, progress: Progress | None = None) -> Planned:
    """The plan of least RAM among those of the axes, with the kernels of least scratch.

    Raises:
        DoesNotFitError: none keeps the RAM limit.
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    return min(plans_by_axis(lowered, situation, progress), key=lambda choice: choice.arena_bytes)


def plans_by_axis(
    lowered: LoweredModule, situation: Situation, progress: Progress | None = None
) -> tuple[Planned, ...]:
    """The best plan along each axis that the options allow, where there is one; with the kernels of least scratch.

    Raises:
        DoesNotFitError: none keeps the RAM limit.
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    choices: list[Planned] = []
    refusals: list[str] = []
    budgets: list[int] = []
    by_rows = 0
    for oriented, report in by_axis(lowered, situation, progress):
        try:
            choices.append(_in_memories(oriented, situation, report))
            needed = promised_memory(choices[-1], situation).total
        except DoesNotFitError as error:
            refusals.append(f"by {oriented.axis}, {error}")
            needed = error.needed_bytes
            budgets += [needed] if needed else []
        by_rows = needed if oriented.axis == "rows" else by_rows
    if not choices:
        raise DoesNotFitError(_refusal(situation, refusals, budgets), min(budgets, default=0))
    return tuple(replace(choice, ram_by_rows=by_rows if choice.axis == "columns" else 0) for choice in choices)


def _in_memories(oriented: Oriented, situation: Situation, progress: Progress) -> Planned:
    """The best plan along one axis: in the main RAM, or in all of the board's where that is too small."""
    options = situation.options
    best = best_with_storage if options.storage and not options.layerwise else _best
    try:
        return best(oriented, situation, arena_problem(oriented.network, situation), progress)
    except DoesNotFitError as error:
        refusal = error
    if situation.has_banks:
        banked = situation.with_banks()
        with contextlib.suppress(DoesNotFitError):
            return best(oriented, banked, arena_problem(oriented.network, banked), progress).in_used_pools()
    raise refusal


def _best(oriented: Oriented, situation: Situation, problem: Problem, progress: Progress) -> Planned:
    """The best plan along one axis without storage."""
    options = situation.options
    percent, effort = options.max_recompute, options.effort
    objective = Objective.FASTEST if options.objective == "speed" else Objective.SMALLEST
    recomputes = percent and not options.layerwise
    try:
        if recomputes and not options.fills_ram:
            point = plan_with_recomputation(problem, percent, effort=effort, progress=progress)
            return _fitting(of_point(oriented, point), situation)
        with whole_program(oriented.network, situation, problem):
            plan = _plan(problem, situation, objective, progress)
        return Planned(oriented.axis, oriented.lowered, problem, plan)
    except DoesNotFitError:
        if not recomputes or not options.fills_ram:
            raise
    front = pareto(problem, max_percent=percent, effort=effort, progress=progress)
    least = min(front, key=lambda point: point.ram)
    for point in sorted(front, key=lambda point: point.macs):
        with contextlib.suppress(DoesNotFitError):
            return _fitting(of_point(oriented, point), situation)
    return _fitting(of_point(oriented, least), situation)


def _plan(problem: Problem, situation: Situation, objective: Objective, progress: Progress) -> Plan:
    """The best plan of a problem as it is."""
    if not situation.options.layerwise:
        return optimise(problem, objective=objective, effort=situation.options.effort, progress=progress)
    plan = plan_layerwise(problem)
    check_fits(problem, plan)
    return plan


def of_point(oriented: Oriented, point: Point) -> Planned:
    """The plan of a point between RAM and recomputation. Its problem has no limit."""
    chosen = point.recomputed
    decided = recomputing(oriented.lowered, chosen)
    return Planned(oriented.axis, decided, chosen.problem, point.plan, point.extra_macs)


def _fitting(planned: Planned, situation: Situation) -> Planned:
    """The plan, with the RAM limit, if it keeps it: what is computed twice counts its steps beside the arena, too."""
    limited = replace(planned.problem, pools=arena_problem(planned.network, situation).pools)
    with whole_program(planned.network, situation, limited):
        check_fits(limited, planned.plan)
    return replace(planned, problem=limited)


def _refusal(situation: Situation, refusals: list[str], budgets: list[int]) -> str:
    options = situation.options
    tried = {
        "--io line": options.io == "line",
        "--stream-axis columns": axis_of(options) in ("auto", "columns"),
        "--stream-axis rows": axis_of(options) in ("auto", "rows"),
        "--io-type quantized": options.io_type == "quantized",
        "--max-recompute 20": options.max_recompute > 0,
        "--storage": bool(options.storage),
        "--fast 0": situation.fast_reserve == 0,
    }
    others = ", ".join(option for option, used in tried.items() if not used)
    remedy = f". The smallest budget that works with these options: --ram {min(budgets)}" if budgets else ""
    remedy += f". Not tried yet: {others}" if others else ""
    limit, name = situation.ram_limit, situation.board.name
    further = f", nor that with {' and '.join(bank for bank, _ in situation.banks)}" if situation.has_banks else ""
    return f"the network does not fit {limit:,} bytes of RAM on {name}{further}: {'; '.join(refusals)}{remedy}"
