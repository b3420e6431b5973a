"""What went wrong on the device, in words: from exit status and fault line to an error with a remedy."""

from __future__ import annotations

import re
import signal

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.tools import CallResult

EXIT_FILE = 64
EXIT_FAULT = 70
EXIT_SANITIZER = 99
LAST_STATUS = 12
EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault"}
CFSR_STACKING = (1 << 4) | (1 << 12)  # MSTKERR, STKERR: while stacking for an exception
CFSR_STACK_LIMIT = 1 << 20  # STKOF
CFSR_UNDEFINED = 1 << 16
CFSR_MMFAR_VALID = 1 << 7
CFSR_BFAR_VALID = 1 << 15
STACK_RED_ZONE = 32


class DeviceFaultError(TinySegError):
    """The program was stopped by a processor exception."""


def check_exit(result: CallResult, image: Image) -> int:
    """The network's status (0: success) from how the program ended.

    Raises:
        DeviceFaultError: it was stopped by a fault, or a sanitizer found an error.
        TinySegError: it could not read or write its files, or the emulator failed.
    """
    status = result.status
    emulator_failed = not image.host and "qemu-system-arm: " in result.stderr and status == 1
    if 0 <= status <= LAST_STATUS and not emulator_failed:
        return status
    if status == EXIT_FILE:
        raise TinySegError("the program could not read an input file completely, or could not write an output file")
    if EXIT_FAULT < status <= EXIT_FAULT + 15:
        raise DeviceFaultError(describe_fault(status - EXIT_FAULT, result.stderr, image))
    if status == EXIT_SANITIZER:
        raise DeviceFaultError(f"a sanitizer stopped the program:\n{_first_lines(result.stderr)}")
    if status < 0:
        name = signal.Signals(-status).name
        if "Lockup" in result.stderr:
            raise DeviceFaultError("the processor locked up: a fault inside the fault handler")
        raise DeviceFaultError(f"the program was ended by signal {name}: {_first_lines(result.stderr)}")
    raise TinySegError(f"the program ended with status {status}: {_first_lines(result.stderr)}")


def describe_fault(exception: int, console: str, image: Image) -> str:
    """A sentence about a fault, from the line that the fault handler prints."""
    fields = {key: int(value, 16) for key, value in re.findall(r"(\w+)=0x([0-9a-f]{8})", console)}
    name = EXCEPTIONS.get(exception, f"exception {exception}")
    flags = fields.get("cfsr", 0)
    pc = fields.get("pc")
    place = "" if pc is None else f" in {image.function_at(pc)} (pc {pc:#010x})"
    if _is_stack_overflow(fields, flags, image):
        return (
            f"stack overflow{place}: {name}, the stack reserve is {image.section_bytes('.stack')} bytes; "
            "raise stack_bytes of the board, or leave more RAM beside the arena"
        )
    access = ""
    if flags & CFSR_MMFAR_VALID:
        access = f", access to {fields.get('mmfar', 0):#010x} outside the memory that the program may use"
    elif flags & CFSR_BFAR_VALID:
        access = f", access to {fields.get('bfar', 0):#010x}, where the board has no memory"
    elif flags & CFSR_UNDEFINED:
        access = ", an instruction that this core does not have: was it compiled for another core?"
    return f"{name}{place}{access} (cfsr {flags:#010x})"


def _is_stack_overflow(fields: dict[str, int], flags: int, image: Image) -> bool:
    limit = image.address("stack_limit")
    outside = fields.get("sp", limit + STACK_RED_ZONE) < limit + STACK_RED_ZONE
    return bool(flags & (CFSR_STACK_LIMIT | CFSR_STACKING)) or outside


def _first_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[:12])
