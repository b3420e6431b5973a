"""The package where Python lacks the modules of Unix."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNIX = ("termios", "tty", "pty", "fcntl", "pwd", "grp", "resource", "readline", "syslog")
WITHOUT_UNIX = f"import socket, sys; sys.modules.update(dict.fromkeys({UNIX})); del socket.AF_UNIX; "


def python_without_unix(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a program for which importing any of UNIX fails, and which has no Unix sockets."""
    command = [sys.executable, "-c", WITHOUT_UNIX + program, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_modules_of_unix_are_missing_there() -> None:
    assert "ModuleNotFoundError" in python_without_unix("import termios").stderr


@pytest.mark.parametrize("module", ["micro", "boards", "report.write", "cli.main"])
def test_what_runs_projects_is_imported(module: str) -> None:
    process = python_without_unix(f"import tinyseg_tvm.{module}")
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("line", "reason"),
    [("/dev/ttyUSB0", "this system's Python has no termios"), ("COM3", "this system has no Unix sockets")],
)
def test_a_line_that_cannot_be_served_is_one_error(line: str, reason: str) -> None:
    process = python_without_unix(
        "from tinyseg_tvm.cli.main import main; sys.exit(main(sys.argv[1:]))", "serve-storage", line
    )
    assert process.returncode == 1
    assert process.stderr.startswith("tinyseg: error: cannot ")
    assert process.stderr.count("\n") == 1
    assert reason in process.stderr
