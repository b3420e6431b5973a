"""Boards that QEMU plays as if they were real: reached by its GDB server or its serial line, without `[qemu]`."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyseg_tvm.boards import Board, load_board, parse_board

QUIET = ("-nographic", "-monitor", "none")
LINES = {  # driver and address of the first serial line
    "mps2_an386": ("cmsdk_uart", 0x4000_4000),
    "mps3_an547": ("cmsdk_uart", 0x4930_3000),
    "lm3s6965evb": ("pl011", 0x4000_C000),
    "netduinoplus2": ("stm32_usart", 0x4001_1000),
    "microbit": ("nrf_uart", 0x4000_2000),
}


def machine_words(board: str) -> list[str]:
    """The emulator of a board's machine."""
    qemu = load_board(board).qemu
    assert qemu is not None
    return ["qemu-system-arm", "-M", qemu.machine, *QUIET]


def without_emulator(board: str, keys: str) -> Board:
    """The same board under the name ``<board>_probed``, with other keys in place of its emulator."""
    text = "\n".join(line for line in load_board(board).toml.splitlines() if not line.startswith("qemu ="))
    head, mark, memories = text.partition("[[memories]]")
    return parse_board(f"{board}_probed", f"{head}{keys}\n{mark}{memories}", "probed.toml")


def qemu_server(board: str, *options: str) -> list[str]:
    """The command of a GDB server for the machine of a board: no `-kernel`, no semihosting."""
    return [*machine_words(board), "-serial", "none", *options, "-S", "-gdb", "tcp:127.0.0.1:{port}"]


def behind_gdb(board: str, *options: str, reset: str = "system_reset", cycles: str = "none") -> Board:
    """A board behind QEMU's GDB server, which is started with further options."""
    server = qemu_server(board, *options)
    return without_emulator(board, f'cycles = "{cycles}"\ndebug = {{ server = {server!r}, reset = "{reset}" }}')


def behind_uart(board: str, keys: str = 'cycles = "none"', setup: str = "[]") -> Board:
    """A board whose requests come over its first serial line."""
    driver, address = LINES[board]
    line = f'uart = {{ driver = "{driver}", address = {address}, baud = 921_600, setup = {setup} }}'
    return without_emulator(board, f"{keys}\n{line}")


def free_port() -> int:
    """A port of this computer that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serial_board(board: str, elf: Path, *options: str) -> Iterator[str]:
    """A program that runs in QEMU, without semihosting; ``HOST:PORT`` of its serial line."""
    port = free_port()
    line = f"socket,id=line,host=127.0.0.1,port={port},server=on,wait=off"
    words = [*machine_words(board), "-chardev", line, "-serial", "chardev:line", *options, "-kernel", str(elf)]
    running = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()
