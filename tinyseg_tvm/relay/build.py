"""``relay.build``: from an imported module to a planned network."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tinyseg_tvm import codegen, relay_passes
from tinyseg_tvm.boards import Board, Core, load_board, load_core
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.streaming_axis import transpose_spatial
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import Objective, check_fits
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Pool, Problem
from tinyseg_tvm.planner.validator import validate
from tinyseg_tvm.relay.factory import Factory, overhead_bytes
from tinyseg_tvm.relay.options import BuildOptions
from tinyseg_tvm.relay.target import parse_target
from tinyseg_tvm.relay_passes.to_network import to_network

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, 0 to 1."""

ARENA_ALIGNMENT = 16


def build(
    mod: Any,
    target: object = "c -tinyseg",
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    progress: Progress | None = None,
) -> Factory:
    """Lowers, plans and validates a module.

    Args:
        mod: Relax module of ``relay.frontend.from_onnx`` (or any Relax module with a function ``main``).
        target: a string such as ``"c -tinyseg -mcpu=cortex-m4 -ram=64K"``, a TVM target made from one of
            the registered tags, or ``BuildOptions``.
        params: values of parameters that the module does not hold itself.
        name: of the C library; the module's own name by default.
        progress: told of the planner's progress.

    Raises:
        UsageError: an option that does not exist or contradicts another.
        DoesNotFitError: no plan within the RAM limit.
        TinySegError: a model that cannot be lowered.
    """
    options = target if isinstance(target, BuildOptions) else parse_target(target)
    board = load_board(options.board)
    core = generator_core(load_core(options.mcpu) if options.mcpu else board.core)
    _refuse_unavailable(options)
    lowered = relay_passes.layout_pipeline(options.io_type)(relay_passes.integer_pipeline()(_bound(mod, params or {})))
    network = to_network(lowered, library_name(name or _attribute(mod, "tinyseg.model_name", "network")))
    axis, network, problem, plan = _plan(network, options, board, core, progress)
    validate(problem, plan)
    return Factory(
        name=network.name,
        options=options,
        board=board,
        core=core,
        module=lowered,
        network=network,
        problem=problem,
        plan=plan,
        axis=axis,
        model_hash=_attribute(mod, "tinyseg.model_hash", ""),
    )


def library_name(text: str) -> str:
    """A C identifier (lower case) that resembles ``text``: the name of the library and its files."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40].rstrip("_") or "network"
    return f"net_{name}" if name[0].isdigit() else name


def _plan(
    network: Network, options: BuildOptions, board: Board, core: codegen.Core, progress: Progress | None
) -> tuple[str, Network, Problem, Plan]:
    """Axis, network (exchanged for columns), problem and plan that serve the objective best."""
    axes = ("rows", "columns") if options.stream_axis == "auto" else (options.stream_axis,)
    candidates: list[tuple[str, Network, Problem, Plan]] = []
    refusals: list[DoesNotFitError] = []
    for number, axis in enumerate(axes):
        try:
            oriented = transpose_spatial(network) if axis == "columns" else network
        except TinySegError as error:
            if options.stream_axis == "columns":
                raise
            logger.info("columns are not available: %s", error)
            continue
        problem = _problem(oriented, options, board, core)
        try:
            found = (
                plan_layerwise(problem)
                if options.layerwise
                else _search(problem, options, axis, number, axes, progress)
            )
            check_fits(problem, found)
        except DoesNotFitError as error:
            refusals.append(error)
            continue
        candidates.append((axis, oriented, problem, found))
    if not candidates:
        raise DoesNotFitError(_refusal(refusals, options, board))
    return min(candidates, key=lambda candidate: sum(candidate[3].pool_bytes))


def _problem(network: Network, options: BuildOptions, board: Board, core: codegen.Core) -> Problem:
    limit = options.ram if options.ram is not None else board.ram_bytes
    cost = partial(codegen.kernel_cost, network=network, core=core)
    problem = build_problem(network, io=options.io, cost=cost)
    available = None if limit is None else max(limit - overhead_bytes(board, problem), 0)
    return replace(problem, pools=(Pool("arena", available, ARENA_ALIGNMENT),))


def _search(
    problem: Problem, options: BuildOptions, axis: str, number: int, axes: tuple[str, ...], progress: Progress | None
) -> Plan:
    def report(share: float, what: str) -> None:
        if progress:
            progress(f"{axis}: {what}", (number + share) / len(axes))

    objective = Objective.FASTEST if options.objective == "speed" else Objective.SMALLEST
    return optimise(problem, objective=objective, effort=options.effort, progress=report)


def _refusal(refusals: list[DoesNotFitError], options: BuildOptions, board: Board) -> str:
    limit = options.ram if options.ram is not None else board.ram_bytes
    tried = {
        "--io line": options.io == "line",
        "--stream-axis auto": options.stream_axis == "auto",
        "--io-type quantized": options.io_type == "quantized",
        "--max-recompute": options.max_recompute > 0,
    }
    others = ", ".join(option for option, used in tried.items() if not used)
    remedy = f" Not tried yet: {others}." if others else ""
    details = " / ".join(str(error) for error in refusals)
    return f"the network does not fit {limit:,} bytes of RAM on {board.name}: {details}.{remedy}"


def generator_core(core: Core) -> codegen.Core:
    """The facts about a core that the code generator chooses kernels by."""
    return codegen.Core(
        name=core.name,
        has_fpu=core.fpu != "none",
        has_dsp=core.dsp,
        has_mve=core.mve,
        has_wide_multiply=core.version != 6,
    )


def _refuse_unavailable(options: BuildOptions) -> None:
    """Refuses what this version cannot do, rather than ignoring it."""
    if options.storage:
        raise UsageError(f"-storage={options.storage}: this version does not spill tensors to storage; leave it out")
    if options.max_written:
        raise UsageError("-max-written: this version does not spill tensors to storage; leave it out or give 0")


def _bound(mod: Any, params: Mapping[str, Any]) -> Any:
    """The module with parameter values bound: ``params`` as detached by TVM (function name to list) or by name."""
    from tvm import relax

    values = {key: value for key, value in params.items() if not isinstance(value, list | tuple)}
    main = mod["main"]
    names = [parameter.name for parameter in main.params]
    for arrays in (value for value in params.values() if isinstance(value, list | tuple)):
        values |= dict(zip(names[len(names) - len(arrays) :], arrays, strict=True))
    return relax.transform.BindParams("main", values)(mod) if values else mod


def _attribute(mod: Any, key: str, default: str) -> str:
    return str(mod.attrs[key]) if mod.attrs and key in mod.attrs else default
