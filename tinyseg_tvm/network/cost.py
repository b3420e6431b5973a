"""What the kernel of a node costs: the planner sees it, the code generator states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a kernel costs: scratch bytes during each step, estimated cycles per step, bytes of its packed constants."""

    scratch_bytes: int = 0
    cycles_per_step: int = 0
    flash_bytes: int = 0
