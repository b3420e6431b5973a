"""The files that a program on a board may have open: plain names of one folder, and not too many at a time."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tinyseg_tvm.micro.stated import FILE_NAME

FAILED = -1
MOST_FILES = 64  # open at the same time


class ProgramFiles:
    """Open files by their handles, numbers from 1 on."""

    def __init__(self, folder: Path) -> None:
        """Files of ``folder`` alone."""
        self._folder = folder
        self._open: dict[int, BinaryIO] = {}

    def open(self, name: str, mode: str) -> int:
        """The handle of a file, opened as Python's binary ``mode`` says; -1 where it cannot be, or must not."""
        path = self._folder / name
        if FILE_NAME.wrong(name) is not None or path.is_symlink() or len(self._open) >= MOST_FILES:
            return FAILED
        try:
            file: BinaryIO = path.open(mode)  # type: ignore[assignment]
        except OSError:
            return FAILED
        handle = max(self._open, default=0) + 1
        self._open[handle] = file
        return handle

    def get(self, handle: int) -> BinaryIO | None:
        """The open file of a handle; None where there is none."""
        return self._open.get(handle)

    def close(self, handle: int) -> int:
        """Closes a file: 0, or -1 where there is none."""
        file = self._open.pop(handle, None)
        if file is None:
            return FAILED
        file.close()
        return 0

    def close_all(self) -> None:
        """Closes what is open."""
        for file in self._open.values():
            file.close()
        self._open.clear()
