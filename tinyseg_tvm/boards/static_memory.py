"""Writable memory of a program beside arena, stack and copies, reckoned before it is built; the build measures it."""

from __future__ import annotations

from collections.abc import Iterable

from tinyseg_tvm.boards.board import Board, Storage

GAP_BYTES = 4  # behind an arena of any length, before what is aligned to words
POINTER_BYTES = 4  # the harness's, to a storage
DRIVER_BYTES = {"file": 104, "psram": 100, "timed": 124, "sd": 120, "eeprom": 124, "uart": 172, "nor": 132 + 44}
"""State of the driver in micro/port/storage, by the kind of the storage; a NOR flash has its simulator, too."""
UNKNOWN_DRIVER_BYTES = 256


def static_bytes(board: Board, context: int, storages: Iterable[tuple[Storage, int]]) -> int:
    """Bytes of .data and .bss outside the arena, at most.

    Args:
        board: whose startup code and test harness count.
        context: bytes of the network's context.
        storages: that the network uses, each with the bytes that an inference writes to it.
    """
    return board.static_bytes + GAP_BYTES + context + sum(storage_bytes(*used) for used in storages)


def storage_bytes(storage: Storage, used: int) -> int:
    """Static bytes of a storage that an inference writes ``used`` bytes to."""
    marks = 4 * erase_words(storage, used) if storage.kind == "nor" else 0
    return POINTER_BYTES + DRIVER_BYTES.get(storage.kind, UNKNOWN_DRIVER_BYTES) + marks


def erase_words(storage: Storage, used: int) -> int:
    """Words with a bit for each sector of an inference: the page of its header, and what it writes."""
    sectors = -(-(storage.page_bytes + used) // storage.erase_block_bytes)
    return -(-sectors // 32)
