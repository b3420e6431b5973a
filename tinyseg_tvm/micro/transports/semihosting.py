"""Serves a program's requests for files, console and exit, whose parameters lie in its memory.

Operations and parameters: Arm, "Semihosting for AArch32 and AArch64". Files are those of one folder, by plain names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tinyseg_tvm.micro.transports.program_files import FAILED, ProgramFiles

OPEN, CLOSE, WRITE0, WRITE, READ, SEEK, EXIT, EXIT_EXTENDED = 0x01, 0x02, 0x04, 0x05, 0x06, 0x0A, 0x18, 0x20
MODES = ("r", "r+", "w", "w+", "a", "a+")  # each as text and as binary
STOPPED_APPLICATION_EXIT = 0x20026
LONGEST_NAME, LONGEST_TEXT, TEXT_BYTES = 64, 4096, 32
LARGEST_TRANSFER = 1 << 26  # bytes of one request
MOST_WRITTEN = 1 << 30  # bytes of all


class Memory(Protocol):
    """A processor's memory."""

    def read(self, address: int, count: int) -> bytes:
        """That many bytes."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Changes bytes."""
        ...


class EndedError(Exception):
    """The program asked for its end, with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Semihosting:
    """The files of one program.

    Attributes:
        console: what the program printed.
    """

    def __init__(self, memory: Memory, folder: Path) -> None:
        """Files of ``folder``, for a program in ``memory``."""
        self._memory, self._files = memory, ProgramFiles(folder)
        self._written = 0
        self.console = ""

    def close(self) -> None:
        """Closes what is open."""
        self._files.close_all()

    def serve(self, operation: int, parameter: int) -> int:
        """The result of a request; -1 where it cannot be done.

        Raises:
            EndedError: the request is to end the program.
            TinySegError: the memory cannot be reached.
        """
        if operation == OPEN:
            return self._open(*self._words(parameter, 3))
        if operation == CLOSE:
            return self._files.close(self._words(parameter, 1)[0])
        if operation == WRITE0:
            return self._print(parameter)
        if operation == WRITE:
            return self._write(*self._words(parameter, 3))
        if operation == READ:
            return self._read(*self._words(parameter, 3))
        if operation == SEEK:
            handle, offset = self._words(parameter, 2)
            file = self._files.get(handle)
            return FAILED if file is None or offset > MOST_WRITTEN else min(file.seek(offset), 0)
        if operation == EXIT_EXTENDED:
            raise EndedError(self._words(parameter, 2)[1])
        if operation == EXIT:
            raise EndedError(0 if parameter == STOPPED_APPLICATION_EXIT else 1)
        return FAILED

    def _words(self, address: int, count: int) -> list[int]:
        data = self._memory.read(address, 4 * count)
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, 4 * count, 4)]

    def _open(self, address: int, mode: int, length: int) -> int:
        if length > LONGEST_NAME or mode // 2 >= len(MODES):
            return FAILED
        name = self._memory.read(address, length).decode("ascii", "replace")
        plain = MODES[mode // 2]
        return self._files.open(name, plain[0] + "b" + plain[1:])

    def _print(self, address: int) -> int:
        text = b""
        while b"\0" not in text and len(text) < LONGEST_TEXT:
            part = TEXT_BYTES - (address + len(text)) % TEXT_BYTES  # not beyond the end of the memory
            text += self._memory.read(address + len(text), part)
        self.console += text.partition(b"\0")[0].decode("ascii", "replace")
        return 0

    def _write(self, handle: int, address: int, count: int) -> int:
        """Bytes that were not written."""
        file = self._files.get(handle)
        if file is None or count > LARGEST_TRANSFER or self._written + count > MOST_WRITTEN:
            return count
        self._written += count
        try:
            file.write(self._memory.read(address, count))
        except OSError:  # the disk is full, or the file was opened for reading
            return count
        return 0

    def _read(self, handle: int, address: int, count: int) -> int:
        """Bytes that were not read."""
        file = self._files.get(handle)
        if file is None or count > LARGEST_TRANSFER:
            return count
        try:
            data = file.read(count)
        except OSError:  # opened for writing
            return count
        self._memory.write(address, data)
        return count - len(data)
