"""How a board's programs are run: as processes of this computer, in an emulator, by a debugger, by a command."""

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
from tinyseg_tvm.micro.transports.choice import PROCESS, Transport
from tinyseg_tvm.micro.transports.gdb_run import run_by_gdb
from tinyseg_tvm.micro.transports.uart_run import run_by_uart
from tinyseg_tvm.micro.vectors import REPORT_FILE

SHOWN_CHARACTERS = 2000  # of what a failing tool said
FLASH_SECONDS = 600.0  # that a tool may take to write to a board


def execute(
    machine: Machine,
    board: Board,
    elf: Path,
    folder: Path,
    transport: Transport,
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
        transport: one of the board's.
        emulation: what an emulator needs for the project's storages.
        options: further ones of the emulator.
        timeout: seconds that it may take.

    Raises:
        TinySegError: a tool is missing or fails, or the time is over.
    """
    if transport.kind == PROCESS:
        sanitizers = f"exitcode={EXIT_SANITIZER}"
        environment = {"ASAN_OPTIONS": f"{sanitizers}:detect_leaks=0", "UBSAN_OPTIONS": sanitizers}
        return call([str(elf)], remedy="build it", folder=folder, timeout=timeout, environment=environment)
    if transport.kind == "qemu" and machine.emulator is not None:
        for name, size in emulation.images.items():
            with (folder / name).open("wb") as image:
                image.truncate(size)
        with remote_storage(emulation.arguments) as arguments:
            words = [*emulator_command(machine.emulator, board, elf), *arguments, *options]
            return call(words, remedy=machine.emulator.remedy, folder=folder, timeout=timeout)
    if transport.debug is not None and machine.debugging is not None:
        program, symbols = machine.read_program(elf), machine.read_image(elf)
        return run_by_gdb(machine.debugging, transport.debug, program, symbols, folder, timeout)
    if transport.uart is not None:
        if board.flash_command:
            flash(board, elf)
        return run_by_uart(transport.uart, machine.read_program(elf), machine.read_image(elf), folder, timeout)
    if transport.kind == "command":
        return _run_by_command(board, elf, folder, timeout)
    raise TinySegError(f"programs for {machine.name} cannot be run by {transport.kind}: choose another transport")


def _run_by_command(board: Board, elf: Path, folder: Path, timeout: float) -> CallResult:
    words = _filled(board.run_command, str(elf), str(folder))
    remedy = f"install it, or change run_command of the board '{board.name}'"
    result = call(words, remedy=remedy, folder=folder, timeout=timeout)
    if result.status > 0 and not (folder / REPORT_FILE).exists():  # then the status is the tool's, not the program's
        raise TinySegError(
            f"'{words[0]}' ended with status {result.status} before the program began:\n"
            f"{(result.stderr or result.stdout).strip()[-SHOWN_CHARACTERS:]}"
        )
    return result


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
    remedy = f"install it, or change flash_command of the board '{board.name}'"
    result = call(words, remedy=remedy, timeout=FLASH_SECONDS)
    if result.status != 0:
        raise TinySegError(
            f"'{words[0]}' could not write to the board, and ended with status {result.status}:\n"
            f"{(result.stderr or result.stdout).strip()[-SHOWN_CHARACTERS:]}"
        )


def run_words(machine: Machine, board: Board, name: str, emulation: Emulation) -> str:
    """The Makefile's words that run the program ``name``.elf in build/<variant>/run; empty where there are none."""
    timer = timer_of(board)
    if timer is not None and machine.emulator is not None:
        words = [*emulator_command(machine.emulator, board, Path(f"../{name}.elf")), *emulation.arguments]
        command = " ".join(map(_makefile_word, words))
        return f"{command} $(if $(filter 1,$(TIMER)),{shlex.join(counting_options(timer))})"
    return _makefile_words(board.run_command, name).replace("$(BUILD)/", "../")


def flash_words(board: Board, name: str) -> str:
    """The Makefile's words that write the program to the board; empty where there are none."""
    return _makefile_words(board.flash_command, name)


def _makefile_words(command: Sequence[str], name: str) -> str:
    words = _filled([_makefile_word(word) for word in command], f"$(BUILD)/{name}.elf", ".")
    return " ".join(words)


def _makefile_word(word: str) -> str:
    """A word of a recipe that means itself to make and to the shell."""
    return shlex.quote(word).replace("$", "$$")


def _filled(words: Sequence[str], elf: str, folder: str) -> list[str]:
    """A board's command with its placeholders filled in."""
    return [word.replace("{elf}", elf).replace("{directory}", folder) for word in words]
