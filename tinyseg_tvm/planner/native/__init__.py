"""The planner's inner loops in C, compiled by the host's compiler when a user first asks for them.

They make the same decisions as the Python in rectangles.py, cascade.py, liveness.py, order_search.py and order_bound.py
and are some hundred times faster. Where there is no compiler, ``load`` gives None.
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

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.kept_library import load_library

logger = logging.getLogger(__name__)

_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")
_SOURCES = ("first_fit.c", "cascade.c", "liveness.c", "order_search.c", "min_cut.c")


@dataclass(frozen=True)
class Native:
    """Functions of ctypes.

    Attributes:
        first_fit: ``tinyseg_first_fit`` of first_fit.c.
        cascade: ``tinyseg_cascade`` of cascade.c.
        segment_peak: ``tinyseg_segment_peak`` of liveness.c.
        order: ``tinyseg_order`` of order_search.c.
        min_cut: ``tinyseg_min_cut`` of min_cut.c.
    """

    first_fit: Callable[..., int]
    cascade: Callable[..., int]
    segment_peak: Callable[..., int]
    order: Callable[..., int]
    min_cut: Callable[..., int]


class FlowArrays(ctypes.Structure):
    """``flow_t`` of cascade.c. Whoever fills it keeps the arrays alive."""

    _fields_ = [
        ("operators", ctypes.c_int32),
        ("lines", ctypes.c_int32),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "first", "needs_first", "needs_source", "needs_count", "made", "freed", "shared_first", "shared",
                "readers", "line_bytes", "producers_first", "producers", "consumers_first", "consumers", "pushed_first",
                "pushed", "stores", "fetches",
            )
        ),
    ]  # fmt: skip


class TableArrays(ctypes.Structure):
    """``table_t`` of liveness.c. Whoever fills it keeps the arrays alive."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("operators", "lines", "in_place_wholes")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "first_step", "first_line", "line_bytes", "written_first", "written", "read_first", "read",
                "in_place_first", "in_place", "in_place_whole", "state_bytes", "scratch_bytes", "resident_output",
            )
        ),
    ]  # fmt: skip


class OrderedArrays(ctypes.Structure):
    """``ordered_t`` of liveness.c. Whoever fills it keeps the arrays alive."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("order", "position", "written_at", "last_position", "alive", "staying")),
        *((name, ctypes.c_int64) for name in ("at_start", "at_end")),
    ]


class GraphArrays(ctypes.Structure):
    """``graph_t`` of order_search.c. Whoever fills it keeps the arrays alive."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("operators", "releases")),
        *((name, ctypes.c_int64) for name in ("at_start", "start")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "first", "needs_first", "needs_source", "needs_count", "release_first", "release_bytes",
                "overlap_first", "overlap_read", "overlap_written", "overlap_bytes", "condition_first",
                "condition_source", "condition_count", "net", "during",
            )
        ),
    ]  # fmt: skip


def compiled_library(sources: Sequence[Path]) -> ctypes.CDLL | None:
    """One library of some C files; None where the host cannot compile or load it.

    Raises:
        UsageError: the environment's CC is no command.
    """
    compiler = _compiler()
    try:
        return load_library("planner", [*compiler, *_FLAGS], sources)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.warning(
            "planning takes many times longer: the C compiler %r does not work (%s). Remedy: install gcc, or name a "
            "compiler in CC",
            shlex.join(compiler),
            error,
        )
        return None


def _compiler() -> list[str]:
    """This computer's C compiler: CC of the environment, or cc."""
    chosen = os.environ.get("CC", "")
    try:
        return shlex.split(chosen) or ["cc"]
    except ValueError as error:
        raise UsageError(f"the environment's CC is {chosen!r}, which is no command: {error}") from None


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
    first_fit, cascade, peak = library.tinyseg_first_fit, library.tinyseg_cascade, library.tinyseg_segment_peak
    first_fit.restype = cascade.restype = ctypes.c_int32
    first_fit.argtypes = [ctypes.c_int32, *[long_integers] * 6, ctypes.c_int64, long_integers, flags, ctypes.c_int64]
    first_fit.argtypes += [long_integers]
    cascade.argtypes = [ctypes.POINTER(FlowArrays), ctypes.c_int32]
    cascade.argtypes += [integers, ctypes.c_int32, integers, ctypes.c_int32, integers]
    peak.restype = ctypes.c_int64
    peak.argtypes = [ctypes.POINTER(kind) for kind in (FlowArrays, TableArrays, OrderedArrays)]
    peak.argtypes += [ctypes.c_int32] * 3 + [ctypes.POINTER(ctypes.c_int64)]
    order = library.tinyseg_order
    order.restype = ctypes.c_int32
    order.argtypes = [ctypes.POINTER(GraphArrays), integers, integers, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32]
    order.argtypes += [long_integers, integers, integers]
    min_cut = library.tinyseg_min_cut
    min_cut.restype = ctypes.c_int64
    min_cut.argtypes = [ctypes.c_int32] * 2 + [integers] * 3 + [long_integers, flags, ctypes.c_int64]
    return Native(first_fit, cascade, peak, order, min_cut)
