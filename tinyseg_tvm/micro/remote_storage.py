"""The host's side of the storage over a serial line: answers requests out of memory.

Framing: tinyseg_tvm/micro/port/storage/uart_storage.h. A damaged request is not answered; the device repeats it.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import re
import selectors
import socket
import stat
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tinyseg_tvm.errors import TinySegError, UsageError

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
BACKLOG = 128
SOCKET = "storage.sock"  # stands for the server's socket in an emulator's arguments
CAPACITY = 1 << 24
REQUEST, ANSWER = 0xA5, 0x5A
HEADER = struct.Struct("<cBHI")  # operation, number, length, offset
ANSWER_HEADER = struct.Struct("<BBH")  # status, number, length
CRC = struct.Struct("<I")
OK, OUT_OF_RANGE = 0, 1
IDLE_SECONDS = 0.3  # after which an incomplete request is dropped
READ_BYTES = 4096
LONG_ANSWERS = 1 << 16  # bytes of answers that are made before they are sent
PAGE = 4096  # bytes of memory that are taken together
WASTE, WASTE_PER_BYTE = 1 << 20, 16  # bytes whose check sum may be wrong, at all and per byte received


class Stream(Protocol):
    """Both directions of a line: an unbuffered file."""

    def fileno(self) -> int:
        """What is waited for."""
        ...

    def read(self, size: int, /) -> bytes | None:
        """Up to that many bytes; none where the other end has hung up."""
        ...

    def write(self, data: bytes | memoryview, /) -> int | None:
        """How many of the bytes were taken."""
        ...


_Waiting = getattr(selectors, "PollSelector", selectors.SelectSelector)  # the latter knows few files
"""Waits for a stream."""


@dataclass(frozen=True)
class Limits:
    """What a client may do before it is hung up on.

    Attributes:
        begin, silent: seconds until its first request, and between requests.
    """

    begin: float
    silent: float


@dataclass
class Server:
    """The storage's content, and what was done with it.

    Attributes:
        memory: the content; of ``capacity`` bytes from the first write on, where that is given, and zeros before. Pages
            of the system are taken as they are written, and given back with the client.
        reads, writes, damaged: requests answered, and those dropped.
        answered: requests of any kind that were answered.
        heard: when the last one was (``time.monotonic``).
        wasted: bytes of which the check sum was made in vain.
        pages: parts of PAGE bytes that were written to, where there is a capacity.
        may_take: asked, with the bytes, before pages are taken.
    """

    memory: bytearray | mmap.mmap = field(default_factory=bytearray)
    reads: int = 0
    writes: int = 0
    damaged: int = 0
    capacity: int = 0
    answered: int = 0
    heard: float = 0.0
    wasted: int = 0
    pages: set[int] = field(default_factory=set)
    may_take: Callable[[int], bool] = lambda _taken: True

    @property
    def size(self) -> int:
        """Bytes that are served."""
        return self.capacity or len(self.memory)

    def take(self, received: bytearray) -> bytes:
        """Answers to complete requests in ``received``, which are removed from it; to all, where they are not long."""
        answers = b""
        while len(answers) < LONG_ANSWERS:
            start = received.find(REQUEST)
            del received[: len(received) if start < 0 else start]
            if len(received) < 1 + HEADER.size + CRC.size:
                return answers
            operation, number, length, offset = HEADER.unpack_from(received, 1)
            data_bytes = length if operation == b"W" else 0
            end = 1 + HEADER.size + data_bytes
            if operation not in b"HRW":
                self._drop(received)
                continue
            if len(received) < end + CRC.size:
                return answers
            if zlib.crc32(received[1:end]) != CRC.unpack_from(received, end)[0]:
                self.wasted += end
                self._drop(received)
                continue
            data = bytes(received[1 + HEADER.size : end])
            del received[: end + CRC.size]
            answers += self._answer(operation, number, length, offset, data)
        return answers

    def _drop(self, received: bytearray) -> None:
        """This was no begin of a request: look for the next one."""
        self.damaged += 1
        del received[0]

    def _answer(self, operation: bytes, number: int, length: int, offset: int, data: bytes) -> bytes:
        content = b""
        status = OK
        self.answered += 1
        self.heard = time.monotonic()
        if operation == b"H":
            content = CRC.pack(min(self.size, 0xFFFFFFFF))
        elif offset + length > self.size or (operation == b"W" and not self._has_memory(offset, length)):
            status = OUT_OF_RANGE
        elif operation == b"W":
            self.memory[offset : offset + length] = data
            self.writes += 1
        else:
            content = bytes(self.memory[offset : offset + length]) if len(self.memory) else bytes(length)
            self.reads += 1
        body = ANSWER_HEADER.pack(status, number, len(content)) + content
        return bytes([ANSWER]) + body + CRC.pack(zlib.crc32(body))

    @property
    def taken(self) -> int:
        """Bytes of memory that were taken."""
        return len(self.pages) * PAGE

    def _has_memory(self, offset: int, length: int) -> bool:
        """Takes the pages of a write where that has not been done."""
        if not self.capacity:
            return True
        fresh = set(range(offset // PAGE, -(-(offset + length) // PAGE))) - self.pages
        if fresh and not self.may_take(len(fresh) * PAGE):
            return False
        if not len(self.memory):
            self.memory = mmap.mmap(-1, self.capacity)
        self.pages |= fresh
        return True

    def _is_bearable(self, limits: Limits, began: float, bytes_received: int) -> bool:
        """Whether a client keeps to its limits; noise of a line does."""
        waited = time.monotonic() - max(began, self.heard)
        silent = waited > (limits.silent if self.answered else limits.begin)
        return not silent and self.wasted <= WASTE + WASTE_PER_BYTE * bytes_received

    def serve(self, stream: Stream, stop: threading.Event | None = None, limits: Limits | None = None) -> None:
        """Answers until the other end hangs up, breaks its limits, or ``stop`` is set."""
        received = bytearray()
        began, total = time.monotonic(), 0
        waiting = _Waiting()
        waiting.register(stream, selectors.EVENT_READ)
        while stop is None or not stop.is_set():
            if limits is not None and not self._is_bearable(limits, began, total):
                return
            if not waiting.select(IDLE_SECONDS):
                received.clear()
                continue
            try:
                data = stream.read(READ_BYTES)
            except OSError:
                data = b""
            if not data:
                return
            received += data
            total += len(data)
            try:
                while answers := memoryview(self.take(received)):
                    while answers:
                        answers = answers[stream.write(answers) or 0 :]
            except OSError:
                return  # hung up in the midst of an answer


def open_serial(path: str, baud: int) -> Stream:
    """A serial device in raw mode.

    Raises:
        TinySegError: it cannot be opened, or this system has no terminals of Unix.
        UsageError: a speed that serial ports do not have.
    """
    try:
        import termios
        import tty
    except ImportError:
        raise TinySegError(f"cannot open the serial port {path}: this system's Python has no termios") from None
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise UsageError(f"--baud {baud}: no speed that serial ports have")
    try:
        stream = Path(path).open("r+b", buffering=0)  # noqa: SIM115 (returned)
        tty.setraw(stream.fileno())
        settings = termios.tcgetattr(stream.fileno())
        settings[4] = settings[5] = speed
        termios.tcsetattr(stream.fileno(), termios.TCSANOW, settings)
    except (OSError, termios.error) as error:
        raise TinySegError(f"cannot open the serial port {path}: {error}") from None
    return stream


def listen(address: str) -> socket.socket:
    """A listening socket: ``HOST:PORT``, ``:PORT`` for this computer alone, or the path of a Unix socket.

    A Unix socket that nobody listens at any more is replaced, and only its owner may connect; no other file is.

    Raises:
        TinySegError: it cannot be made.
    """
    host, separator, port = address.rpartition(":")
    try:
        if separator and re.fullmatch("[0-9]{1,5}", port):
            host = host.strip("[]") or LOOPBACK
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
        if not hasattr(socket, "AF_UNIX"):
            raise TinySegError(f"cannot listen at {address}: this system has no Unix sockets, only HOST:PORT")
        _remove_dead_socket(Path(address))
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        Path(address).chmod(0o600)
        server.listen(BACKLOG)
    except (OSError, OverflowError, ValueError) as error:
        raise TinySegError(f"cannot listen at {address}: {error}") from None
    return server


def _remove_dead_socket(path: Path) -> None:
    """Removes a Unix socket that nobody listens at.

    Raises:
        TinySegError: something else is there, or somebody listens.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise TinySegError(f"cannot listen at {path}: there is a file that is no socket; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise TinySegError(f"cannot listen at {path}: another program does")


@contextlib.contextmanager
def remote_storage(arguments: Sequence[str]) -> Iterator[list[str]]:
    """An emulator's arguments, with a running server in place of SOCKET where it occurs."""
    if not any(SOCKET in argument for argument in arguments):
        yield list(arguments)
        return
    with tempfile.TemporaryDirectory(prefix="tinyseg") as folder:  # short: paths of sockets have at most 107 bytes
        path = f"{folder}/s"
        stop = threading.Event()
        with listen(path) as listening:
            listening.settimeout(IDLE_SECONDS)
            thread = threading.Thread(target=_serve_one, args=(listening, Server(capacity=CAPACITY), stop), daemon=True)
            thread.start()
            try:
                yield [argument.replace(SOCKET, path) for argument in arguments]
            finally:
                stop.set()
                thread.join()


def _serve_one(listening: socket.socket, server: Server, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        connection.setblocking(True)
        with connection, connection.makefile("rwb", buffering=0) as stream:
            server.serve(stream, stop)
