"""Calls of other programs, with errors that say what to install or do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.errors import TinySegError, UsageError

LONGEST_SECONDS = 1e7  # what the operating system takes
MOST_JOBS = 1024


@dataclass(frozen=True)
class CallResult:
    """Exit status (negative: killed by that signal) and what the program printed."""

    status: int
    stdout: str
    stderr: str


def check_timeout(seconds: float) -> None:
    """Raises UsageError where a program cannot be given that time."""
    if not 0 < seconds <= LONGEST_SECONDS:
        raise UsageError(f"timeout is {seconds:g} seconds, must be more than 0 and at most {LONGEST_SECONDS:,.0f}")


def check_jobs(jobs: int) -> None:
    """Raises UsageError where so many compilers cannot run at the same time."""
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"jobs is {jobs}, must be 1 to {MOST_JOBS} compilers at the same time")


def call(
    command: Sequence[str],
    remedy: str,
    folder: Path | None = None,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> CallResult:
    """Runs a program to its end.

    Args:
        command: program and arguments.
        remedy: what to do where the program is missing.
        folder: its working directory.
        timeout: seconds after which it is ended.
        environment: variables on top of this process's.

    Raises:
        TinySegError: it cannot be started, or takes longer than ``timeout``.
    """
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            check=False,
        )
    except FileNotFoundError:
        raise TinySegError(f"the program '{command[0]}' is not installed: {remedy}") from None
    except OSError as error:
        raise TinySegError(f"cannot start '{command[0]}': {error}") from None
    except subprocess.TimeoutExpired:
        raise TinySegError(
            f"'{command[0]}' did not end within {timeout:g} seconds and was stopped: "
            "allow more time (timeout), or look for an endless loop"
        ) from None
    return CallResult(result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace"))
