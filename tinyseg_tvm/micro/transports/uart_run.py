"""Runs a program at the other end of a serial line, which asks for its files and says when it ends."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from tinyseg_tvm.boards import Uart
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image, Program
from tinyseg_tvm.micro.tools import CallResult
from tinyseg_tvm.micro.transports.frames import ID_BYTES, FrameFiles, take_request
from tinyseg_tvm.micro.transports.serial_line import Line, open_line

BEGIN_SECONDS = 120.0  # until the first request; programs without answers begin anew after 20 s to a minute
INCOMPLETE_SECONDS = 0.3  # of silence, after which the begin of a request is dropped
ID_SYMBOL, NOTE_BYTES = "program_id", 16  # in front of the linker's build ID


def run_by_uart(uart: Uart, program: Program, image: Image, folder: Path, timeout: float) -> CallResult:
    """Serves a program that runs, or begins to, until it ends; the board then waits for the next run.

    Args:
        uart: the line.
        program: what must run there.
        image: its symbols.
        folder: its working directory.
        timeout: seconds that it may run.

    Returns:
        Its exit status, and what it printed as ``stderr``.

    Raises:
        TinySegError: the line is lost, another program answers or none, or the time is over.
        KeyboardInterrupt: with a text, where it was interrupted.
    """
    identity = program.bytes_at(image.address(ID_SYMBOL) + NOTE_BYTES, ID_BYTES)
    if len(identity) != ID_BYTES:
        raise TinySegError("the program has no build ID, by which it is known on the board: was it built with UART=1?")
    files = FrameFiles(folder, identity)
    with open_line(uart.device, uart.baud) as line, contextlib.closing(files):
        try:
            return CallResult(_serve(line, files, uart, timeout), "", files.console)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the board begins anew when nobody answers it") from None


def _serve(line: Line, files: FrameFiles, uart: Uart, timeout: float) -> int:
    """Answers until the program ends; its status."""
    received = bytearray()
    began = heard = time.monotonic()
    deadline = began + BEGIN_SECONDS
    while files.status is None:
        now = time.monotonic()
        if now > deadline:
            raise _silent(files, uart, timeout)
        data = line.read()
        received += data
        if data:
            heard = now
        elif now - heard > INCOMPLETE_SECONDS:
            received.clear()
        begun = files.begun
        while files.status is None and (request := take_request(received)) is not None:
            if frame := files.answer(request):
                line.write(frame)
        if files.begun and not begun:
            deadline = time.monotonic() + timeout
    return files.status


def _silent(files: FrameFiles, uart: Uart, timeout: float) -> TinySegError:
    if files.begun:
        return TinySegError(
            f"the program did not end within {timeout:g} seconds: allow more time (timeout), or look for an endless "
            "loop; reset the board before the next run"
        )
    return TinySegError(
        f"no program asks for its files at {uart.device} ({uart.baud} baud) within {BEGIN_SECONDS:g} seconds: is it on "
        "the board, has the board been reset, are device, baud and pins right?"
    )
