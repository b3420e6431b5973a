"""Tunes a network's kernels for a board: measures candidates on it or its emulator, and records what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, load_board
from tinyseg_tvm.codegen.operators import NodeView
from tinyseg_tvm.codegen.tuning_records import TuningRecords
from tinyseg_tvm.compiler.kernel_choice import scratch_rooms
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.micro.transports.choice import choose_transport, counts_cycles
from tinyseg_tvm.network.problem import first_node
from tinyseg_tvm.parallel import Cache, executor_for, results
from tinyseg_tvm.planner.progress import Progress, silent
from tinyseg_tvm.relay import Factory, build
from tinyseg_tvm.relay.target import parse_target
from tinyseg_tvm.tune.candidates import Candidate, Task, tasks_of
from tinyseg_tvm.tune.cost_model import SpillAwareCost
from tinyseg_tvm.tune.measurement import ANSWER, Measurement, measured, tool_versions
from tinyseg_tvm.tune.search import Measure, Tuning, recall, records_of, search

TRIALS = 8  # measurements per operator, at the most
COMPILERS = 2  # at the same time, where nothing else is measured meanwhile


@dataclass(frozen=True)
class TunedOperator:
    """Operators that are alike, before and after.

    Attributes:
        names: of the nodes.
        before, after: kernels, of the first one.
        cycles_before, cycles_after: of an inference, all operators together.
        trials: kernels measured, now or before.
    """

    names: tuple[str, ...]
    before: str
    after: str
    cycles_before: float
    cycles_after: float
    trials: int


@dataclass(frozen=True)
class Tuned:
    """What the tuner found.

    Attributes:
        records: for ``relay.build`` and ``-tuning``.
        before, after: the network planned without and with them.
        operators: those that were measured, most cycles first.
        seconds_before, seconds_after: of an inference at the board's clock, waiting for transfers included, both by the
            cycles that were measured.
        recalled: kernels that were measured before, by the records that were given.
    """

    records: TuningRecords
    before: Factory
    after: Factory
    operators: tuple[TunedOperator, ...]
    seconds_before: float
    seconds_after: float
    recalled: int


def tune(
    mod: Any,
    target: object = "c -tinyseg",
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    trials: int = TRIALS,
    progress: Progress | None = None,
    executor: Executor | None = None,
    cache: str | Path | None = None,
    records: TuningRecords | None = None,
) -> Tuned:
    """Tunes the kernels of a module as the target plans it.

    Args:
        mod: as ``relay.build`` takes it.
        target: the same; the board must have an emulator, or be reached and count cycles.
        params: values of parameters that the module does not hold itself.
        name: of the C library.
        trials: measurements per operator, at the most.
        progress: told of each measurement.
        executor: makes the measurements: threads, processes, or a cluster (Dask's ``Client.get_executor()``). What is
            found does not depend on it. None: one after the other, in this process.
        cache: folder for measurements, where those that are there by content and versions are not made again.
        records: of this board from before: what the same tools measured of such operators, for whatever network, is not
            measured again.

    Raises:
        UsageError: a board that nothing can be measured on, or no trials.
        DoesNotFitError: no plan within the RAM limit.
        TinySegError: a model that cannot be lowered, a missing tool, a worker whose tools differ.
    """
    options = target if isinstance(target, BuildOptions) else parse_target(target)
    if trials < 1:
        raise UsageError(f"trials: {trials} given, 1 or more are needed")
    board = load_board(options.board)
    if board.is_host or not (board.is_emulated or counts_cycles(board, choose_transport(board))):
        raise UsageError(
            f"the board '{board.name}' has neither an emulator nor a way to count cycles on it to measure with: name "
            "one that has (-board=...)"
        )
    if options.mcpu and options.mcpu != board.core.name:
        raise UsageError(f"-mcpu={options.mcpu}: what is measured on, '{board.name}', is a {board.core.name}")
    before = build(mod, replace(options, tuning=""), params, name=name, progress=progress)
    tunings, cost = tunings_of(before), cost_of(before)
    known = None if cache is None else Cache(Path(cache), ANSWER)
    versions = tool_versions(board)
    recall(tunings, records or TuningRecords(), versions)
    recalled = sum(len(tuning.measured) for tuning in tunings)
    if executor is None:
        with executor_for(1) as alone:
            search(tunings, cost, measure_by(board, alone, COMPILERS, known), trials, progress or silent)
    else:
        search(tunings, cost, measure_by(board, executor, 1, known), trials, progress or silent)
    found = records_of(before.core.name, board.name, tunings, versions)
    after = build(mod, replace(options, tuning=""), params, name=name, progress=progress, records=found)
    return Tuned(
        found,
        before,
        after,
        tuple(sorted(_operators(tunings, before, after), key=lambda each: -each.cycles_before)),
        cost.seconds(_cycles_before(tunings)),
        cost_of(after).seconds(_cycles_after(after, found)),
        recalled,
    )


def worker_resource(target: object) -> str:
    """What a worker of a cluster must have one of to measure for a target: the board's name.

    An empty text where the board is emulated: then any worker will do.

    Raises:
        UsageError: a target that is none, or a board that does not exist.
    """
    options = target if isinstance(target, BuildOptions) else parse_target(target)
    board = load_board(options.board)
    return "" if board.is_emulated or board.is_host else board.name


def measure_by(board: Board, executor: Executor, jobs: int, cache: Cache | None) -> Measure:
    """Measures on a board by an executor.

    Args:
        board: what is measured on.
        executor: who measures.
        jobs: compilers that run at the same time, for each measurement.
        cache: of measurements.
    """

    def measure(asked: Sequence[tuple[Task, Candidate]]) -> Iterable[float | None]:
        questions = [Measurement.of(task.view, board, candidate, jobs) for task, candidate in asked]
        return results(measured, questions, executor, cache, lambda question: question.key)

    return measure


def tunings_of(factory: Factory) -> list[Tuning]:
    """One for each task of the planned network."""
    network, operators = factory.network, factory.problem.operators
    offset = first_node(network, factory.options.io)
    views = [(offset + i, NodeView.of(node, network, factory.core)) for i, node in enumerate(network.nodes)]
    tunings = []
    for task in tasks_of(views, scratch_rooms(factory.planned, factory.situation)):
        kernels = dict.fromkeys(operators[number].kernel for number in task.numbers)
        first = [next((c for c in task.candidates if c.kernel == kernel), None) for kernel in kernels]
        tunings.append(Tuning(task, tuple(candidate for candidate in first if candidate) or task.candidates[:1]))
    return tunings


def cost_of(factory: Factory) -> SpillAwareCost:
    """What cycles are worth in the network as it is planned."""
    situation = factory.situation
    return SpillAwareCost(
        factory.problem, factory.plan, factory.planned.spilled, situation.models, float(situation.board.clock_hz)
    )


def _cycles_before(tunings: Sequence[Tuning]) -> dict[int, float]:
    """Cycles per step of the operators as planned without records."""
    return {number: tuning.predicted(tuning.first[0]) for tuning in tunings for number in tuning.task.numbers}


def _cycles_after(factory: Factory, records: TuningRecords) -> dict[int, float]:
    """Cycles per step of the operators as planned with records."""
    offset = first_node(factory.network, factory.options.io)
    cycles: dict[int, float] = {}
    for number, node in enumerate(factory.network.nodes, offset):
        signature = NodeView.of(node, factory.network, factory.core).signature
        recorded = records.find(signature, factory.problem.operators[number].kernel)
        if recorded is not None:
            cycles[number] = recorded.cycles
    return cycles


def _operators(tunings: Sequence[Tuning], before: Factory, after: Factory) -> Iterator[TunedOperator]:
    chosen = {operator.name: operator.kernel for operator in after.problem.operators}
    for tuning in tunings:
        names = tuple(before.problem.operators[number].name for number in tuning.task.numbers)
        steps = tuning.task.steps * len(names)
        was = tuning.first[0]
        now = after.core.records.find(tuning.task.signature, chosen.get(names[0], ""))
        yield TunedOperator(
            names,
            was.kernel,
            now.kernel if now else was.kernel,
            tuning.predicted(was) * steps,
            (now.cycles if now else tuning.predicted(was)) * steps,
            len(tuning.measured),
        )
