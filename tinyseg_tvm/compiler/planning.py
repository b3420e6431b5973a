"""Chooses how a network runs: streaming axis, cascades, recomputation, within the RAM that the board has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Board
from tinyseg_tvm.compiler.fast_memory import fast_reserve
from tinyseg_tvm.compiler.memory import overhead_bytes
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.storage import medium_of, model_of, storages_of
from tinyseg_tvm.compiler.storage_assignment import assign
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.channel_split import with_channel_splits
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Node
from tinyseg_tvm.network.problem import build_problem, first_node
from tinyseg_tvm.network.recomputation import with_clones
from tinyseg_tvm.network.spilling import transfers, with_spills
from tinyseg_tvm.network.streaming_axis import transpose_spatial
from tinyseg_tvm.planner import recompute_search
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import Objective, check_fits
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Pool, Problem
from tinyseg_tvm.planner.spill_search import State, search
from tinyseg_tvm.planner.spilling import SpillDecision

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, 0 to 1."""

TYPICAL_RECORD = 512  # bytes; the search reckons with the storage that is fastest for it
ARENA_ALIGNMENT = 8  # of lines; the widest element of any tensor


@dataclass(frozen=True)
class Planned:
    """One way to run a network.

    Attributes:
        axis: "rows" or "columns": what a line is in the model's own layout.
        network: exchanged for columns, with clones of what is recomputed, spills and fetches.
        recomputed_macs: multiply-accumulates of the clones.
        spilled: what goes to storage.
        live_without_writing: most bytes alive if nothing were written; 0 where that was not asked.
    """

    axis: str
    network: Network
    problem: Problem
    plan: Plan
    recomputed_macs: int = 0
    spilled: tuple[SpillDecision, ...] = ()
    live_without_writing: int = 0

    @property
    def arena_bytes(self) -> int:
        """Bytes of all pools."""
        return sum(self.plan.pool_bytes)

    @property
    def written_bytes(self) -> int:
        """Payload written to storage per inference."""
        types = {decision.tensor: self.network.tensors[decision.tensor].type for decision in self.spilled}
        return sum(
            (decision.lines or types[decision.tensor].lines - decision.first_line) * types[decision.tensor].line_bytes
            for decision in self.spilled
        )


def arena_budget(planned: Planned, options: BuildOptions) -> int | None:
    """Bytes that the arena may grow to for speed; None: no byte more than the plan uses.

    A stated limit may be used up; without one the smallest arena stays the smallest.
    """
    return planned.problem.pools[0].bytes if options.ram is not None or options.objective == "speed" else None


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
            if options.storage and not options.layerwise:
                choices.append(_best_with_storage(axis, oriented, options, board, core, report))
            else:
                choices.append(_best(axis, oriented, problem, options, report))
        except DoesNotFitError as error:
            refusals.append(f"by {axis}, {error}")
            beside = overhead_bytes(board, problem) + fast_reserve(options, board)
            budgets += [error.needed_bytes + beside] if error.needed_bytes else []
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
        front = recompute_search.pareto(
            problem, max_percent=options.max_recompute, effort=options.effort, progress=report
        )
        points += [_of_point(axis, oriented, options, point) for point in front]
    best: list[Planned] = []
    for point in sorted(points, key=lambda point: (point.recomputed_macs, point.arena_bytes)):
        if not best or point.arena_bytes < best[-1].arena_bytes:
            best.append(point)
    return best


def arena_problem(network: Network, options: BuildOptions, board: Board, core: codegen.Core) -> Problem:
    """The network's planning problem with one pool: what the RAM limit leaves beside static data and stack."""
    limit = options.ram if options.ram is not None else board.ram_bytes
    problem = build_problem(
        network, io=options.io, cost=partial(codegen.kernel_cost, network=network, core=core, scratch_limit=0)
    )
    beside = overhead_bytes(board, problem, network) + fast_reserve(options, board)
    available = None if limit is None else max(limit - beside, 0)
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
        point = recompute_search.plan_with_recomputation(
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
    front = recompute_search.pareto(problem, max_percent=options.max_recompute, effort=options.effort, progress=report)
    fitting = [p for p in front if problem.pools[0].bytes is None or p.ram <= problem.pools[0].bytes]
    planned = _of_point(axis, network, options, min(fitting or front, key=lambda p: p.macs if fitting else p.ram))
    check_fits(replace(planned.problem, pools=problem.pools), planned.plan)
    return planned


def spilling_points(
    network: Network,
    options: BuildOptions,
    board: Board,
    core: codegen.Core,
    progress: Progress | None = None,
    most: int = 8,
) -> list[Planned]:
    """Plans of which none is better than another in RAM, bytes written and recomputed MACs; RAM limits are ignored.

    The options name the storage, the axis, and the budgets of writing and recomputation. ``most``: points per axis,
    spread over the range.
    """
    unlimited = replace(board, memories=tuple(memory for memory in board.memories if memory.kind != "ram"))
    points: list[Planned] = []
    axes = list(_axes(network, options))
    for number, (axis, oriented) in enumerate(axes):

        def report(share: float, what: str, axis: str = axis, number: int = number) -> None:
            if progress:
                progress(f"{axis}: {what}", (number + share) / len(axes))

        free = replace(options, ram=None)
        problem = arena_problem(oriented, free, unlimited, core)
        states = _states(oriented, problem, free, board, core, report)
        chosen = {round(index * (len(states) - 1) / max(most - 1, 1)) for index in range(most)}
        for place in sorted(chosen):
            with suppress(DoesNotFitError):  # more than the storages can hold, with headers and padding
                points.append(_of_state(axis, oriented, states[place], free, unlimited, core, report))
    prices = {id(p): (p.arena_bytes, p.written_bytes, p.recomputed_macs) for p in points}

    def beaten(point: Planned) -> bool:
        mine = prices[id(point)]
        return any(all(a <= b for a, b in zip(p, mine, strict=True)) and p != mine for p in prices.values())

    return sorted((p for p in points if not beaten(p)), key=lambda p: (p.written_bytes, p.recomputed_macs))


def _states(
    network: Network,
    problem: Problem,
    options: BuildOptions,
    board: Board,
    core: codegen.Core,
    report: Callable[[float, str], None],
) -> tuple[State, ...]:
    """What the search over keeping, spilling and recomputing finds."""
    storages = storages_of(options, board)
    room = sum(storage.capacity for storage in storages)
    fastest = min(storages, key=lambda storage: model_of(storage).read_seconds(TYPICAL_RECORD))
    cost = partial(_kernel_cost, core=core)
    return search(
        problem,
        transfers(network, medium_of(fastest, options, board.clock_hz), cost),
        max_written=room if options.max_written is None else min(options.max_written, room),
        max_percent=options.max_recompute,
        effort=options.effort,
        progress=report,
    )


def _kernel_cost(network: Network, node: Node, core: codegen.Core) -> Cost:
    return codegen.kernel_cost(node, network=network, core=core, scratch_limit=0)


def _best_with_storage(
    axis: str,
    network: Network,
    options: BuildOptions,
    board: Board,
    core: codegen.Core,
    report: Callable[[float, str], None],
) -> Planned:
    """The plan with the least RAM within the budgets; for speed, the one that writes least and fits."""
    problem = arena_problem(network, options, board, core)
    states = _states(network, problem, options, board, core, lambda share, what: report(0.7 * share, what))
    limit = problem.pools[0].bytes
    cheapest = sorted(states, key=lambda state: (state.written, state.choice.recomputed.extra_macs, state.live))
    if options.objective == "speed":
        order = [state for state in cheapest if limit is None or state.live <= limit]
    else:
        order = sorted(states, key=lambda state: (state.live, state.written))
    refusal: DoesNotFitError | None = None
    unwritten = min((state.live for state in states if not state.written), default=0)
    for state in order or sorted(states, key=lambda state: state.live)[:1]:
        try:
            _settled(network, state, options, board)
        except DoesNotFitError as error:  # the storage is too small for so much
            refusal = refusal or error
            continue
        try:
            planned = _of_state(axis, network, state, options, board, core, report)
            return replace(planned, live_without_writing=unwritten)
        except DoesNotFitError as error:
            refusal = error
            if options.objective != "speed":  # all others need more
                break
    assert refusal is not None
    raise refusal


def _of_state(
    axis: str,
    network: Network,
    state: State,
    options: BuildOptions,
    board: Board,
    core: codegen.Core,
    report: Callable[[float, str], None],
) -> Planned:
    spilled, decisions = _settled(network, state, options, board)
    problem = arena_problem(spilled, options, board, core)
    plan = optimise(problem, effort=options.effort, progress=lambda share, what: report(0.7 + 0.3 * share, what))
    return Planned(axis, spilled, problem, plan, state.choice.recomputed.extra_macs, decisions)


def _settled(
    network: Network, state: State, options: BuildOptions, board: Board
) -> tuple[Network, tuple[SpillDecision, ...]]:
    """The network with a state's clones, spills and fetches.

    Raises:
        DoesNotFitError: the storages are too small for what it spills.
    """
    chosen = state.choice.recomputed
    cloned = with_clones(
        network, chosen.problem, chosen.operator_origin, chosen.tensor_origin, first_node(network, options.io)
    )
    storages = storages_of(options, board)
    media = [medium_of(storage, options, board.clock_hz) for storage in storages]
    divided = with_channel_splits(cloned, state.choice.splits)
    models = {storage.name: model_of(storage) for storage in storages}
    decisions, slots = assign(divided, state.choice.decisions, storages, media, models, options.frame_rate)
    return with_spills(divided, decisions, slots), decisions


def _of_point(axis: str, network: Network, options: BuildOptions, point: recompute_search.Point) -> Planned:
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
        "--storage": bool(options.storage),
        "--fast 0": fast_reserve(options, board) == 0,
    }
    others = ", ".join(option for option, used in tried.items() if not used)
    remedy = f". The smallest budget that works with these options: --ram {min(budgets)}" if budgets else ""
    remedy += f". Not tried yet: {others}" if others else ""
    return f"the network does not fit {limit:,} bytes of RAM on {board.name}: {'; '.join(refusals)}{remedy}"
