"""The arena that a network is planned into: what the RAM leaves to it, and how far it may grow for speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from tinyseg_tvm import codegen
from tinyseg_tvm.compiler.memory import overhead_bytes
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Node
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.planner.problem import Pool, Problem

ARENA = "arena"
ARENA_ALIGNMENT = 8  # of lines; the widest element of any tensor


def arena_problem(network: Network, situation: Situation) -> Problem:
    """The network's planning problem with the memories that it has in a situation."""
    cost = partial(least_scratch_cost, network, situation=situation)
    problem = build_problem(network, io=situation.options.io, cost=cost)
    return replace(problem, pools=arena_pools(network, situation, problem))


def arena_pools(network: Network, situation: Situation, problem: Problem) -> tuple[Pool, ...]:
    """What lines can lie in: the RAM that its limit leaves beside static data and stack, then further memories."""
    limit, main = situation.ram_limit, situation.board.ram_bytes
    if limit is None:
        return (Pool(ARENA, None, ARENA_ALIGNMENT),)
    beside = beside_arena(network, situation, problem)
    if not situation.banked or main is None:
        return (Pool(ARENA, max(limit - beside, 0), ARENA_ALIGNMENT),)
    main = min(limit, main + situation.fast_reserve)
    pools, left = [Pool(ARENA, max(main - beside, 0), ARENA_ALIGNMENT)], limit - main
    for name, room in situation.banks:
        size = min(room, left) // ARENA_ALIGNMENT * ARENA_ALIGNMENT
        if size:
            pools.append(Pool(name, size, ARENA_ALIGNMENT))
            left -= size
    return tuple(pools)


@contextmanager
def whole_program(network: Network, situation: Situation, problem: Problem) -> Iterator[None]:
    """Lets a refusal of a plan of ``problem`` say what RAM the whole program needs in place of the arena."""
    try:
        yield
    except DoesNotFitError as error:
        beside = beside_arena(network, situation, problem) if error.needed_bytes else 0
        raise DoesNotFitError(str(error), error.needed_bytes + beside) from None


def beside_arena(network: Network, situation: Situation, problem: Problem) -> int:
    """Bytes that a limit of RAM must hold beside the arena of a network's problem."""
    return overhead_bytes(situation, problem, network) + situation.fast_reserve


def least_scratch_cost(network: Network, node: Node, situation: Situation) -> Cost:
    """Cost of a node's kernel of least scratch: plans are made with those."""
    return codegen.kernel_cost(node, network, situation.core, scratch_limit=0)


def arena_limit(planned: Planned, situation: Situation) -> int:
    """Bytes that the arena of a plan may have for speed.

    A stated limit may be used up; without one the smallest arena stays the smallest.
    """
    pools = planned.problem.pools if situation.options.kernels_use_up_ram else ()
    return max(planned.arena_bytes, sum(pool.bytes or 0 for pool in pools))
