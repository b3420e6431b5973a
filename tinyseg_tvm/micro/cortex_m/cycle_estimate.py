"""Estimated cycles of a run by its core, from how often each instruction was executed.

The timing of the cores' Technical Reference Manuals (Cortex-M4: section 3.3), simplified: there a load takes 2 cycles
and 1 behind another load or store, multiple loads 1 + N, taken branches 3, divisions 6, all else 1. What the pipeline
saves or loses beyond that is not modelled, nor that some cores issue two instructions at a time. What memories take
comes on top (port/qemu/memory_timing.h). docs/cycle-model.md says how far the sum is from boards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.tools import call

OBJDUMP = "arm-none-eabi-objdump"
OBJDUMP_REMEDY = "install it (Debian, Ubuntu: apt install gcc-arm-none-eabi)"
SINGLE_LOADS = re.compile(r"(ldr(b|h|sb|sh|t|ex)?|vldr)$")
SINGLE_STORES = re.compile(r"(str(b|h|t|ex)?|vstr)$")
MULTIPLE = re.compile(r"(v?ldm\w*|v?stm\w*|v?push|v?pop)$")
BRANCH = re.compile(r"(b|bl|bx|blx|cbz|cbnz|tbb|tbh)$")
CONDITION = re.compile(r"^(b|bx)(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)$")
LONG = {"sdiv": 6, "udiv": 6, "vdiv.f32": 14, "vsqrt.f32": 14, "vmla.f32": 3, "vfma.f32": 3, "vmls.f32": 3}
_LINE = re.compile(r"^\s*([0-9a-f]+):\t[0-9a-f ]+\t(\S+)\s*(.*)$")


@dataclass(frozen=True)
class Timing:
    """Cycles of instructions.

    Attributes:
        load: a single load or store.
        load_behind: one behind another one.
        taken_branch: any branch that is taken.
        others: by mnemonic, where it is not as on the Cortex-M4.
    """

    load: int = 2
    load_behind: int = 1
    taken_branch: int = 3
    others: Mapping[str, int] = field(default_factory=dict)


CORTEX_M4 = Timing()
_TIMINGS = {
    "cortex-m0": Timing(load_behind=2),
    "cortex-m0plus": Timing(load_behind=2, taken_branch=2),
    # Of what the manual calls 3 to 5 and 4 to 7 cycles, the middle.
    "cortex-m3": Timing(others={"mla": 2, "mls": 2, "smull": 4, "umull": 4, "smlal": 5, "umlal": 5}),
    "cortex-m55": Timing(load=1, taken_branch=2),  # beats of a vector's load and of the one before's sums overlap
}


def timing_of(core: str) -> Timing:
    """The timing of a core; that of a Cortex-M4 where nothing else is known."""
    return _TIMINGS.get(core, CORTEX_M4)


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly."""

    address: int
    mnemonic: str
    operands: str

    @property
    def is_memory_access(self) -> bool:
        """A single load or store, behind which another is pipelined."""
        return bool(SINGLE_LOADS.match(self.mnemonic) or SINGLE_STORES.match(self.mnemonic))


def parse(listing: str) -> list[Instruction]:
    """The instructions of ``objdump -d``, without width suffixes."""
    found = []
    for line in listing.splitlines():
        match = _LINE.match(line)
        if match:
            mnemonic = match[2].removesuffix(".w").removesuffix(".n")
            found.append(Instruction(int(match[1], 16), mnemonic, match[3].split("@")[0].strip()))
    return found


def _registers(operands: str) -> int:
    """Registers of a list in braces."""
    count = 0
    for part in operands.partition("{")[2].partition("}")[0].split(","):
        first, dash, last = part.strip().partition("-")
        digits = [int(re.sub(r"\D", "", name) or 0) for name in (first, last)] if dash else [0, 0]
        count += digits[1] - digits[0] + 1
    return count


def cycles_of(
    instruction: Instruction, before: Instruction | None, executed: int, after: int, timing: Timing = CORTEX_M4
) -> int:
    """Cycles of all executions of an instruction.

    Args:
        instruction: which.
        before: the one before it in memory.
        executed: how often it was.
        after: how often the next one in memory was.
        timing: of the core.
    """
    name, operands = instruction.mnemonic, instruction.operands
    if CONDITION.match(name) or name in ("cbz", "cbnz"):
        taken = executed - min(executed, after)
        return taken * timing.taken_branch + executed - taken
    if BRANCH.match(name):
        return executed * timing.taken_branch
    returns = timing.taken_branch - 1 if "pc" in operands and name not in ("cmp", "mov", "adr") else 0
    if MULTIPLE.match(name):
        return executed * (1 + _registers(operands) + returns)
    if name in ("ldrd", "strd"):
        return executed * 3
    if SINGLE_LOADS.match(name):
        literal = "[pc" in operands
        behind = before is not None and before.is_memory_access
        return executed * ((timing.load_behind if behind else timing.load) + (0 if literal else returns))
    if name == "vmov" and operands.count(",") == 3:
        return executed * 2
    return executed * timing.others.get(name, LONG.get(name, 1))


def estimate_cycles(elf: Path, executed: Mapping[int, int], timing: Timing = CORTEX_M4) -> int:
    """Cycles of the executed instructions (counts by address) of a program.

    Raises:
        TinySegError: the disassembler is missing or fails.
    """
    result = call([OBJDUMP, "-d", str(elf)], remedy=OBJDUMP_REMEDY)
    if result.status != 0:
        raise TinySegError(f"{OBJDUMP} cannot read {elf}: {result.stderr.strip()}")
    instructions = parse(result.stdout)
    total = 0
    for index, instruction in enumerate(instructions):
        count = executed.get(instruction.address, 0)
        if count:
            before = instructions[index - 1] if index else None
            after = instructions[index + 1].address if index + 1 < len(instructions) else -1
            total += cycles_of(instruction, before, count, executed.get(after, 0), timing)
    return total
