"""Chooses how a network runs: streaming axis, cascades, recomputation, within the RAM that the board has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.problem import build_problem, first_node
from tinyseg_tvm.network.recomputation import with_clones
from tinyseg_tvm.network.streaming_axis import transpose_spatial
from tinyseg_tvm.planner import recompute
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import Objective, check_fits
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Pool, Problem
from tinyseg_tvm.relay.memory import overhead_bytes
from tinyseg_tvm.relay.options import BuildOptions

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, 0 to 1."""

ARENA_ALIGNMENT = 16


@dataclass(frozen=True)
class Planned:
    """One way to run a network.

    Attributes:
        axis: "rows" or "columns": what a line is in the model's own layout.
        network: exchanged for columns, with clones of what is recomputed.
        recomputed_macs: multiply-accumulates of the clones.
    """

    axis: str
    network: Network
    problem: Problem
    plan: Plan
    recomputed_macs: int = 0

    @property
    def arena_bytes(self) -> int:
        """Bytes of all pools."""
        return sum(self.plan.pool_bytes)


def plan_network(
    network: Network, options: BuildOptions, board: Board, core: codegen.Core, progress: Progress | None = None
) -> Planned:
    """The plan that serves the objective best.

    Raises:
        DoesNotFitError: none keeps the RAM limit.
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    choices: list[Planned] = []
    refusals: list[str] = []
    budgets: list[int] = []
    axes = list(_axes(network, options))
    for number, (axis, oriented) in enumerate(axes):

        def report(share: float, what: str, axis: str = axis, number: int = number) -> None:
            if progress:
                progress(f"{axis}: {what}", (number + share) / len(axes))

        problem = arena_problem(oriented, options, board, core)
        try:
            choices.append(_best(axis, oriented, problem, options, report))
        except DoesNotFitError as error:
            refusals.append(f"by {axis}, {error}")
            budgets += [error.needed_bytes + overhead_bytes(board, problem)] if error.needed_bytes else []
    if not choices:
        raise DoesNotFitError(_refusal(refusals, budgets, options, board), min(budgets, default=0))
    if options.objective == "speed":
        return min(choices, key=lambda choice: (choice.recomputed_macs, len(choice.plan.steps), choice.arena_bytes))
    return min(choices, key=lambda choice: choice.arena_bytes)


def pareto_points(
    network: Network, options: BuildOptions, board: Board, core: codegen.Core, progress: Progress | None = None
) -> list[Planned]:
    """Plans of which none is better than another in RAM and recomputed MACs, over both axes; RAM limits are ignored."""
    points: list[Planned] = []
    axes = list(_axes(network, options))
    for number, (axis, oriented) in enumerate(axes):

        def report(share: float, what: str, axis: str = axis, number: int = number) -> None:
            if progress:
                progress(f"{axis}: {what}", (number + share) / len(axes))

        problem = arena_problem(oriented, options, board, core)
        front = recompute.pareto(problem, max_percent=options.max_recompute, effort=options.effort, progress=report)
        points += [_of_point(axis, oriented, options, point) for point in front]
    best: list[Planned] = []
    for point in sorted(points, key=lambda point: (point.recomputed_macs, point.arena_bytes)):
        if not best or point.arena_bytes < best[-1].arena_bytes:
            best.append(point)
    return best


def arena_problem(network: Network, options: BuildOptions, board: Board, core: codegen.Core) -> Problem:
    """The network's planning problem with one pool: what the RAM limit leaves beside static data and stack."""
    limit = options.ram if options.ram is not None else board.ram_bytes
    problem = build_problem(network, io=options.io, cost=partial(codegen.kernel_cost, network=network, core=core))
    available = None if limit is None else max(limit - overhead_bytes(board, problem), 0)
    return replace(problem, pools=(Pool("arena", available, ARENA_ALIGNMENT),))


def _axes(network: Network, options: BuildOptions) -> Iterator[tuple[str, Network]]:
    if options.stream_axis in ("auto", "rows"):
        yield "rows", network
    if options.stream_axis in ("auto", "columns"):
        try:
            yield "columns", transpose_spatial(network)
        except TinySegError as error:
            if options.stream_axis == "columns":
                raise
            logger.info("columns are not available: %s", error)


def _best(
    axis: str, network: Network, problem: Problem, options: BuildOptions, report: Callable[[float, str], None]
) -> Planned:
    if options.layerwise:
        plan = plan_layerwise(problem)
        check_fits(problem, plan)
        return Planned(axis, network, problem, plan)
    if options.max_recompute and options.objective != "speed":
        point = recompute.plan_with_recomputation(
            problem, options.max_recompute, effort=options.effort, progress=report
        )
        planned = _of_point(axis, network, options, point)
        check_fits(replace(planned.problem, pools=problem.pools), planned.plan)
        return planned
    objective = Objective.FASTEST if options.objective == "speed" else Objective.SMALLEST
    try:
        plan = optimise(problem, objective=objective, effort=options.effort, progress=report)
        return Planned(axis, network, problem, plan)
    except DoesNotFitError:
        if not options.max_recompute:
            raise
    front = recompute.pareto(problem, max_percent=options.max_recompute, effort=options.effort, progress=report)
    fitting = [p for p in front if problem.pools[0].bytes is None or p.ram <= problem.pools[0].bytes]
    planned = _of_point(axis, network, options, min(fitting or front, key=lambda p: p.macs if fitting else p.ram))
    check_fits(replace(planned.problem, pools=problem.pools), planned.plan)
    return planned


def _of_point(axis: str, network: Network, options: BuildOptions, point: recompute.Point) -> Planned:
    chosen = point.recomputed
    cloned = with_clones(
        network, chosen.problem, chosen.operator_origin, chosen.tensor_origin, first_node(network, options.io)
    )
    return Planned(axis, cloned, chosen.problem, point.plan, point.extra_macs)


def _refusal(refusals: list[str], budgets: list[int], options: BuildOptions, board: Board) -> str:
    limit = options.ram if options.ram is not None else board.ram_bytes
    tried = {
        "--io line": options.io == "line",
        "--stream-axis auto": options.stream_axis == "auto",
        "--io-type quantized": options.io_type == "quantized",
        "--max-recompute 20": options.max_recompute > 0,
    }
    others = ", ".join(option for option, used in tried.items() if not used)
    remedy = f". The smallest budget that works with these options: --ram {min(budgets)}" if budgets else ""
    remedy += f". Not tried yet: {others}" if others else ""
    return f"the network does not fit {limit:,} bytes of RAM on {board.name}: {'; '.join(refusals)}{remedy}"
