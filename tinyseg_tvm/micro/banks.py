"""Memories of a board that a library's further pools lie in, as its metadata.json says."""

from __future__ import annotations

from collections.abc import Mapping

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.library import Library, read_metadata


def pool_memories(board: Board, library: Library, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """For each pool beside the arena the memory that it lies in; empty texts on the host.

    A library that does not name its pools after memories has them in the board's slow memory, or in its RAM.

    Raises:
        TinySegError: a pool has the name of a memory that the board has, but not for lines of tensors.
    """
    pools = read_metadata(files).get("memory", {}).get("pools", [])[1:]
    names = [pool["name"] for pool in pools] if len(pools) == library.pools else [""] * library.pools
    if board.is_host:
        return ("",) * library.pools
    there = {memory.name for memory in board.banks}
    wrong = [memory.name for memory in board.memories if memory.name in names and memory.name not in there]
    if wrong:
        raise TinySegError(
            f"the library was compiled for lines in memory '{wrong[0]}', which '{board.name}' has for other things: "
            "compile it for this board"
        )
    return tuple(name if name in there else "" for name in names)
