"""The packing search in C (search.c), compiled by the host's compiler when it is first asked for.

It makes the same decisions as the search in branch_and_bound.py and is some hundred times faster. Where there is no
compiler, ``load`` gives None.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

SECONDS = 60  # for the compiler
_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")
_SOURCE = "search.c"
PACKED, GIVEN_UP, NO_MEMORY = 1, 2, 3  # what it returns; 0: impossible

Native = Callable[..., int]


@functools.cache
def load() -> Native | None:
    """``tinyseg_search`` of search.c as a function of ctypes; None where the host cannot compile or load it."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory(prefix="tinyseg-") as folder:
        library = Path(folder, "search.so")
        try:
            with resources.as_file(resources.files(__name__) / _SOURCE) as source:
                command = [*compiler, *_FLAGS, "-o", str(library), str(source)]
                subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
            search = ctypes.CDLL(str(library)).tinyseg_search
        except (OSError, ValueError, AttributeError, subprocess.SubprocessError) as error:
            logger.info("no native packing search, the Python one is used: %s", error)
            return None
    integers = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
    long_integers = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
    search.restype = ctypes.c_int32
    search.argtypes = [ctypes.c_int32, ctypes.c_int32, integers, integers, integers, ctypes.c_int32]
    search.argtypes += [integers, long_integers, long_integers, integers]
    native: Native = search
    return native
