"""The host's side of the storage over a serial line: answers requests out of memory.

Framing: tinyseg_tvm/micro/port/storage/uart_storage.h. A damaged request is not answered; the device repeats it.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import tempfile
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tinyseg_tvm.errors import TinySegError, UsageError

logger = logging.getLogger(__name__)

SOCKET = "storage.sock"  # stands for the server's socket in an emulator's arguments
CAPACITY = 1 << 24
REQUEST, ANSWER = 0xA5, 0x5A
HEADER = struct.Struct("<cBHI")  # operation, number, length, offset
ANSWER_HEADER = struct.Struct("<BBH")  # status, number, length
CRC = struct.Struct("<I")
OK, OUT_OF_RANGE = 0, 1
IDLE_SECONDS = 0.3  # after which an incomplete request is dropped
READ_BYTES = 4096


class Stream(Protocol):
    """Both directions of a line: an unbuffered file."""

    def fileno(self) -> int:
        """What ``select`` waits for."""
        ...

    def read(self, size: int, /) -> bytes | None:
        """Up to that many bytes; none where the other end has hung up."""
        ...

    def write(self, data: bytes | memoryview, /) -> int | None:
        """How many of the bytes were taken."""
        ...


@dataclass
class Server:
    """The storage's content, and what was done with it.

    Attributes:
        memory: the content.
        reads, writes, damaged: requests answered, and those dropped.
    """

    memory: bytearray = field(default_factory=lambda: bytearray(CAPACITY))
    reads: int = 0
    writes: int = 0
    damaged: int = 0

    def take(self, received: bytearray) -> bytes:
        """Answers to all complete requests in ``received``, which are removed from it."""
        answers = b""
        while True:
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
                self._drop(received)
                continue
            data = bytes(received[1 + HEADER.size : end])
            del received[: end + CRC.size]
            answers += self._answer(operation, number, length, offset, data)

    def _drop(self, received: bytearray) -> None:
        """This was no begin of a request: look for the next one."""
        self.damaged += 1
        del received[0]

    def _answer(self, operation: bytes, number: int, length: int, offset: int, data: bytes) -> bytes:
        content = b""
        status = OK
        if operation == b"H":
            content = CRC.pack(min(len(self.memory), 0xFFFFFFFF))
        elif offset + length > len(self.memory):
            status = OUT_OF_RANGE
        elif operation == b"W":
            self.memory[offset : offset + length] = data
            self.writes += 1
        else:
            content = bytes(self.memory[offset : offset + length])
            self.reads += 1
        body = ANSWER_HEADER.pack(status, number, len(content)) + content
        return bytes([ANSWER]) + body + CRC.pack(zlib.crc32(body))

    def serve(self, stream: Stream, stop: threading.Event | None = None) -> None:
        """Answers until the other end hangs up, or ``stop`` is set."""
        received = bytearray()
        while stop is None or not stop.is_set():
            if not select.select([stream], [], [], IDLE_SECONDS)[0]:
                received.clear()
                continue
            try:
                data = stream.read(READ_BYTES)
            except OSError:
                data = b""
            if not data:
                return
            received += data
            answers = memoryview(self.take(received))
            try:
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
    """A listening socket: ``HOST:PORT``, or the path of a Unix socket, which is replaced.

    Raises:
        TinySegError: it cannot be made.
    """
    host, separator, port = address.rpartition(":")
    try:
        if separator and port.isdigit():
            return socket.create_server((host, int(port)))
        if not hasattr(socket, "AF_UNIX"):
            raise TinySegError(f"cannot listen at {address}: this system has no Unix sockets, only HOST:PORT")
        Path(address).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen(1)
    except (OSError, OverflowError) as error:
        raise TinySegError(f"cannot listen at {address}: {error}") from None
    return server


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
            thread = threading.Thread(target=_serve_one, args=(listening, Server(), stop), daemon=True)
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
