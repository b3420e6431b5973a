"""Rings of spills and fetches fitted to their storages' speed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tinyseg_tvm.compiler.arena import arena_limit, arena_pools
from tinyseg_tvm.compiler.decided_network import staging
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.spilling import deeper
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer
from tinyseg_tvm.planner.staging import stage


def with_fitting_staging(planned: Planned, situation: Situation) -> Planned:
    """The plan with as many records staged as its storages' speed asks for and its memory has room for.

    Args:
        planned: with the kernels that it will run with, whose cycles say what transfers can hide behind.
        situation: with the storages; its options say whether the arena may grow.
    """
    if not planned.spilled:
        return planned
    types = planned.network.tensors

    def transfer(decision: SpillDecision, ring: int, ahead: int) -> Transfer:
        kind = types[decision.tensor].type
        lines = decision.lines or kind.lines - decision.first_line
        part = replace(kind, shape=(*kind.shape[: kind.line_axis], lines, *kind.line_shape))
        return deeper(part, decision.transfer, ring, ahead)

    staged = stage(
        planned.problem,
        planned.plan,
        planned.spilled,
        situation.models,
        situation.board.clock_hz,
        transfer,
        arena_limit(planned, situation) - planned.arena_bytes,
        partial(_fits, planned, situation),
    )
    decided = staging(planned.decided, staged.decisions)
    return replace(planned, decided=decided, problem=staged.problem, plan=staged.plan, spilled=staged.decisions)


def _fits(
    planned: Planned, situation: Situation, problem: Problem, plan: Plan, decisions: tuple[SpillDecision, ...]
) -> bool:
    """Whether the RAM limit holds: each transfer that may wait has a place in the network's context."""
    if situation.ram_limit is None:
        return True
    network = staging(planned.decided, decisions).network
    room = situation.with_banks() if len(problem.pools) > 1 else situation
    limits = {pool.name: pool.bytes for pool in arena_pools(network, room, problem)}
    return all(used <= (limits[pool.name] or 0) for pool, used in zip(problem.pools, plan.pool_bytes, strict=True))
