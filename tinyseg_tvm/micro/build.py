"""Builds a generated project with its own Makefile, and says what a failing build means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.micro.machine import Machine
from tinyseg_tvm.micro.tools import call

SHOWN_CHARACTERS = 4000


@dataclass(frozen=True)
class Variant:
    """A way to build: OBSERVE, SANITIZE, TIMER and UART of the Makefile."""

    observe: bool = False
    sanitize: bool = False
    timer: bool = False
    uart: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of what is switched on."""
        return tuple(name for name in ("observe", "sanitize", "timer", "uart") if getattr(self, name))


def build_folder(project: Path, board: Board, variant: Variant) -> Path:
    """Where the Makefile puts objects and program."""
    return project / "build" / "-".join([board.name, *variant.chosen])


def build_program(project: Path, name: str, machine: Machine, board: Board, variant: Variant, jobs: int) -> Path:
    """Runs make; returns the program ``name``.elf.

    Raises:
        DoesNotFitError: the linker found that a memory is too small.
        TinySegError: a tool is missing or fails.
    """
    result = call(
        ["make", "--no-print-directory", f"-j{jobs}", *(f"{key.upper()}=1" for key in variant.chosen)],
        remedy=machine.toolchain.remedy,
        folder=project,
        environment={"MAKEFLAGS": "", "PORT": board.name},
    )
    if result.status == 0:
        return build_folder(project, board, variant) / f"{name}.elf"
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", result.stderr)
    if overflow is not None:
        region, excess = overflow.group(1), int(overflow.group(2))
        length = _region_bytes(project, board, region)
        raise DoesNotFitError(
            f"'{name}' does not fit the memory {region} of {board.name}: it needs {length + excess} bytes, "
            f"{length} are there; {_fit_remedy(board, region)}"
        )
    compiler = machine.toolchain.compiler
    if re.search(rf"{compiler}: (command )?not found|{compiler}: No such file", result.stderr):
        raise TinySegError(f"the compiler '{compiler}' is not installed: {machine.toolchain.remedy}")
    raise TinySegError(f"the project in {project} does not build:\n{result.stderr.strip()[-SHOWN_CHARACTERS:]}")


def _fit_remedy(board: Board, region: str) -> str:
    ram = board.memory("ram")
    if ram is not None and region == ram.name:
        return "compile with a smaller --ram, with --io line, or choose a larger board"
    if any(memory.name == region for memory in board.fast_memories):
        return "its kernels are larger than was reckoned with: compile with more --fast, or with --fast 0"
    return "choose a board with more flash, or a smaller network"


def _region_bytes(project: Path, board: Board, name: str) -> int:
    """Length of a region in the linker script."""
    script = (project / "port" / board.name / "board.ld").read_text()
    match = re.search(rf"^\s*{name} \(.*LENGTH = (\d+)", script, re.MULTILINE)
    return int(match.group(1)) if match else 0
