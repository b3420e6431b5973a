"""Start-up of boards that people have: what boot ROMs look for is in the image, and a clock that fails is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files
from tinyseg_tvm.boards import board_names, load_board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import DeviceFaultError, Project, generate_project
from tinyseg_tvm.micro.cortex_m.boot_image import BLOCK_END, BLOCK_START, boot_checksum, check_boot
from tinyseg_tvm.micro.elf import Program, Segment
from tinyseg_tvm.micro.emulator import emulator_command
from tinyseg_tvm.micro.faults import check_exit
from tinyseg_tvm.micro.tools import call

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no cross compiler")


def built(board: str, folder: Path) -> tuple[Project, Path]:
    project = generate_project(board, fake_files(), folder / board)
    return project, project.build()


def with_bytes(segment: Segment, at: int, data: bytes) -> Segment:
    if not 0 <= at < len(segment.data):
        return segment
    return replace(segment, data=segment.data[:at] + data + segment.data[at + len(data) :])


def changed(program: Program, address: int, data: bytes) -> Program:
    """The program with other bytes at an address."""
    segments = [with_bytes(segment, address - segment.address, data) for segment in program.segments]
    assert segments != list(program.segments)
    return replace(program, segments=tuple(segments))


def refusal(board: str, program: Program) -> str:
    with pytest.raises(TinySegError) as caught:
        check_boot(load_board(board), program)
    return str(caught.value)


def test_the_check_sum_is_that_of_the_datasheet() -> None:
    assert boot_checksum(b"123456789") == 0x0376E6E7  # CRC-32/MPEG-2's check value


def test_an_rp2040_image_begins_with_a_second_stage_of_the_right_check_sum(tmp_path: Path) -> None:
    project, elf = built("raspberry_pi_pico", tmp_path)
    program = project.machine.read_program(elf)
    stage = program.bytes_at(0x1000_0000, 256)
    assert int.from_bytes(stage[252:], "little") == boot_checksum(stage[:252])
    assert len(program.bytes_at(0x1000_0100, 8)) == 8
    message = refusal("raspberry_pi_pico", changed(program, 0x1000_0010, b"\x55"))
    assert message.startswith(
        "this image cannot boot on raspberry_pi_pico: the check sum of the second stage at 0x1000"
    )
    without = replace(program, segments=tuple(s for s in program.segments if s.address != 0x1000_0000))
    assert "second stage is missing, 256 bytes at 0x10000000" in refusal("raspberry_pi_pico", without)


def test_an_rp2350_image_has_its_definition_within_4_kib(tmp_path: Path) -> None:
    project, elf = built("raspberry_pi_pico2", tmp_path)
    program = project.machine.read_program(elf)
    start = next(s for s in program.segments if s.address == 0x1000_0000).data
    assert 0 < start.find(BLOCK_START.to_bytes(4, "little")) < start.find(BLOCK_END.to_bytes(4, "little")) < 4096
    place = 0x1000_0000 + start.find(BLOCK_START.to_bytes(4, "little"))
    for offset in (0, 4, 6, 8, 16):  # start, kind of the item, its flags, last item, end
        message = refusal("raspberry_pi_pico2", changed(program, place + offset, b"\x00"))
        assert "there is no image definition (IMAGE_DEF) for Arm within 4096 bytes of 0x10000000" in message


def test_a_vector_table_that_no_processor_can_start_from_is_refused(tmp_path: Path) -> None:
    project, elf = built("nrf52840_dk", tmp_path)
    program = project.machine.read_program(elf)
    assert "begins with 0x10000000, which is no stack in RAM" in refusal(
        "nrf52840_dk", changed(program, 0, b"\x00\x00\x00\x10")
    )
    assert "which is no Thumb code in FLASH" in refusal("nrf52840_dk", changed(program, 4, b"\x00"))
    assert "no vector table at 0x00000000" in refusal("nrf52840_dk", replace(program, segments=()))


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no QEMU")
def test_a_clock_that_does_not_start_ends_the_program_with_a_sentence(tmp_path: Path) -> None:
    project, elf = built("nucleo_f446re", tmp_path)
    emulator = project.machine.emulator
    assert emulator is not None
    other = emulator_command(emulator, load_board("netduinoplus2"), elf)  # the same memories, and no clocks
    result = call(other, remedy="", folder=tmp_path, timeout=60)
    with pytest.raises(DeviceFaultError, match="the board's clock does not start"):
        check_exit(project.machine, result, project.machine.read_image(elf))


@pytest.mark.release
@pytest.mark.parametrize("board", {b.family: b.name for b in map(load_board, board_names()) if b.family}.values())
def test_the_start_up_of_every_family_links_without_a_warning(board: str, tmp_path: Path) -> None:
    project, elf = built(board, tmp_path)  # the tests' compilers take warnings for errors
    assert project.machine.read_image(elf).function("system_start") is not None
