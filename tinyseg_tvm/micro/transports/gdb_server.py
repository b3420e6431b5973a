"""A connection to a GDB server: one that listens already, or one that is started for a run and ended with it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinyseg_tvm.errors import TinySegError, UsageError

LOOPBACK = "127.0.0.1"
START_SECONDS = 20.0  # until a server listens
CONNECT_SECONDS = 5.0
POLL_SECONDS = 0.05
END_SECONDS = 5.0  # until a server has ended
LOG_FILE = "gdb_server.log"
SHOWN_CHARACTERS = 2000  # of the end of what it said


@contextlib.contextmanager
def listening_server(address: str) -> Iterator[socket.socket]:
    """A connection to ``HOST:PORT``, where somebody else started a server.

    Raises:
        UsageError: no such address.
        TinySegError: nobody listens.
    """
    host, port = host_and_port(address)
    try:
        connection = socket.create_connection((host, port), CONNECT_SECONDS)
    except (OSError, UnicodeError) as error:  # the latter of a name that no host can have
        raise TinySegError(f"no GDB server listens at {address}: {error}; start it, or name another one") from None
    with connection:
        yield _prompt(connection)


@contextlib.contextmanager
def started_server(command: Sequence[str], folder: Path) -> Iterator[socket.socket]:
    """Starts a server and connects to it; it is ended in any case.

    Args:
        command: program and arguments; ``{port}`` is filled in by a free port of this computer.
        folder: where its output goes.

    Raises:
        TinySegError: it cannot be started, ends, or does not listen. Errors while it is used show what it said.
    """
    port = _free_port()
    words = [word.replace("{port}", str(port)) for word in command]
    log = folder / LOG_FILE
    with log.open("wb") as output:
        try:  # Ctrl-C is for this program alone, which then still needs the server
            server = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except FileNotFoundError:
            raise TinySegError(
                f"the GDB server '{words[0]}' is not installed: install it, or change server in the board's [debug]"
            ) from None
        except OSError as error:
            raise TinySegError(f"cannot start the GDB server '{words[0]}': {error}") from None
    try:
        with _connected(server, words[0], port) as connection:
            yield connection
    except TinySegError as error:
        raise _with_log(error, server, words[0], log) from None
    finally:
        _end(server)


def host_and_port(address: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; without a host this computer.

    Raises:
        UsageError: not of that form.
    """
    match = re.fullmatch(r"(?:\[?([^\[\]/\s]*?)\]?):([0-9]{1,5})", address)
    if match is None or not 0 < int(match[2]) < 1 << 16:
        raise UsageError(f"{address!r} is no address of a GDB server: write HOST:PORT, as in localhost:3333")
    return match[1] or LOOPBACK, int(match[2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _connected(server: subprocess.Popen[bytes], name: str, port: int) -> socket.socket:
    """The connection, as soon as the server listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TinySegError(f"the GDB server '{name}' did not start")
        with contextlib.suppress(OSError):
            return _prompt(socket.create_connection((LOOPBACK, port), CONNECT_SECONDS))
        time.sleep(POLL_SECONDS)
    raise TinySegError(f"the GDB server '{name}' does not listen at port {port} after {START_SECONDS:g} seconds")


def _prompt(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _with_log(error: TinySegError, server: subprocess.Popen[bytes], name: str, log: Path) -> TinySegError:
    """The same error, with what the server said where that may explain it: it has ended, or never listened."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(POLL_SECONDS)  # a connection that broke is seen before the end of the process
    if server.returncode is None:
        return error
    said = log.read_text(errors="replace").strip()[-SHOWN_CHARACTERS:]
    return TinySegError(f"{error}; '{name}' ended with status {server.returncode}" + (f"\n{said}" if said else ""))


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends a server and what it started, which may outlive it."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(server.pid, number)
            else:
                server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(END_SECONDS)
