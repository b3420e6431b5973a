"""A tensor in two parts along its channels, so that one of them can go to storage while the other waits in RAM.

Behind what makes the tensor, two slices copy its lines as they come: the first channels into the *part*, the others
into the *rest*. Before each late reader a concatenation joins the two again, line by line. All of these are ordinary
operators; what is spilled (spilling.py) is the part, which like any tensor then has a spill and a fetch per late
reader. A part of the channels takes its share of every line: unlike a part of the lines, it lowers the memory that
waits at every moment alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.insertion import before_readers, behind_writers, insert, reader_numbers, tensor_number
from tinyseg_tvm.planner.problem import Access, Operator, Problem, Role


@dataclass(frozen=True)
class ChannelSplit:
    """One tensor that is split.

    Attributes:
        tensor: its name.
        channels: of the part, the first ones.
        of: channels of the tensor.
        late: names of the operators that read it joined, each through a concatenation of its own.
    """

    tensor: str
    channels: int
    of: int
    late: tuple[str, ...]


def part_name(tensor: str) -> str:
    """Name of the first channels, and of the operator that copies them."""
    return f"{tensor}_part"


def rest_name(tensor: str) -> str:
    """Name of the other channels."""
    return f"{tensor}_rest"


def joined_name(tensor: str, reader: int) -> str:
    """Name of the two joined for ``late[reader]``."""
    return f"{tensor}_joined{reader + 1 if reader else ''}"


def split_channels(problem: Problem, splits: Sequence[ChannelSplit]) -> Problem:
    """``problem`` with slices and concatenations.

    Raises:
        TinySegError: a split names what is not there, or readers that do not read the tensor.
    """
    for split in splits:
        problem = _split_one(problem, split)
    return problem


def _split_one(problem: Problem, split: ChannelSplit) -> Problem:
    doing = "split the channels of"
    number = tensor_number(problem, split.tensor, doing)
    original = problem.tensors[number]
    if not 0 < split.channels < split.of or original.line_bytes % split.of:
        raise TinySegError(
            f"cannot {doing} tensor {original.name!r}: {split.channels} of {split.of} channels of a line of "
            f"{original.line_bytes} bytes"
        )
    late = reader_numbers(problem, number, split.late, doing)
    bytes_of_part = original.line_bytes // split.of * split.channels
    tensor = replace(original, contiguous=False, role=Role.INTERNAL, derived_from=original.name)
    part = replace(tensor, name=part_name(original.name), line_bytes=bytes_of_part)
    rest = replace(tensor, name=rest_name(original.name), line_bytes=original.line_bytes - bytes_of_part)
    joined = [replace(tensor, name=joined_name(original.name, reader)) for reader in range(len(late))]
    first = len(problem.tensors)
    each = tuple((line,) for line in range(original.lines))

    def operator(name: str, reads: Sequence[int], write: int) -> Operator:
        return Operator(name, original.lines, tuple(Access(read, each) for read in reads), (Access(write, each),))

    behind = behind_writers(problem, number)
    inserted = [(behind, operator(part.name, [number], first)), (behind, operator(rest.name, [number], first + 1))]
    for index, reader in enumerate(late):
        join = operator(joined[index].name, [first, first + 1], first + 2 + index)
        inserted.append((before_readers(problem, number, [reader]), join))
    copy_of = {reader: first + 2 + index for index, reader in enumerate(late)}
    return insert(problem, [part, rest, *joined], inserted, number, copy_of)
