"""The search of branch_and_bound.py in C, some hundred times faster; compiled when it is first asked for."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinyseg_tvm.planner.native import compiled_library

PACKED, GIVEN_UP, NO_MEMORY = 1, 2, 3  # what a search returns; 0: impossible


@functools.cache
def load() -> Callable[..., int] | None:
    """``tinyseg_search`` of search.c; None where the host cannot compile or load it."""
    library = compiled_library([Path(__file__).with_name("search.c")])
    if library is None:
        return None
    integers = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
    long_integers = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
    search: Callable[..., int] = library.tinyseg_search
    library.tinyseg_search.restype = ctypes.c_int32
    library.tinyseg_search.argtypes = [ctypes.c_int32, ctypes.c_int32, integers, integers, integers, ctypes.c_int32]
    library.tinyseg_search.argtypes += [integers, long_integers, long_integers, integers]
    return search
