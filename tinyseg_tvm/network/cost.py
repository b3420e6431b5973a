"""What the kernel of a node costs: the planner sees it, the code generator states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a kernel costs.

    Attributes:
        scratch_bytes: during each step.
        cycles_per_step: estimated, or as measured.
        flash_bytes: of its packed constants, and of code that is the node's own.
        kernel: its name, by which the plan tells the code generator which one it is; empty where none is meant.
    """

    scratch_bytes: int = 0
    cycles_per_step: int = 0
    flash_bytes: int = 0
    kernel: str = ""
