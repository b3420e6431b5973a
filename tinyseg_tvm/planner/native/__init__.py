"""The planner's inner loops in C, compiled by the host's compiler when they are first asked for.

They make the same decisions as the Python in branch_and_bound.py, rectangles.py and cascade.py and are some hundred
times faster. Where there is no compiler, ``load`` gives None.
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
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

SECONDS = 60  # for the compiler
_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")
_SOURCES = ("search.c", "first_fit.c", "cascade.c")
PACKED, GIVEN_UP, NO_MEMORY = 1, 2, 3  # what a search returns; 0: impossible


@dataclass(frozen=True)
class Native:
    """Functions of ctypes.

    Attributes:
        search: ``tinyseg_search`` of search.c.
        first_fit: ``tinyseg_first_fit`` of first_fit.c.
        cascade: ``tinyseg_cascade`` of cascade.c.
    """

    search: Callable[..., int]
    first_fit: Callable[..., int]
    cascade: Callable[..., int]


class FlowArrays(ctypes.Structure):
    """``flow_t`` of cascade.c. Whoever fills it keeps the arrays alive."""

    _fields_ = [
        ("operators", ctypes.c_int32),
        ("lines", ctypes.c_int32),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "first", "needs_first", "needs_source", "needs_count", "made", "freed", "shared_first", "shared",
                "readers", "line_bytes", "consumers_first", "consumers", "pushed_first", "pushed", "stores", "fetches",
            )
        ),
    ]  # fmt: skip


@functools.cache
def load() -> Native | None:
    """The compiled functions; None where the host cannot compile or load them."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory(prefix="tinyseg-") as folder, ExitStack() as stack:
        library = Path(folder, "planner.so")
        try:
            here = resources.files(__name__)
            sources = [str(stack.enter_context(resources.as_file(here / name))) for name in _SOURCES]
            command = [*compiler, *_FLAGS, "-o", str(library), *sources]
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
            loaded = ctypes.CDLL(str(library))
            search, first_fit, cascade = loaded.tinyseg_search, loaded.tinyseg_first_fit, loaded.tinyseg_cascade
        except (OSError, ValueError, AttributeError, subprocess.SubprocessError) as error:
            logger.info("no native planner, the Python one is used: %s", error)
            return None
    flags = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
    integers = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
    long_integers = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
    search.restype = first_fit.restype = cascade.restype = ctypes.c_int32
    search.argtypes = [ctypes.c_int32, ctypes.c_int32, integers, integers, integers, ctypes.c_int32]
    search.argtypes += [integers, long_integers, long_integers, integers]
    first_fit.argtypes = [ctypes.c_int32, *[long_integers] * 5, ctypes.c_int64, long_integers, flags, ctypes.c_int64]
    first_fit.argtypes += [long_integers]
    cascade.argtypes = [ctypes.POINTER(FlowArrays), ctypes.c_int32]
    cascade.argtypes += [integers, ctypes.c_int32, integers, ctypes.c_int32, integers, ctypes.c_int32, integers]
    return Native(search, first_fit, cascade)
