"""The planner's inner loops in C, compiled by the host's compiler when a user first asks for them.

They make the same decisions as the Python in rectangles.py and cascade.py and are some hundred
times faster. Where there is no compiler, ``load`` gives None.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from tinyseg_tvm.planner.native.kept_library import load_library

logger = logging.getLogger(__name__)

_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")
_SOURCES = ("first_fit.c", "cascade.c")


@dataclass(frozen=True)
class Native:
    """Functions of ctypes.

    Attributes:
        first_fit: ``tinyseg_first_fit`` of first_fit.c.
        cascade: ``tinyseg_cascade`` of cascade.c.
    """

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


def compiled_library(sources: Sequence[Path]) -> ctypes.CDLL | None:
    """One library of some C files; None where the host cannot compile or load it."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        return load_library("planner", [*compiler, *_FLAGS], sources)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.info("no native planner, the Python one is used: %s", error)
        return None


@functools.cache
def load() -> Native | None:
    """The compiled functions; None where the host cannot compile or load them."""
    with ExitStack() as stack:
        here = resources.files(__name__)
        library = compiled_library([stack.enter_context(resources.as_file(here / name)) for name in _SOURCES])
    if library is None:
        return None
    flags = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
    integers = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
    long_integers = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
    first_fit, cascade = library.tinyseg_first_fit, library.tinyseg_cascade
    first_fit.restype = cascade.restype = ctypes.c_int32
    first_fit.argtypes = [ctypes.c_int32, *[long_integers] * 5, ctypes.c_int64, long_integers, flags, ctypes.c_int64]
    first_fit.argtypes += [long_integers]
    cascade.argtypes = [ctypes.POINTER(FlowArrays), ctypes.c_int32]
    cascade.argtypes += [integers, ctypes.c_int32, integers, ctypes.c_int32, integers, ctypes.c_int32, integers]
    return Native(first_fit, cascade)
