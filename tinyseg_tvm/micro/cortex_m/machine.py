"""Cortex-M as a machine: Arm's bare-metal GCC, QEMU's emulator, startup code and linker script of port/cortex_m."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, Core
from tinyseg_tvm.micro import firmware
from tinyseg_tvm.micro.cortex_m.boot_image import check_boot
from tinyseg_tvm.micro.cortex_m.cycle_estimate import estimate_cycles, timing_of
from tinyseg_tvm.micro.cortex_m.faults import describe_fault
from tinyseg_tvm.micro.cortex_m.stack_depth import StackDepths
from tinyseg_tvm.micro.elf import Image, Program, read_image, read_program
from tinyseg_tvm.micro.emulator import Emulator
from tinyseg_tvm.micro.machine import Toolchain
from tinyseg_tvm.micro.port_files import c_files, render
from tinyseg_tvm.micro.port_uart import uart_files
from tinyseg_tvm.micro.results import Flash, StackDepth
from tinyseg_tvm.micro.transports.debugging import Debugging

FOLDER = "cortex_m"  # of port/
FAMILIES = "families"
THUMB_BIT = 1  # of a function's address: its instructions are Thumb's, as all of these cores
REGISTERS = ((0x4000_0000, 0x6000_0000), (0xE000_0000, 0xE010_0000))  # peripherals, and the system's own
GUARD_BYTES = 1 << 20  # behind the RAM that may be used: what startup.c forbids, where there is a protection unit


class CortexM:
    """Cortex-M cores."""

    name = "Cortex-M"
    toolchain = Toolchain(
        prefix="arm-none-eabi-",
        processor="arm",
        link=("-nostartfiles", "--specs=nano.specs", "-Wl,-z,noexecstack"),
        libraries=("-Wl,--start-group", "-lm", "-lc", "-lgcc", "-Wl,--end-group"),
        remedy="install it (Debian, Ubuntu: apt install make gcc gcc-arm-none-eabi libnewlib-arm-none-eabi)",
    )
    emulator = Emulator("qemu-system-arm", "install it (Debian, Ubuntu: apt install qemu-system-arm)")
    timer = "SysTick"
    debugging: Debugging | None = Debugging(
        architecture="arm",
        request="semihosting_request",
        trap=b"\xab\xbe",  # bkpt 0xAB
        operation=0,
        parameter=1,
        result=0,
        stack_pointer=13,
        program_counter=15,
        initial_status=1 << 24,  # the T bit: Thumb instructions, in thread mode
    )

    def runs(self, core: Core) -> bool:
        """Whether a core is one of Arm's M profile."""
        return core.architecture.startswith("armv") and "-m" in core.architecture

    def port_files(self, board: Board, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Startup and fault handler, semihosting, counting; linker script and CMake's toolchain file."""
        ram = board.memory("ram")
        assert ram is not None  # checked when the board was loaded
        behind = min((memory.origin for memory in board.memories if memory.origin >= ram.end), default=1 << 32)
        script = render(f"{FOLDER}/board.ld.jinja", {**values, "guard_end": min(ram.end + GUARD_BYTES, behind)})
        line = {} if board.uart is None else uart_files(board)
        family = {**c_files(FAMILIES), **c_files(f"{FAMILIES}/{board.family}")} if board.family else {}
        return {
            "board.ld": script,
            "toolchain.cmake": render("toolchain.cmake.jinja", values),
            **c_files(FOLDER),
            **line,
            **family,
        }

    def check_boot(self, board: Board, elf: Path) -> None:
        """Vector table, and what the boot ROM of the board's family looks for."""
        check_boot(board, self.read_program(elf))

    def read_image(self, path: Path) -> Image:
        """Reads a program."""
        return read_image(path, THUMB_BIT)

    def read_program(self, path: Path) -> Program:
        """What is loaded; it begins with the handler of resets."""
        return read_program(path, THUMB_BIT)

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

    def deepest_stacks(self, elf: Path, image: Image, network: str) -> dict[str, StackDepth]:
        """By the program's disassembly (stack_depth.py); the whole program begins with the handler of resets."""
        depths = StackDepths(elf, image, f"{self.toolchain.prefix}objdump")
        return {"run": depths.depth(f"{network}_run"), "program": depths.depth("Reset_Handler")}

    def estimate_cycles(self, elf: Path, executed: Mapping[int, int], core: Core) -> int:
        """By the timing of the core's manual (cycle_estimate.py)."""
        return estimate_cycles(elf, executed, timing_of(core.name))
