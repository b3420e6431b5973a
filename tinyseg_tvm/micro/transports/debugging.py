"""What a debugger must know of a kind of processor to start a program and to serve its requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Debugging:
    """Registers are given by their numbers in GDB's packets; values are little-endian words of 4 bytes.

    Attributes:
        architecture: as the server's target description calls it, without a variant (``arm``).
        request: name of the one function that makes requests, which holds one instruction ``trap``.
        trap: the bytes of that instruction, at a multiple of their number.
        operation, parameter, result: registers of a request (Arm, "Semihosting for AArch32 and AArch64").
        stack_pointer, program_counter: registers that a program starts with.
        initial_status: value of the status register at reset, whose number servers give (``xpsr``).
    """

    architecture: str
    request: str
    trap: bytes
    operation: int
    parameter: int
    result: int
    stack_pointer: int
    program_counter: int
    initial_status: int
