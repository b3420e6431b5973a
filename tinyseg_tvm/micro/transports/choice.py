"""Which way a run takes to its board: what was asked for, else the first of those that the board has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyseg_tvm.boards import Board, Debug, Uart
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.transports.gdb_server import host_and_port

PROCESS = "process"
TRANSPORTS = ("qemu", "gdb", "uart", "command")
NEEDED = {"qemu": "qemu", "gdb": "[debug]", "uart": "[uart]", "command": "run_command"}  # keys of a board's description


@dataclass(frozen=True)
class Transport:
    """How programs are run: ``process`` (of this computer), ``qemu``, ``gdb``, ``uart`` or ``command``.

    Attributes:
        kind: which of them.
        debug: the GDB server.
        uart: the serial line.
    """

    kind: str
    debug: Debug | None = None
    uart: Uart | None = None


def choose_transport(board: Board, kind: str = "", server: str = "", port: str = "") -> Transport:
    """The transport of a board.

    Args:
        board: what programs are run on.
        kind: the one that is wanted; empty for the board's first, in the order of ``TRANSPORTS``.
        server: ``HOST:PORT`` of a GDB server that listens, in place of the board's own; asks for ``gdb``.
        port: device of the serial line, in place of the board's; asks for ``uart``.

    Raises:
        UsageError: there is no such transport, or arguments contradict each other.
        TinySegError: the board has none.
    """
    if kind and kind not in TRANSPORTS:
        raise UsageError(f"transport is {kind!r}, must be one of {', '.join(TRANSPORTS)}")
    if server and port:
        raise UsageError(f"server={server!r} and port={port!r}: a run takes a GDB server or a serial device, not both")
    if server and kind not in ("", "gdb"):
        raise UsageError(f"a GDB server (server={server!r}) is for the transport gdb, not for {kind}")
    if port and kind not in ("", "uart"):
        raise UsageError(f"a serial device (port={port!r}) is for the transport uart, not for {kind}")
    if board.is_host:
        if kind or server or port:
            raise UsageError("programs of the board 'host' are processes of this computer, without a transport")
        return Transport(PROCESS)
    if server:
        host_and_port(server)
        return Transport("gdb", replace(board.debug or Debug(), server=(), connect=server))
    there = {
        "qemu": board.is_emulated,
        "gdb": board.debug is not None,
        "uart": board.uart is not None,
        "command": bool(board.run_command),
    }
    kind = kind or ("uart" if port else "")
    if kind and not there[kind]:
        known = ", ".join(name for name in TRANSPORTS if there[name]) or "none"
        remedy = ", or name a listening server" if kind == "gdb" else ""
        raise UsageError(
            f"the board '{board.name}' has no {NEEDED[kind]} in its description, which the transport {kind} needs "
            f"(it has: {known}){remedy}"
        )
    nameless = board.uart is not None and not board.uart.device  # then the line is for runs that name it
    usual = (name for name in TRANSPORTS if there[name] and not (name == "uart" and nameless and there["command"]))
    chosen = kind or next(usual, "")
    if not chosen:
        raise TinySegError(
            f"the board '{board.name}' has neither a QEMU machine nor a GDB server ([debug]), a serial line ([uart]) "
            "or a run_command: flash it and read its outputs there, or generate the project for 'host' or a QEMU "
            "board with the same core"
        )
    if chosen != "uart" or board.uart is None:
        return Transport(chosen, board.debug if chosen == "gdb" else None)
    uart = replace(board.uart, device=port or board.uart.device)
    if not uart.device:
        raise UsageError(f"the board '{board.name}' has a [uart] without device: name the serial device (--port)")
    return Transport("uart", uart=uart)


def counts_cycles(board: Board, way: Transport) -> bool:
    """Whether a second program, with a timer, can be brought to the board and counts cycles there."""
    reached = way.kind in ("gdb", "command") or (way.uart is not None and len(board.flash_command) > 0)
    return reached and board.cycle_counter != "none"
