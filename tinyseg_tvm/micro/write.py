"""Writes a folder of files as a whole or not at all."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tinyseg_tvm.errors import TinySegError


def write_folder(directory: Path, files: Mapping[str, bytes], marker: str) -> None:
    """Writes the files into ``directory``, which they replace if it is empty or holds the file ``marker``.

    The files are written beside it and renamed into place, so that a full disk or an interruption leaves what was
    there before.

    Raises:
        TinySegError: the folder holds something else, or cannot be written.
    """
    directory = directory.absolute()
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise TinySegError(f"{directory} exists and is not a folder: choose another one")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / marker).is_file():
        raise TinySegError(
            f"{directory} holds files that are not a generated project (no {marker}): choose an empty or new folder"
        )
    partial = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        content = partial / "new"
        for path, data in files.items():
            target = content / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if directory.exists():
            directory.rename(partial / "old")
        try:
            content.rename(directory)
        except OSError:
            if (partial / "old").exists():
                (partial / "old").rename(directory)
            raise
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        raise TinySegError(f"cannot write the project to {directory}: {reason}; nothing was changed") from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
