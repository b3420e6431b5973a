"""What a Cortex-M's fault registers say, in words (Armv7-M Architecture Reference Manual: CFSR)."""

from __future__ import annotations

import re

from tinyseg_tvm.micro.elf import Image

EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault"}
CFSR_STACKING = (1 << 4) | (1 << 12)  # MSTKERR, STKERR: while stacking for an exception
CFSR_STACK_LIMIT = 1 << 20  # STKOF
CFSR_UNDEFINED = 1 << 16
CFSR_MMFAR_VALID = 1 << 7
CFSR_BFAR_VALID = 1 << 15
STACK_RED_ZONE = 32


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
