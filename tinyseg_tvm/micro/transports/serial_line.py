"""The computer's end of a serial line: a serial device, or a socket that stands for one."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Protocol, TypeVar

from tinyseg_tvm.errors import TinySegError

READ_BYTES = 4096
IDLE_SECONDS = 0.1
OPEN_SECONDS = 10.0  # a device may come back only after the board was written to and reset
RETRY_SECONDS = 0.1
ADDRESS = re.compile(r"([^\s/:]*):([0-9]{1,5})")

_Opened = TypeVar("_Opened")


class Line(Protocol):
    """Both directions of a line."""

    def read(self) -> bytes:
        """What has come; nothing where that is nothing for a while.

        Raises:
            TinySegError: the line is lost.
        """
        ...

    def write(self, data: bytes) -> None:
        """Sends.

        Raises:
            TinySegError: the line is lost.
        """
        ...


class SocketLine:
    """A line at ``HOST:PORT``: of an emulator, or of a computer that has the serial device."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self) -> bytes:
        """See ``Line``."""
        try:
            self._connection.settimeout(IDLE_SECONDS)
            data = self._connection.recv(READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise _lost("the other end hung up")
        return data

    def write(self, data: bytes) -> None:
        """See ``Line``."""
        try:
            self._connection.settimeout(OPEN_SECONDS)
            self._connection.sendall(data)
        except OSError as error:
            raise _lost(error) from None


class DeviceLine:
    """A serial device, by pyserial."""

    def __init__(self, device: str, baud: int) -> None:
        serial = _pyserial()
        self._failure = serial.SerialException
        self._port = serial.Serial(device, baud, timeout=IDLE_SECONDS, write_timeout=OPEN_SECONDS)

    def read(self) -> bytes:
        """See ``Line``."""
        try:
            return bytes(self._port.read(max(1, min(self._port.in_waiting, READ_BYTES))))
        except (OSError, self._failure) as error:
            raise _lost(error) from None

    def write(self, data: bytes) -> None:
        """See ``Line``."""
        try:
            self._port.write(data)
        except (OSError, self._failure) as error:
            raise _lost(error) from None

    def close(self) -> None:
        """Ends it."""
        self._port.close()


@contextlib.contextmanager
def open_line(device: str, baud: int) -> Iterator[Line]:
    """The line at a device or at ``HOST:PORT``.

    Raises:
        TinySegError: it cannot be opened, or pyserial is not installed.
    """
    address = ADDRESS.fullmatch(device)
    if address is not None and int(address[2]) < 1 << 16:
        host, port = address[1] or "127.0.0.1", int(address[2])
        connection = _patiently(device, lambda: socket.create_connection((host, port), OPEN_SECONDS))
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield SocketLine(connection)
    else:
        _pyserial()
        with contextlib.closing(_patiently(device, lambda: DeviceLine(device, baud))) as line:
            yield line


def _patiently(device: str, opened: Callable[[], _Opened]) -> _Opened:
    """Tries for a while."""
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            return opened()
        except (OSError, ValueError) as error:  # pyserial's are OSErrors; ValueError: a speed that there is not
            if time.monotonic() > deadline:
                raise TinySegError(f"cannot open the serial line {device}: {error}") from None
        time.sleep(RETRY_SECONDS)


def _pyserial() -> ModuleType:
    try:
        import serial
    except ImportError:
        raise TinySegError("serial devices need pyserial: pip install 'tinyseg-tvm[board]'") from None
    module: ModuleType = serial
    return module


def _lost(reason: object) -> TinySegError:
    return TinySegError(f"the serial line to the board is lost: {reason}")
