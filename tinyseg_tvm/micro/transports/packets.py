"""Packets of GDB's remote serial protocol (GDB manual, appendix "GDB Remote Serial Protocol") over a connection."""

from __future__ import annotations

import socket
import time

from tinyseg_tvm.errors import TinySegError

PACKET, END, ESCAPE, REPEAT = b"$", b"#", 0x7D, 0x2A
REPEAT_OFFSET = 29  # of the number of repetitions
ESCAPED = frozenset(b"#$}*")
INTERRUPT = b"\x03"
READ_BYTES = 1 << 16
SEND_SECONDS = 30.0
LONGEST_PACKET = 1 << 22  # bytes that may come without the end of a packet


class ConnectionLostError(TinySegError):
    """The server is gone."""


class NoAnswerError(TinySegError):
    """Nothing came within the time for it."""


class Packets:
    """Both directions of a connection to a GDB server.

    Attributes:
        acknowledging: whether each packet is answered with ``+``, as it is in the beginning.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Packets over a connected socket."""
        self._connection = connection
        self._received = bytearray()
        self.acknowledging = True

    def send(self, data: bytes) -> None:
        """Sends one packet."""
        self._write(PACKET + data + END + b"%02x" % (sum(data) & 0xFF))

    def interrupt(self) -> None:
        """Asks the server to stop the running program; no packet."""
        self._write(INTERRUPT)

    def receive(self, seconds: float) -> bytes:
        """The next packet, without escapes and repetitions.

        Raises:
            NoAnswerError: none came within that time.
            ConnectionLostError: the server hung up.
        """
        deadline = time.monotonic() + seconds
        while True:
            start = self._received.find(PACKET)
            end = self._received.find(END, max(start, 0))
            if start < 0 or end < 0 or len(self._received) < end + 3:
                self._fill(deadline, seconds)
                continue
            data, given = bytes(self._received[start + 1 : end]), bytes(self._received[end + 1 : end + 3])
            del self._received[: end + 3]
            right = given.lower() == b"%02x" % (sum(data) & 0xFF)
            if self.acknowledging:
                self._write(b"+" if right else b"-")
            if right or not self.acknowledging:  # then GDB does not look at check sums either
                return _decoded(data)

    def _fill(self, deadline: float, seconds: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswerError(f"the GDB server does not answer within {max(seconds, 0.0):g} seconds")
        if len(self._received) > LONGEST_PACKET:
            raise ConnectionLostError("what listens there does not speak GDB's protocol: its packet does not end")
        try:
            self._connection.settimeout(left)
            data = self._connection.recv(READ_BYTES)
        except TimeoutError:
            return
        except OSError as error:
            raise ConnectionLostError(f"the connection to the GDB server broke: {error}") from None
        if not data:
            raise ConnectionLostError("the GDB server closed the connection")
        self._received += data

    def _write(self, data: bytes) -> None:
        try:
            self._connection.settimeout(SEND_SECONDS)
            self._connection.sendall(data)
        except OSError as error:
            raise ConnectionLostError(f"the connection to the GDB server broke: {error}") from None


def escaped(data: bytes) -> bytes:
    """Binary data as packets carry it."""
    return b"".join(bytes([ESCAPE, byte ^ 0x20]) if byte in ESCAPED else bytes([byte]) for byte in data)


def _decoded(data: bytes) -> bytes:
    """Without escapes and run lengths; what makes no sense is left out."""
    if ESCAPE not in data and REPEAT not in data:
        return data
    decoded = bytearray()
    words = iter(data)
    for byte in words:
        if byte == ESCAPE:
            decoded.append(next(words, 0) ^ 0x20)
        elif byte == REPEAT and decoded:
            decoded += decoded[-1:] * max(next(words, 0) - REPEAT_OFFSET, 0)
        else:
            decoded.append(byte)
    return bytes(decoded)
