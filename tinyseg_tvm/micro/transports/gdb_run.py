"""Runs a program behind a GDB server, and serves the requests that it stops for.

The server needs no semihosting and the program is the same: its requests are one instruction that halts the processor
(or a breakpoint there, for emulators pass over it), parameters are read and results written as a debugger does.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from tinyseg_tvm.boards import Debug
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image, Program
from tinyseg_tvm.micro.tools import CallResult
from tinyseg_tvm.micro.transports.debugging import Debugging
from tinyseg_tvm.micro.transports.gdb_server import listening_server, started_server
from tinyseg_tvm.micro.transports.gdb_target import Target
from tinyseg_tvm.micro.transports.packets import NoAnswerError, Packets
from tinyseg_tvm.micro.transports.semihosting import EndedError, Semihosting


def run_by_gdb(
    debugging: Debugging, debug: Debug, program: Program, image: Image, folder: Path, timeout: float
) -> CallResult:
    """Loads a program, runs it to its end, and leaves the processor halted.

    Args:
        debugging: what its processor's requests look like.
        debug: the server.
        program: what is loaded.
        image: its symbols.
        folder: its working directory.
        timeout: seconds that it may run.

    Returns:
        Its exit status, and what it printed as ``stderr``.

    Raises:
        TinySegError: the server fails, the program does not fit the board, stops where it should not, or is too slow.
        KeyboardInterrupt: with a text, where it was interrupted.
    """
    trap = request_address(debugging, program, image)
    connecting = started_server(debug.server, folder) if debug.server else listening_server(debug.connect)
    with connecting as connection:
        target = Target(Packets(connection))
        status = target.status_register(debugging.architecture)
        if debug.reset:
            target.monitor(debug.reset)
        target.load(program.segments)
        if debug.reset:
            target.monitor(debug.reset)  # as after power on, with the new program
        else:
            target.set_register(debugging.stack_pointer, image.address("stack_top"))
            target.set_register(debugging.program_counter, program.entry)
            target.set_register(status, debugging.initial_status)
        target.break_at(trap)  # where there are none left, the instruction itself halts
        files = Semihosting(target, folder)
        with contextlib.closing(files):
            return CallResult(_serve(target, debugging, image, files, trap, timeout), "", files.console)


def request_address(debugging: Debugging, program: Program, image: Image) -> int:
    """Where the instruction is that makes requests.

    Raises:
        TinySegError: the program has none, or several.
    """
    function = image.symbol(debugging.request)
    width = len(debugging.trap)
    found = []
    if function is not None:
        code = program.bytes_at(function.address, function.bytes)
        found = [at for at in range(0, len(code), width) if code[at : at + width] == debugging.trap]
    if function is None or len(found) != 1:
        raise TinySegError(
            f"the program's function {debugging.request} makes no requests to a debugger: compile the project again"
        )
    return function.address + found[0]


def _serve(target: Target, debugging: Debugging, image: Image, files: Semihosting, trap: int, timeout: float) -> int:
    """Runs from request to request; the program's exit status."""
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                target.resume(max(deadline - time.monotonic(), 0.0))
            except NoAnswerError:
                if not target.halt():
                    raise
                pc = target.registers()[debugging.program_counter]
                raise TinySegError(
                    f"the program did not end within {timeout:g} seconds and was halted in {image.function_at(pc)} "
                    f"(pc {pc:#010x}): allow more time (timeout), or look for an endless loop"
                ) from None
            registers = target.registers()
            pc = registers[debugging.program_counter]
            if pc != trap:
                raise TinySegError(
                    f"the processor stopped in {image.function_at(pc)} (pc {pc:#010x}), where the program makes no "
                    "request: does a breakpoint of another debugger or a watchdog stop it, or is another program there?"
                )
            try:
                result = files.serve(registers[debugging.operation], registers[debugging.parameter])
            except EndedError as ended:
                return ended.status
            target.set_register(debugging.result, result & 0xFFFFFFFF)
            target.set_register(debugging.program_counter, pc + len(debugging.trap))
    except KeyboardInterrupt:
        halted = target.halt()
        raise KeyboardInterrupt("the board is halted" if halted else "the board could not be halted") from None
