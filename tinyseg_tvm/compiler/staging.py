"""Rings of spills and fetches fitted to their storages' speed."""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.boards import Board
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planning import Planned
from tinyseg_tvm.compiler.storage import model_of, storages_of
from tinyseg_tvm.network.spilling import deeper, with_staging
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer
from tinyseg_tvm.planner.staging import stage


def with_fitting_staging(planned: Planned, options: BuildOptions, board: Board, budget: int | None = None) -> Planned:
    """The plan with as many records staged as its storages' speed asks for and its memory has room for.

    Args:
        planned: with the kernels that it will run with, whose cycles say what transfers can hide behind.
        options: name the storages.
        board: whose clock counts.
        budget: bytes that the arena may grow to; None: no byte more than the plan uses.
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
        {storage.name: model_of(storage) for storage in storages_of(options, board)},
        board.clock_hz,
        transfer,
        max((budget or 0) - planned.arena_bytes, 0),
    )
    network = with_staging(planned.network, staged.decisions)
    return replace(planned, network=network, problem=staged.problem, plan=staged.plan, spilled=staged.decisions)
