"""The plan: a schedule, and an address for every line, state and scratch buffer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Addresses of one tensor's lines: byte offsets in pool number ``pool``."""

    pool: int
    offsets: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A state or scratch buffer: its pool number and byte offset."""

    pool: int
    offset: int


@dataclass(frozen=True)
class Plan:
    """What the code generator needs of an inference, and nothing that depends on kernels.

    Attributes:
        steps: operator number of each step. The operator's own step number follows: its steps run in order.
        placements: per tensor.
        states, scratch: per operator; None where it needs none.
        pool_bytes: used bytes (highest end offset) of each pool.
    """

    steps: tuple[int, ...]
    placements: tuple[Placement, ...]
    states: tuple[Block | None, ...]
    scratch: tuple[Block | None, ...]
    pool_bytes: tuple[int, ...]
