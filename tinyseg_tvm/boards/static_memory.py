"""Writable memory of a program beside arena, stack and copies, reckoned before it is built; the build measures it."""

from __future__ import annotations

from tinyseg_tvm.boards.board import Board

STORAGE_BYTES = 164  # of a storage: the largest driver's state, and the harness's pointer to it
GAP_BYTES = 4  # behind an arena of any length, before what is aligned to words


def static_bytes(board: Board, context: int, storages: int) -> int:
    """Bytes of .data and .bss outside the arena, at most.

    Args:
        board: whose startup code and test harness count.
        context: bytes of the network's context.
        storages: number of storages that the network uses.
    """
    return board.static_bytes + GAP_BYTES + context + STORAGE_BYTES * storages
