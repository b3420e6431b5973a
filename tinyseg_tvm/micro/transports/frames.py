"""Answers a program's requests for files, console and exit, which come as frames over a serial line.

The frames: micro/port/uart/uart_port.c. A damaged request is not answered; the program repeats it, and what it asks for
twice in a row is answered twice and done once.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.transports.program_files import FAILED, ProgramFiles
from tinyseg_tvm.micro.vectors import REPORT_FILE

REQUEST, ANSWER = 0xA5, 0x5A
HEADER = struct.Struct("<cH")  # operation, bytes of the payload
WORD, RESULT = struct.Struct("<I"), struct.Struct("<i")
OPEN, LENGTH, READ, WRITE, CLOSE, PRINT, EXIT = b"O", b"L", b"R", b"W", b"C", b"P", b"X"
SMALLEST = {OPEN: 6, LENGTH: 4, READ: 12, WRITE: 8, CLOSE: 4, PRINT: 0, EXIT: 4}  # bytes of payloads
LARGEST_PAYLOAD = 1024 + 16
ID_BYTES = 4
MODES = ("rb", "wb", "w+b")
LARGEST_FILE = 1 << 30


@dataclass(frozen=True)
class Request:
    """A frame that came undamaged; ``crc`` names it."""

    operation: bytes
    payload: bytes
    crc: int


def take_request(received: bytearray) -> Request | None:
    """The first complete request, which is removed from ``received`` with all before it; None where there is none."""
    while True:
        start = received.find(REQUEST)
        del received[: len(received) if start < 0 else start]
        if len(received) < 1 + HEADER.size:
            return None
        operation, length = HEADER.unpack_from(received, 1)
        end = 1 + HEADER.size + length
        if operation in SMALLEST and SMALLEST[operation] <= length <= LARGEST_PAYLOAD:
            if len(received) < end + WORD.size:
                return None
            crc = zlib.crc32(received[1:end])
            if crc == WORD.unpack_from(received, end)[0]:
                payload = bytes(received[1 + HEADER.size : end])
                del received[: end + WORD.size]
                return Request(operation, payload, crc)
        del received[0]  # this was no begin of a request


class FrameFiles:
    """The files of one program.

    Attributes:
        console: what the program printed.
        status: its exit status; None until it ends.
        begun: whether it has opened its report, with which programs begin. What comes before is of an earlier run.
    """

    def __init__(self, folder: Path, program_id: bytes) -> None:
        """Files of ``folder``, for the program with that identification."""
        self._files, self._id = ProgramFiles(folder), program_id
        self._last: tuple[Request, bytes] | None = None
        self.console = ""
        self.status: int | None = None
        self.begun = False

    def close(self) -> None:
        """Closes what is open."""
        self._files.close_all()

    def answer(self, request: Request) -> bytes:
        """The frame of an answer; nothing for requests of an earlier run.

        Raises:
            TinySegError: another program runs on the board.
        """
        if self._last is not None and self._last[0] == request:
            return self._last[1]
        if not self.begun and not self._begins(request):
            return b""
        result, data = self._perform(request)
        body = WORD.pack(request.crc) + RESULT.pack(result) + data
        frame = bytes([ANSWER]) + body + WORD.pack(zlib.crc32(body))
        self._last = request, frame
        return frame

    def _begins(self, request: Request) -> bool:
        if request.operation != OPEN or request.payload[1 + ID_BYTES :] != REPORT_FILE.encode():
            return False
        if request.payload[1 : 1 + ID_BYTES] != self._id:
            raise TinySegError(
                "another program runs on the board: write this one to it, and reset it (flash_command of the board's "
                "description does that for every run)"
            )
        self.begun = True
        return True

    def _perform(self, request: Request) -> tuple[int, bytes]:
        """Result and data."""
        payload = request.payload
        if request.operation == OPEN:
            return self._open(payload[0], payload[1 + ID_BYTES :].decode("ascii", "replace")), b""
        if request.operation == PRINT:
            self.console += payload.decode("ascii", "replace")
            return 0, b""
        if request.operation == EXIT:
            self.status = WORD.unpack_from(payload)[0]
            self.close()
            return 0, b""
        handle = WORD.unpack_from(payload)[0]
        file = self._files.get(handle)
        if file is None:
            return FAILED, b""
        if request.operation == CLOSE:
            return self._files.close(handle), b""
        try:
            return self._transfer(file, request.operation, payload[WORD.size :])
        except OSError:  # the disk is full, or the file was opened for something else
            return FAILED, b""

    def _transfer(self, file: BinaryIO, operation: bytes, payload: bytes) -> tuple[int, bytes]:
        if operation == LENGTH:
            return file.seek(0, 2), b""
        offset = WORD.unpack_from(payload)[0]
        file.seek(offset)
        if operation == READ:
            count = WORD.unpack_from(payload, WORD.size)[0]
            data = file.read(count) if count <= LARGEST_PAYLOAD else b""
            return (count, data) if len(data) == count else (FAILED, b"")
        if offset > LARGEST_FILE:
            return FAILED, b""
        file.write(payload[WORD.size :])
        return 0, b""

    def _open(self, mode: int, name: str) -> int:
        return self._files.open(name, MODES[mode]) if mode < len(MODES) else FAILED
