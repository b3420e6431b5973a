"""How a board's programs are run: as processes of this computer, in the board's emulator, or by its own command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.emulator import counting_options, emulator_command, timer_of
from tinyseg_tvm.micro.faults import EXIT_SANITIZER
from tinyseg_tvm.micro.machine import Machine
from tinyseg_tvm.micro.remote_storage import remote_storage
from tinyseg_tvm.micro.storages import Emulation
from tinyseg_tvm.micro.tools import CallResult, call


def execute(
    machine: Machine,
    board: Board,
    elf: Path,
    folder: Path,
    *,
    emulation: Emulation,
    options: Sequence[str] = (),
    timeout: float,
) -> CallResult:
    """Runs a program to its end.

    Args:
        machine: the board's.
        board: what the program was built for.
        elf: the program.
        folder: its working directory.
        emulation: what an emulator needs for the project's storages.
        options: further ones of the emulator.
        timeout: seconds that it may take.

    Raises:
        TinySegError: the board has no way to run programs from here, a tool is missing, or the time is over.
    """
    if board.is_host:
        sanitizers = f"exitcode={EXIT_SANITIZER}"
        environment = {"ASAN_OPTIONS": f"{sanitizers}:detect_leaks=0", "UBSAN_OPTIONS": sanitizers}
        return call([str(elf)], remedy="build it", folder=folder, timeout=timeout, environment=environment)
    if board.is_emulated and machine.emulator is not None:
        for name, size in emulation.images.items():
            with (folder / name).open("wb") as image:
                image.truncate(size)
        with remote_storage(emulation.arguments) as arguments:
            words = [*emulator_command(machine.emulator, board, elf), *arguments, *options]
            return call(words, remedy=machine.emulator.remedy, folder=folder, timeout=timeout)
    if board.run_command:
        words = _filled(board.run_command, str(elf), str(folder))
        remedy = f"install it, or change run_command of the board '{board.name}'"
        return call(words, remedy=remedy, folder=folder, timeout=timeout)
    raise TinySegError(
        f"the board '{board.name}' has neither a QEMU machine nor a run_command: flash it and read its "
        "outputs there, or generate the project for 'host' or a QEMU board with the same core"
    )


def check_flashable(board: Board) -> None:
    """Raises TinySegError where a board has no command that writes programs to it."""
    if not board.flash_command:
        kind = "has no flash_command"
        if board.is_host or board.is_emulated:
            kind = "is this computer" if board.is_host else "is emulated by QEMU"
        raise TinySegError(f"there is nothing to flash: the board '{board.name}' {kind}; use run")


def flash(board: Board, elf: Path) -> None:
    """Writes a program to a board that ``check_flashable`` lets pass.

    Raises:
        TinySegError: the board's tool is missing or fails.
    """
    words = _filled(board.flash_command, str(elf), str(elf.parent))
    result = call(words, remedy=f"install it, or change flash_command of the board '{board.name}'")
    if result.status != 0:
        raise TinySegError(f"'{words[0]}' could not write to the board:\n{result.stderr or result.stdout}")


def run_words(machine: Machine, board: Board, name: str, emulation: Emulation) -> str:
    """The Makefile's words that run the program ``name``.elf in build/<variant>/run; empty where there are none."""
    timer = timer_of(board)
    if timer is not None and machine.emulator is not None:
        command = shlex.join([*emulator_command(machine.emulator, board, Path(f"../{name}.elf")), *emulation.arguments])
        return f"{command} $(if $(filter 1,$(TIMER)),{shlex.join(counting_options(timer))})"
    return _makefile_words(board.run_command, name).replace("$(BUILD)/", "../")


def flash_words(board: Board, name: str) -> str:
    """The Makefile's words that write the program to the board; empty where there are none."""
    return _makefile_words(board.flash_command, name)


def _makefile_words(command: Sequence[str], name: str) -> str:
    words = _filled(command, f"$(BUILD)/{name}.elf", ".")
    return " ".join(word if "$(" in word else shlex.quote(word) for word in words)


def _filled(words: Sequence[str], elf: str, folder: str) -> list[str]:
    """A board's command with its placeholders filled in."""
    return [word.replace("{elf}", elf).replace("{directory}", folder) for word in words]
