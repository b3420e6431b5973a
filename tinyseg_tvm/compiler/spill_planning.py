"""Plans that may use storage: the search over keeping, spilling and recomputing, and what its states become."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

from tinyseg_tvm.compiler.arena import arena_problem, beside_arena, least_scratch_cost, whole_program
from tinyseg_tvm.compiler.axes import Oriented
from tinyseg_tvm.compiler.decided_network import settled
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.spilling import transfers
from tinyseg_tvm.operators.stored_records import numbers_bytes
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.progress import Progress, part
from tinyseg_tvm.planner.spill_search import State, search
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

TYPICAL_RECORD = 512  # bytes; the search reckons with the storage that is fastest for it
SEARCHING = 0.7  # share of the work; planning the state that is chosen is the rest


def best_with_storage(oriented: Oriented, situation: Situation, problem: Problem, progress: Progress) -> Planned:
    """The plan with the least RAM within the budgets; where RAM may be filled, the one that writes least and fits.

    Args:
        oriented: the network.
        situation: names storages and budgets.
        problem: of the network, nothing spilled.
        progress: told of the search.

    Raises:
        DoesNotFitError: none keeps the RAM limit, or the storages are too small.
    """
    fills = situation.options.fills_ram
    states = spilling_states(oriented.network, situation, problem, progress)
    limit = problem.pools[0].bytes
    cheapest = sorted(states, key=lambda state: (state.written, state.choice.recomputed.extra_macs, state.live))
    if fills:
        order = [state for state in cheapest if limit is None or state.live <= limit]
    else:
        order = sorted(states, key=lambda state: (state.live, state.written))
    refusals: list[DoesNotFitError] = []
    unwritten = min((state.live for state in states if not state.written), default=0)

    def tried(state: State) -> Planned | None:
        try:
            found = of_state(oriented, situation, state, progress)
        except DoesNotFitError as error:  # without a need where the storage is too small for so much
            refusals.append(error)
            return None
        return replace(found, live_without_writing=unwritten)

    for state in order:
        if planned := tried(state):
            return planned
        if refusals[-1].needed_bytes and not fills:
            break
    # a state with more bytes alive may need less beside them: the refusal names the smallest need of all
    beside = beside_arena(oriented.network, situation, problem)
    for state in sorted(states, key=lambda state: state.live):
        if state.live + beside >= min((_need(error) for error in refusals), default=sys.maxsize):
            break
        if planned := tried(state):
            return planned
    raise min(refusals, key=_need)


def _need(refusal: DoesNotFitError) -> int:
    return refusal.needed_bytes or sys.maxsize


def spilling_states(network: Network, situation: Situation, problem: Problem, progress: Progress) -> tuple[State, ...]:
    """What the search over keeping, spilling and recomputing finds."""
    options = situation.options
    room = sum(storage.capacity - numbers_bytes(storage.block_bytes) for storage in situation.storages)
    fastest = min(situation.media, key=lambda medium: situation.models[medium.name].read_seconds(TYPICAL_RECORD))
    return search(
        problem,
        transfers(network, fastest, partial(least_scratch_cost, situation=situation)),
        max_written=room if options.max_written is None else min(options.max_written, room),
        max_percent=options.max_recompute,
        effort=options.effort,
        progress=part(progress, 0.0, SEARCHING),
    )


def of_state(oriented: Oriented, situation: Situation, state: State, progress: Progress) -> Planned:
    """The plan that a state of the search becomes.

    Raises:
        DoesNotFitError: it does not keep the RAM limit, or the storages are too small.
    """
    decided, decisions = settled(oriented.lowered, situation, state.choice)
    return _planned(oriented.axis, decided, situation, state, decisions, progress)


def _planned(
    axis: str,
    decided: LoweredModule,
    situation: Situation,
    state: State,
    decisions: tuple[SpillDecision, ...],
    progress: Progress,
) -> Planned:
    problem = arena_problem(decided.network, situation)
    with whole_program(decided.network, situation, problem):
        best = plan(problem, effort=situation.options.effort, progress=part(progress, SEARCHING, 1.0))
    return Planned(axis, decided, problem, best, state.choice.recomputed.extra_macs, decisions)
