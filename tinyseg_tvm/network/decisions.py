"""Decisions on how a network runs, in terms of the network: what the passes over its module carry out.

The planner makes them on the planning problem, which knows no operators; the compiler states them here. Nodes, tensors
and readers are known by name. A reader is a node, or a port (``output_reader``). A decision names all that it adds.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyseg_tvm.operators import Fetch, Spill


@dataclass(frozen=True)
class Copy:
    """A tensor that some readers read in place of another one.

    Attributes:
        name: of the copy; also of the node that makes it, where that node has one result.
        readers: names of those readers.
    """

    name: str
    readers: tuple[str, ...]


@dataclass(frozen=True)
class Clone:
    """A node that computes again what another one does.

    Attributes:
        of: name of the other one.
        name: its own.
        results: names of its results, in the order of the other's.
    """

    of: str
    name: str
    results: tuple[str, ...]


@dataclass(frozen=True)
class Recomputation:
    """Late readers of a tensor read a copy that clones make.

    Attributes:
        tensor: its name.
        copy: a result of one of the clones.
        clones: in the order in which they run; what one of them makes, later ones read.
    """

    tensor: str
    copy: Copy
    clones: tuple[Clone, ...]


@dataclass(frozen=True)
class ChannelDivision:
    """A tensor in two parts along its last axis, which late readers read joined.

    Attributes:
        tensor: its name.
        channels: of the part, the first ones.
        part, rest: names of the first channels and of the others.
        joined: the copies, each by a concatenation of its own.
    """

    tensor: str
    channels: int
    part: str
    rest: str
    joined: tuple[Copy, ...]


@dataclass(frozen=True)
class ChannelBlocks:
    """What is tied to an axis of a tensor (channel_blocks.py) is computed in blocks, one after the other.

    Attributes:
        tensor: its name.
        axis: of it, which is divided.
        blocks: how many there are.
    """

    tensor: str
    axis: int
    blocks: int


@dataclass(frozen=True)
class Spilling:
    """A tensor that goes to storage and is fetched for late readers.

    Attributes:
        tensor: its name.
        stored: name of what is stored of it.
        fetched: the copies, each by a fetch of its own.
        spill, fetch: the operators.
    """

    tensor: str
    stored: str
    fetched: tuple[Copy, ...]
    spill: Spill
    fetch: Fetch


def output_reader(port: str) -> str:
    """Name of the reader that is an output port."""
    return f"output {port}"
