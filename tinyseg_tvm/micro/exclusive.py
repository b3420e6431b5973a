"""One process at a time builds and runs a project: others wait for it.

The lock is the operating system's, on ``build/lock``: it ends with its process, however that ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tinyseg_tvm.errors import TinySegError

logger = logging.getLogger(__name__)

LOCK_FILE = "build/lock"


@contextmanager
def exclusively(project: Path) -> Iterator[None]:
    """Within it no other process builds or runs the project. Not for calls within each other.

    Raises:
        TinySegError: the project's folder cannot be written.
    """
    path = project / LOCK_FILE
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise TinySegError(f"cannot build in {path.parent}: {error.strerror or error}") from None
    with file:
        _wait_for(file, project)
        yield


def _wait_for(file: IO[bytes], project: Path) -> None:
    """Locks; at once where this system or file system has no locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.warning("%s is being built or run by another process: waiting for it", project)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        logger.info("%s cannot be locked: %s", project, error)
