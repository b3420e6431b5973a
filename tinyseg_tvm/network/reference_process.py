"""The reference executor in a process of its own, so that no network takes the compiler down with it.

Programs of the long tail are compiled and called as they are; a fault in one, a loop without end, or more memory than
there is ends the child alone, and its parent says what happened.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.network import Network


@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes:
        memory: bytes beyond what the process has when it starts.
        seconds: of a processor.
    """

    memory: int = 4 << 30
    seconds: int = 1800


def run_apart(
    network: Network, vectors: Sequence[Sequence[np.ndarray]], limits: Limits | None = None
) -> list[list[np.ndarray]]:
    """Outputs of ``reference.run_sequence``, in device layout.

    Raises:
        TinySegError: the child took more than ``limits``, or was ended by a signal.
        UsageError: wrong number, shape or dtype of inputs.
    """
    if not hasattr(os, "fork"):
        return reference.run_sequence(network, vectors)
    limits = limits or Limits()
    with tempfile.TemporaryFile() as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads beside: the child calls none
            child = os.fork()
        if child == 0:
            _compute(network, vectors, limits, file.fileno())
        status = _wait(child, 4 * limits.seconds)
        if status != 0:
            raise TinySegError(
                f"the reference results of network {network.name!r} cannot be computed: {_reason(status, limits)}. "
                "Remedy: make the network smaller, or report this model"
            )
        file.seek(0)
        kind, value = pickle.load(file)
    if kind == "error":
        raise value
    return list(value)


def _compute(network: Network, vectors: Sequence[Sequence[np.ndarray]], limits: Limits, file: int) -> None:
    """The child: writes its results, and ends."""
    code = 1
    try:
        faulthandler.disable()  # of whoever watches the parent
        _limit(limits)
        answer: tuple[str, object]
        try:
            answer = ("results", reference.run_sequence(network, vectors))
        except MemoryError:
            os._exit(2)
        except Exception as error:
            answer = ("error", error)
        with os.fdopen(file, "wb", closefd=False) as stream:
            pickle.dump(answer, stream)
        code = 0
    finally:
        os._exit(code)


def _limit(limits: Limits) -> None:
    import resource  # of systems that fork

    try:
        present = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        present = 0  # another system: what there is, is not known
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits.seconds),
        *(((resource.RLIMIT_AS, present + limits.memory),) if present else ()),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU):
        signal.signal(each, signal.SIG_DFL)


def _wait(child: int, seconds: float) -> int:
    """The child's exit code; below 0 a signal's number. One that does not end is ended."""
    end, pause = time.monotonic() + seconds, 0.001
    try:
        while True:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return -int(signal.SIGXCPU)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
    except BaseException:  # Ctrl-C
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise


def _reason(status: int, limits: Limits) -> str:
    if status == -signal.SIGXCPU:
        return f"this takes more than the limit of {limits.seconds} s"
    if status == 2:
        return f"this takes more memory than the limit of {limits.memory >> 20} MiB"
    if status < 0:
        return f"a program of it was ended by {signal.Signals(-status).name}"
    return f"the process ended with code {status}"
