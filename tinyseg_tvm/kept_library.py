"""A shared library of C sources, compiled once per user: kept under the hash of what it is made from.

The folder is ``tinyseg-tvm`` in ``XDG_CACHE_HOME``, else in ``~/.cache``. Code is loaded from it, so it must be this
user's and open to nobody else; where there is no such folder, the library is compiled into another, which is not kept.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

SECONDS = 60  # for the compiler
_FOLDER = "tinyseg-tvm"


def load_library(name: str, command: Sequence[str], sources: Sequence[Path]) -> ctypes.CDLL:
    """The library of the sources as ``command`` (a compiler and its flags) makes it, from the folder where it is there.

    Raises:
        OSError: the compiler is missing, or the library cannot be loaded.
        subprocess.SubprocessError: the compiler fails, or takes too long.
    """
    folder = private_folder()
    if folder is None:
        return _compiled(name, command, sources, None)
    library = _kept(folder, name, command, sources)
    if library.exists():
        try:
            return ctypes.CDLL(str(library))
        except OSError as error:
            logger.info("%s is compiled again: %s", library, error)
    return _compiled(name, command, sources, library)


def library_file(
    name: str, command: Sequence[str], sources: Sequence[Path], otherwise: Path, headers: Sequence[Path] = ()
) -> Path:
    """The file of such a library, for programs that load it themselves.

    Args:
        name: what the file's name begins with.
        command: a compiler and its flags.
        sources: C files.
        otherwise: the folder for it where there is none that others cannot use; made where it is missing.
        headers: that the sources include.

    Raises:
        OSError: the compiler is missing, or the folder cannot be written.
        subprocess.SubprocessError: the compiler fails, or takes too long.
    """
    folder = private_folder()
    if folder is None:
        folder = otherwise
        folder.mkdir(parents=True, exist_ok=True)
    library = _kept(folder, name, command, [*sources, *headers])
    if not library.exists():
        with tempfile.TemporaryDirectory(prefix="tinyseg-", dir=folder) as made_in:
            _compile(name, command, sources, Path(made_in)).replace(library)
    return library


def private_folder() -> Path | None:
    """The folder for compiled libraries, made where it is missing; None where there is none that others cannot use."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
        if private and found.st_uid == os.getuid() and os.access(folder, os.W_OK):
            return folder
        logger.info("%s is not used: it must be a folder of this user with mode 0700 that can be written", folder)
    except (OSError, RuntimeError, AttributeError) as error:  # no home; no user ids on this system
        logger.info("no folder for compiled libraries: %s", error)
    return None


def _kept(folder: Path, name: str, command: Sequence[str], sources: Sequence[Path]) -> Path:
    return folder / f"{name}-{_key(command, sources)}.so"


def _key(command: Sequence[str], sources: Sequence[Path]) -> str:
    version = subprocess.run([command[0], "--version"], check=True, capture_output=True, timeout=SECONDS).stdout
    made_from = [platform.machine().encode(), version, repr(tuple(command)).encode()]
    made_from += [source.read_bytes() for source in sources]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in made_from)).hexdigest()[:32]


def _compiled(name: str, command: Sequence[str], sources: Sequence[Path], library: Path | None) -> ctypes.CDLL:
    """Compiles into a folder of its own, loads, and only then hands the library to other processes, in one move."""
    with tempfile.TemporaryDirectory(prefix="tinyseg-", dir=None if library is None else library.parent) as folder:
        made = _compile(name, command, sources, Path(folder))
        loaded = ctypes.CDLL(str(made))
        if library is not None:
            try:
                made.replace(library)
            except OSError as error:
                logger.info("%s is not kept: %s", library, error)
        return loaded


def _compile(name: str, command: Sequence[str], sources: Sequence[Path], folder: Path) -> Path:
    made = folder / f"{name}.so"
    words = [*command, "-o", str(made), *map(str, sources)]
    subprocess.run(words, check=True, capture_output=True, timeout=SECONDS)
    return made
