"""Points of the trade-off between RAM and what is paid for it: time, flash, MACs done twice, bytes in storage."""

from __future__ import annotations

from dataclasses import dataclass

Rival = tuple[str, int, str]
"""A row of a comparison: planner, RAM bytes, remark."""


@dataclass(frozen=True)
class Point:
    """One plan among alternatives, ours or another tool's.

    Attributes:
        ram: peak bytes.
        macs: multiply-accumulates of one inference, recomputed ones included.
        written: bytes written to storage per inference.
        ours: drawn as a plan of this compiler, and joined to its front.
    """

    label: str
    ram: int
    macs: int = 0
    written: int = 0
    ours: bool = True


@dataclass(frozen=True)
class Choice:
    """A plan that a command chooses.

    Attributes:
        label: what is different, in words.
        command: the command line.
        ram: bytes of the whole program.
        seconds: estimated, of an inference.
        cycles: estimated; None: not counted apart from waiting.
        flash: bytes of the kernels' constants and of code that is an operator's own; None: not compared.
        written: bytes written to storage per inference.
        recomputed_macs: multiply-accumulates done twice.
    """

    label: str
    command: str
    ram: int
    seconds: float
    cycles: int | None = None
    flash: int | None = None
    written: int = 0
    recomputed_macs: int = 0
