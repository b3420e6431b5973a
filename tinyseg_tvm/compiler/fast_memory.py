"""How many bytes of the board's fast memories a build may fill."""

from __future__ import annotations

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Board
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.errors import UsageError


def fast_spaces(options: BuildOptions, board: Board) -> tuple[codegen.FastSpace, ...]:
    """The parts of the board's fast memories that may be used, those of 0 bytes left out.

    Raises:
        UsageError: more bytes are asked for than the board has.
    """
    memories = [memory for memory in board.fast_memories if set(memory.holds) != {"lines"}]
    if options.fast is None:
        shares = [memory.default_bytes for memory in memories]
    else:
        there = sum(memory.length for memory in memories)
        if options.fast > there:
            has = f"has {there} bytes of fast memory" if there else "declares no fast memory (docs/adding-a-board.md)"
            raise UsageError(f"-fast={options.fast}: the board '{board.name}' {has}")
        left, shares = options.fast, []
        for memory in memories:
            shares.append(min(left, memory.length))
            left -= shares[-1]
    return tuple(
        codegen.FastSpace(memory.name, share, "code" in memory.holds, "weights" in memory.holds)
        for memory, share in zip(memories, shares, strict=True)
        if share
    )
