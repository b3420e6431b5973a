"""What of a library the linker puts into fast memory, as its metadata.json says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyseg_tvm.boards import Board, Memory
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import FAST_CODE, FAST_WEIGHTS
from tinyseg_tvm.micro.library import read_metadata


@dataclass(frozen=True)
class FastUse:
    """Contents of a fast memory.

    Attributes:
        memory: where.
        bytes: that may be used of it.
        modules: runtime modules whose code lies there.
        functions: generated C functions that lie there.
        weights: symbols of constants.
    """

    memory: Memory
    bytes: int
    modules: tuple[str, ...]
    functions: tuple[str, ...]
    weights: tuple[str, ...]

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the linker script's output sections."""
        chosen = ((FAST_CODE, self.modules + self.functions), (FAST_WEIGHTS, self.weights))
        return tuple(f"{prefix}{self.memory.name}" for prefix, contents in chosen if contents)


def fast_uses(board: Board, files: Mapping[str, bytes]) -> tuple[FastUse, ...]:
    """Fast memories of the board that the library uses; none on the host.

    Raises:
        TinySegError: the library was generated for memories that the board does not have.
    """
    if board.is_host:
        return ()
    memories = {memory.name: memory for memory in board.fast_memories}
    uses = []
    for entry in read_metadata(files).get("fast", ()):
        name, size = entry["memory"], entry["bytes"]
        if name not in memories or size > memories[name].length:
            raise TinySegError(
                f"the library was compiled for {size} bytes of fast memory '{name}', which the board '{board.name}' "
                "does not have: compile it for this board, or with --fast 0"
            )
        contents = [tuple(entry.get(key, ())) for key in ("modules", "functions", "weights")]
        if any(contents):
            uses.append(FastUse(memories[name], size, *contents))
    return tuple(uses)
