"""The boards that an emulator runs, as parameters of tests: those that the installed one does not know are skipped."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tinyseg_tvm.boards import board_names, load_board


def emulated_boards() -> list[object]:
    """Names of boards with a QEMU machine."""
    known = _machines()
    return [
        pytest.param(name, marks=pytest.mark.skipif(machine not in known, reason=f"QEMU has no machine {machine} here"))
        for name, machine in ((name, _machine(name)) for name in board_names())
        if machine
    ]


def _machine(name: str) -> str:
    qemu = load_board(name).qemu
    return "" if qemu is None else qemu.machine


def _machines() -> set[str]:
    """Machines of the installed emulator."""
    program = shutil.which("qemu-system-arm")
    if program is None:
        return set()
    text = subprocess.run([program, "-M", "help"], capture_output=True, text=True, check=True, timeout=60).stdout
    return {line.split()[0] for line in text.splitlines() if line}
