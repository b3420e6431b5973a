"""Whether a board can start a program: what the processor and the boot ROMs look for in the image.

Sources: Arm architecture reference manuals, "Vector table"; RP2040 Datasheet, "Bootrom" and "Flash Second Stage";
RP2350 Datasheet, "Blocks and block loops" and "Minimum viable image metadata".
"""

from __future__ import annotations

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Program

BOOT2_BYTES = 256  # with the check sum
BLOCK_SEARCHED = 4096  # bytes from the start of the image
BLOCK_START, BLOCK_END = 0xFFFFDED3, 0xAB123579
ITEM_IMAGE_TYPE, ITEM_LAST = 0x42, 0xFF
ARM_EXECUTABLES = (0x1011, 0x1021)  # of the RP2350, Non-secure and Secure
_POLYNOMIAL = 0x04C11DB7
_REMEDY = "it was not linked with the project's linker script and start-up code"


def check_boot(board: Board, program: Program) -> None:
    """Refuses a program that the board would not start.

    Raises:
        TinySegError: saying what is missing, and where.
    """
    reason = _reason(board, program)
    if reason:
        raise TinySegError(f"this image cannot boot on {board.name}: {reason}; {_REMEDY}")


def boot_checksum(data: bytes) -> int:
    """CRC-32 as the RP2040's boot ROM reckons it: from all ones, bits in order, not inverted."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ _POLYNOMIAL if value & 1 << 31 else value << 1
        value &= 0xFFFFFFFF
    return value


def _reason(board: Board, program: Program) -> str:
    flash = board.memory("flash")
    assert flash is not None  # checked when the board was loaded
    vectors = flash.origin
    if board.family == "rp2040":
        vectors += BOOT2_BYTES
        second_stage = program.bytes_at(flash.origin, BOOT2_BYTES)
        if len(second_stage) < BOOT2_BYTES:
            return f"the boot ROM's second stage is missing, {BOOT2_BYTES} bytes at {flash.origin:#010x}"
        expected, found = boot_checksum(second_stage[:-4]), int.from_bytes(second_stage[-4:], "little")
        if expected != found:
            where = flash.origin + BOOT2_BYTES - 4
            return f"the check sum of the second stage at {where:#010x} is {found:#010x}, should be {expected:#010x}"
    if wrong := _wrong_vectors(board, program, vectors):
        return wrong
    if board.family == "rp2350" and not _has_image_definition(_image(program, flash.origin, BLOCK_SEARCHED)):
        return f"there is no image definition (IMAGE_DEF) for Arm within {BLOCK_SEARCHED} bytes of {flash.origin:#010x}"
    return ""


def _wrong_vectors(board: Board, program: Program, address: int) -> str:
    """What is wrong with the first two words of the vector table; empty: nothing."""
    words = _words(_image(program, address, 8))
    if len(words) < 2:
        return f"no vector table at {address:#010x}"
    stack, reset = words
    flash, ram = board.memory("flash"), board.memory("ram")
    assert flash is not None
    assert ram is not None
    if not ram.origin < stack <= ram.end or stack % 8:
        return f"the vector table at {address:#010x} begins with {stack:#010x}, which is no stack in {ram.name}"
    if not flash.origin <= reset < flash.end or not reset & 1:
        return f"the reset vector at {address + 4:#010x} is {reset:#010x}, which is no Thumb code in {flash.name}"
    return ""


def _has_image_definition(image: bytes) -> bool:
    """Whether a block of one image type item, for Arm, lies in the image at a multiple of four bytes."""
    words = _words(image)
    for start in (i for i, word in enumerate(words) if word == BLOCK_START):
        items, at = words[start + 1 :], 0
        kinds = []
        while at < len(items) and items[at] & 0xFF != ITEM_LAST:
            kinds.append((items[at] & 0xFF, items[at] >> 16))
            at += max(items[at] >> 8 & 0xFF, 1)
        closes = items[at : at + 3]
        if len(closes) == 3 and closes[0] >> 8 & 0xFFFF == at and closes[2] == BLOCK_END:
            return any(kind == ITEM_IMAGE_TYPE and flags in ARM_EXECUTABLES for kind, flags in kinds)
    return False


def _image(program: Program, origin: int, count: int) -> bytes:
    """``count`` bytes of what is loaded from ``origin`` on, with zeros where nothing is; as far as anything is."""
    parts = [s for s in program.segments if s.address < origin + count and origin < s.address + len(s.data)]
    end = max((s.address + len(s.data) for s in parts), default=origin)
    image = bytearray(min(end - origin, count))
    for part in parts:
        data, at = part.data, part.address - origin
        if at < 0:
            data, at = data[-at:], 0
        image[at : at + len(data)] = data[: len(image) - at]
    return bytes(image)


def _words(image: bytes) -> list[int]:
    return [int.from_bytes(image[at : at + 4], "little") for at in range(0, len(image) - 3, 4)]
