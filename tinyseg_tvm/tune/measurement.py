"""A measurement as a piece of work: whoever does it, wherever, comes to the same cycles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache

from tinyseg_tvm.boards import Board
from tinyseg_tvm.codegen.operators import NodeView
from tinyseg_tvm.codegen.tuning_records import TuningRecords
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.given import Nullable, Number
from tinyseg_tvm.micro.machines import machine_of
from tinyseg_tvm.micro.tools import call
from tinyseg_tvm.operators import Operator
from tinyseg_tvm.parallel import Refusal, Versions, differing, package_versions
from tinyseg_tvm.tune.candidates import Candidate
from tinyseg_tvm.tune.isolated import IsolatedOperator

ANSWER = Nullable(Number(0, 1e15))
"""What ``measured`` answers, for the cache: cycles of a step; null where there is too little memory for it."""


@dataclass(frozen=True)
class Measurement:
    """One candidate for one operator. A pickled one has that operator's constants, and nothing else of its network.

    Attributes:
        view: the operator.
        board: what it is measured on.
        candidate: the kernel.
        versions: of the tools that measure it (``tool_versions``).
        jobs: compilers that run at the same time.
    """

    view: NodeView[Operator]
    board: Board
    candidate: Candidate
    versions: Versions
    jobs: int = 1

    @staticmethod
    def of(view: NodeView[Operator], board: Board, candidate: Candidate, jobs: int = 1) -> Measurement:
        """With the versions of this computer, and without what other operators have to do with the view."""
        alone = replace(view, core=replace(view.core, records=TuningRecords()))
        return Measurement(alone, board, candidate, tool_versions(board), jobs)

    @property
    def key(self) -> str:
        """All that the cycles depend on: the operator by content, whatever network it is of."""
        view = self.view
        total = hashlib.sha256()
        for name, array in sorted(view.constants.items()):
            total.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
        candidate = self.candidate.kernel, self.candidate.decisions
        asked = view.operator, view.inputs, view.outputs, view.core, candidate, self.board, self.versions
        return f"tune {type(view.operator).__name__} {asked!r} {total.hexdigest()}"


def measured(measurement: Measurement) -> float | Refusal | None:
    """Cycles of a step; None where the board has too little memory to measure them.

    Raises:
        TinySegError: a tool is missing or fails, or a result differs from the reference.
    """
    board = measurement.board
    wrong = differing(measurement.versions, tool_versions(board))
    if wrong:
        return Refusal(wrong)
    try:
        return IsolatedOperator(measurement.view, board).cycles_per_step(measurement.candidate, measurement.jobs)
    except DoesNotFitError:
        return None


def tool_versions(board: Board) -> Versions:
    """Of what generates, compiles and runs programs for a board, on this computer.

    Raises:
        TinySegError: one of them is not installed.
    """
    machine = machine_of(board)
    toolchain, emulator = machine.toolchain, machine.emulator
    found = [*package_versions(), _version(toolchain.compiler, toolchain.remedy)]
    if board.is_emulated and emulator is not None:
        found.append(_version(emulator.program, emulator.remedy))
    return tuple(found)


@cache
def _version(program: str, remedy: str) -> tuple[str, str]:
    said = call([program, "--version"], remedy).stdout.strip().splitlines()
    return program, said[0] if said else "of unknown version"
