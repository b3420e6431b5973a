"""Cortex-M as a machine: Arm's bare-metal GCC, QEMU's emulator, startup code and linker script of port/cortex_m."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, Core
from tinyseg_tvm.micro import firmware
from tinyseg_tvm.micro.cortex_m.cycle_estimate import estimate_cycles, timing_of
from tinyseg_tvm.micro.cortex_m.faults import describe_fault
from tinyseg_tvm.micro.elf import Image, read_image
from tinyseg_tvm.micro.emulator import Emulator
from tinyseg_tvm.micro.machine import Toolchain
from tinyseg_tvm.micro.port_files import c_files, render
from tinyseg_tvm.micro.results import Flash

FOLDER = "cortex_m"  # of port/
THUMB_BIT = 1  # of a function's address: its instructions are Thumb's, as all of these cores
REGISTERS = ((0x4000_0000, 0x6000_0000), (0xE000_0000, 0xE010_0000))  # peripherals, and the system's own
GUARD_BYTES = 1 << 20  # behind the RAM that may be used: what startup.c forbids, where there is a protection unit


class CortexM:
    """Cortex-M cores."""

    name = "Cortex-M"
    toolchain = Toolchain(
        prefix="arm-none-eabi-",
        processor="arm",
        link=("-nostartfiles", "--specs=nano.specs"),
        libraries=("-Wl,--start-group", "-lm", "-lc", "-lgcc", "-Wl,--end-group"),
        remedy="install it (Debian, Ubuntu: apt install make gcc gcc-arm-none-eabi libnewlib-arm-none-eabi)",
    )
    emulator = Emulator("qemu-system-arm", "install it (Debian, Ubuntu: apt install qemu-system-arm)")
    timer = "SysTick"

    def runs(self, core: Core) -> bool:
        """Whether a core is one of Arm's M profile."""
        return core.architecture.startswith("armv") and "-m" in core.architecture

    def port_files(self, board: Board, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Startup and fault handler, semihosting, counting; linker script and CMake's toolchain file."""
        ram = board.memory("ram")
        assert ram is not None  # checked when the board was loaded
        behind = min((memory.origin for memory in board.memories if memory.origin >= ram.end), default=1 << 32)
        script = render(f"{FOLDER}/board.ld.jinja", {**values, "guard_end": min(ram.end + GUARD_BYTES, behind)})
        return {"board.ld": script, "toolchain.cmake": render("toolchain.cmake.jinja", values), **c_files(FOLDER)}

    def read_image(self, path: Path) -> Image:
        """Reads a program."""
        return read_image(path, THUMB_BIT)

    def static_bytes(self, image: Image) -> int:
        """As the linker script places them."""
        return firmware.static_bytes(image)

    def flash(self, image: Image, objects: Path, name: str) -> Flash:
        """As the linker script places them."""
        return firmware.flash(image)

    def writable_by_network(self, image: Image) -> list[tuple[int, int]]:
        """With all registers, where there is a storage."""
        return firmware.writable_by_network(image, REGISTERS)

    def describe_fault(self, exception: int, console: str, image: Image) -> str:
        """What the processor's fault registers say."""
        return describe_fault(exception, console, image)

    def estimate_cycles(self, elf: Path, executed: Mapping[int, int], core: Core) -> int:
        """By the timing of the core's manual (cycle_estimate.py)."""
        return estimate_cycles(elf, executed, timing_of(core.name))
