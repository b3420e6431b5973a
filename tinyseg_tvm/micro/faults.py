"""What went wrong on the device, in words: from exit status and fault line to an error with a remedy."""

from __future__ import annotations

import signal

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.machine import Machine
from tinyseg_tvm.micro.tools import CallResult

EXIT_FILE = 64
EXIT_CLOCK = 65
EXIT_FAULT = 70
EXIT_SANITIZER = 99
LAST_STATUS = 12


class DeviceFaultError(TinySegError):
    """The program was stopped by a processor exception."""


def check_exit(machine: Machine, result: CallResult, image: Image) -> int:
    """The network's status (0: success) from how a machine's program ended.

    Raises:
        DeviceFaultError: it was stopped by a fault, or a sanitizer found an error.
        TinySegError: it could not read or write its files, or the emulator failed.
    """
    status = result.status
    emulator = machine.emulator
    emulator_failed = emulator is not None and f"{emulator.program}: " in result.stderr and status == 1
    if 0 <= status <= LAST_STATUS and not emulator_failed:
        return status
    if status == EXIT_FILE:
        raise TinySegError("the program could not read an input file completely, or could not write an output file")
    if status == EXIT_CLOCK:
        raise DeviceFaultError(
            "the board's clock does not start: an oscillator or a regulator does not become ready; is it the board "
            "that the project was generated for?"
        )
    if EXIT_FAULT < status <= EXIT_FAULT + 15:
        raise DeviceFaultError(machine.describe_fault(status - EXIT_FAULT, result.stderr, image))
    if status == EXIT_SANITIZER:
        raise DeviceFaultError(f"a sanitizer stopped the program:\n{_first_lines(result.stderr)}")
    if status < 0:
        name = signal.Signals(-status).name
        if "Lockup" in result.stderr:
            raise DeviceFaultError("the processor locked up: a fault inside the fault handler")
        raise DeviceFaultError(f"the program was ended by signal {name}: {_first_lines(result.stderr)}")
    raise TinySegError(f"the program ended with status {status}: {_first_lines(result.stderr)}")


def _first_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[:12])
