"""Spilling: lines that wait long for a late reader wait in storage instead of RAM.

A *spill* is an operator that reads each line of a tensor once and writes it to a stored tensor, whose lines take no
RAM. A *fetch* brings the stored lines back, in order, into a small tensor of its own, which late readers read in place
of the original; early readers keep reading the original as it is made. Both keep a staging ring (state) for transfers
under way. That is a transformation of the planning problem: the result is an ordinary problem, planned and validated
like any other. A part of the lines may be spilled: a fetch then passes the others on, in place.

Numbering: a spill stands just behind the operator that makes its tensor, a fetch just before the first reader that it
serves; all other operators keep their order. New tensors follow the old ones. Tensors and operators are known by name,
so that a decision holds for a problem with clones (recompute.py) as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.problem import Access, Lines, Operator, Problem, Role, Tensor, readers_of


@dataclass(frozen=True)
class Transfer:
    """How the lines of a tensor go to storage and back.

    Attributes:
        storage: its name.
        codec: of the lines.
        block: bytes of the storage's blocks.
        group: lines per record; records are transferred as a whole.
        ring: records staged on their way out.
        ahead: records asked for before the one in use.
        spill_bytes, fetch_bytes: staging in memory, of the spill and of each fetch.
        stored_line_bytes: what memory keeps of each stored line.
        spill_cycles, fetch_cycles: of the processor per line.
    """

    storage: str = "storage"
    codec: str = "none"
    block: int = 1
    group: int = 1
    ring: int = 1
    ahead: int = 1
    spill_bytes: int = 0
    fetch_bytes: int = 0
    stored_line_bytes: int = 0
    spill_cycles: int = 0
    fetch_cycles: int = 0


Transfers = Callable[[Tensor], Transfer | None]
"""How a tensor would be transferred; None where it cannot be."""


@dataclass(frozen=True)
class SpillDecision:
    """One tensor that goes to storage.

    Attributes:
        tensor: its name.
        late: names of the operators that read it back, a group per fetch. All other readers read it as it is made.
        transfer: see Transfer.
        first_line, lines: the part that is spilled; 0 lines: all from ``first_line`` on.
    """

    tensor: str
    late: tuple[tuple[str, ...], ...]
    transfer: Transfer
    first_line: int = 0
    lines: int = 0

    def part(self, tensor: Tensor) -> range:
        """The lines that are spilled."""
        return range(self.first_line, self.first_line + self.lines if self.lines else tensor.lines)


def stored_name(tensor: str) -> str:
    """Name of a spill and of the stored tensor that it writes."""
    return f"{tensor}_spill"


def fetched_name(tensor: str, group: int) -> str:
    """Name of the fetch for readers ``late[group]``, and of the tensor that it writes."""
    return f"{tensor}_fetch{group + 1 if group else ''}"


def spill(problem: Problem, decisions: Sequence[SpillDecision]) -> Problem:
    """``problem`` with spills and fetches.

    Raises:
        TinySegError: a decision names what is not there, or readers that do not read the tensor.
    """
    for decision in decisions:
        problem = _spill_one(problem, decision)
    return problem


def _spill_one(problem: Problem, decision: SpillDecision) -> Problem:
    number = _tensor_number(problem, decision.tensor)
    original = problem.tensors[number]
    readers = readers_of(problem, number)
    late = [_numbers(problem, readers, decision, group) for group in decision.late]
    part, transfer = decision.part(original), decision.transfer
    if not part or part[0] < 0 or part[-1] >= original.lines:
        raise TinySegError(f"cannot spill lines {part} of tensor {original.name!r}, which has {original.lines}")
    stored = len(problem.tensors)
    copies = [
        replace(original, name=fetched_name(original.name, group), role=Role.INTERNAL) for group in range(len(late))
    ]
    tensors = [
        *problem.tensors,
        Tensor(
            stored_name(original.name),
            len(part),
            transfer.stored_line_bytes,
            contiguous=transfer.stored_line_bytes > 0,
            stored=True,
        ),
        *copies,
    ]
    spilling = Operator(
        tensors[stored].name,
        len(part),
        (Access(number, tuple((line,) for line in part)),),
        (Access(stored, tuple((line,) for line in range(len(part)))),),
        state_bytes=transfer.spill_bytes,
        cycles=transfer.spill_cycles,
    )
    written = _after_writers(problem, number)
    inserted = [(written, spilling)]
    sinks = [place for place, operator in enumerate(problem.operators) if not operator.writes]
    copy_of: dict[int, int] = {}
    for group, members in enumerate(late):
        copy = stored + 1 + group
        fetch = _fetch(decision, group, original, (number, stored, copy))
        inserted.append((max(written, min([*sinks[:1], *members])), fetch))
        copy_of |= dict.fromkeys(members, copy)
    operators: list[Operator] = []
    for at, operator in enumerate((*problem.operators, None)):
        operators += [new for place, new in inserted if place == at]
        if operator is not None:
            operators.append(_reading(operator, number, copy_of[at]) if at in copy_of else operator)
    return replace(problem, tensors=tuple(tensors), operators=tuple(operators))


def _fetch(decision: SpillDecision, group: int, original: Tensor, numbers: tuple[int, int, int]) -> Operator:
    """The operator that makes a copy: stored lines from storage, the others from the original.

    ``numbers``: of the original tensor, the stored one, and the copy.
    """
    number, stored, copy = numbers
    part, transfer = decision.part(original), decision.transfer
    asked = tuple(_asked(line - part[0], len(part), transfer) if line in part else () for line in range(original.lines))
    reads = [Access(stored, asked)]
    if len(part) < original.lines:
        reads.append(Access(number, tuple(() if line in part else (line,) for line in range(original.lines))))
    return Operator(
        fetched_name(original.name, group),
        original.lines,
        tuple(reads),
        (Access(copy, tuple((line,) for line in range(original.lines))),),
        state_bytes=transfer.fetch_bytes,
        in_place=((1, 0),) if len(reads) > 1 else (),
        cycles=transfer.fetch_cycles,
    )


def _asked(line: int, lines: int, transfer: Transfer) -> Lines:
    """Stored lines from ``line`` to the end of the last record that is asked for when the line's step ends."""
    record = line // transfer.group
    used_up = line == min((record + 1) * transfer.group, lines) - 1
    last = record + max(transfer.ahead, 1) - (0 if used_up and transfer.ahead else 1)
    return tuple(range(line, min((last + 1) * transfer.group, lines)))


def _tensor_number(problem: Problem, name: str) -> int:
    for number, tensor in enumerate(problem.tensors):
        if tensor.name == name:
            return number
    raise TinySegError(f"cannot spill tensor {name!r}: there is no such tensor")


def _numbers(problem: Problem, readers: Sequence[int], decision: SpillDecision, group: Iterable[str]) -> list[int]:
    known = {problem.operators[number].name: number for number in readers}
    unknown = [name for name in group if name not in known]
    if unknown or not group:
        raise TinySegError(
            f"cannot spill tensor {decision.tensor!r} for {', '.join(unknown) or 'nobody'}: its readers are "
            f"{', '.join(known) or 'none'}"
        )
    return [known[name] for name in group]


def _after_writers(problem: Problem, tensor: int) -> int:
    """Position behind the last operator that writes ``tensor``; behind the sources for a resident input."""
    writers = [
        number
        for number, operator in enumerate(problem.operators)
        if any(access.tensor == tensor for access in operator.writes)
    ]
    sources = [number for number, operator in enumerate(problem.operators) if not operator.reads]
    return max([*writers, *(sources if writers and writers[-1] in sources else ())], default=-1) + 1


def _reading(operator: Operator, tensor: int, copy: int) -> Operator:
    """``operator`` with reads of ``tensor`` turned to ``copy``."""
    reads = tuple(replace(access, tensor=copy) if access.tensor == tensor else access for access in operator.reads)
    return replace(operator, reads=reads)
