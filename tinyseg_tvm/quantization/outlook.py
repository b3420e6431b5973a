"""What the compiler makes of a quantised network: RAM, and operators that are left in float."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.network import Network
from tinyseg_tvm.operators import Dequantize, Quantize
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.relay import build, frontend


@dataclass(frozen=True)
class Outlook:
    """A plan's figures.

    Attributes:
        board: for which it was made.
        ram: bytes of the whole program, of which ``arena`` hold tensors.
        macs: multiply-accumulates of an inference.
        islands: operators on float32 tensors, between conversions.
        remarks: what the compiler says of the plan.
    """

    board: str
    ram: int
    arena: int
    macs: int
    islands: tuple[str, ...]
    remarks: tuple[str, ...]


def outlook(model: Path, board: str, progress: Progress | None = None) -> Outlook:
    """Plans a network for a board.

    Raises:
        TinySegError: the network cannot be compiled, or no such board.
        DoesNotFitError: the board has too little memory.
    """
    factory = build(frontend.from_file(model), f"c -tinyseg -board={board}", name=model.stem, progress=progress)
    return Outlook(
        factory.board.name,
        factory.memory.total,
        factory.memory.arena,
        factory.macs,
        float_islands(factory.network),
        factory.remarks,
    )


def float_islands(network: Network) -> tuple[str, ...]:
    """Operators that read or make float32, but for conversions at the edges."""
    return tuple(
        f"{node.name} ({node.operator.kind})"
        for node in network.nodes
        if not isinstance(node.operator, Quantize | Dequantize)
        and any(network.tensors[name].type.dtype == "float32" for name in (*node.inputs, *node.outputs))
    )
