"""Spilling: lines that wait long for a late reader wait in storage instead of RAM.

A *spill* is an operator that reads each line of a tensor once and writes it to a stored tensor, whose lines take no
RAM. A *fetch* brings the stored lines back, in order, into a small tensor of its own, which late readers read in place
of the original; early readers keep reading the original as it is made. Both keep a staging ring (state) for transfers
under way. That is a transformation of the planning problem: the result is an ordinary problem, planned and validated
like any other. A part of the lines may be spilled: a fetch then passes the others on, in place. A part of the channels
is a tensor of its own (channel_split.py).

Numbering: a spill stands just behind the operator that makes its tensor, a fetch just before the first reader that it
serves; all other operators keep their order. New tensors follow the old ones. Tensors and operators are known by name,
so that a decision holds for a problem with clones (recompute.py) as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.insertion import before_readers, behind_writers, insert, reader_numbers, tensor_number
from tinyseg_tvm.planner.problem import Access, Lines, Operator, Problem, Role, Tensor


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
        channels: of the tensor: a line can be divided between any two of them.
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
    channels: int = 1


Transfers = Callable[[Tensor], Transfer | None]
"""How a tensor would be transferred, or its first channels where lines are shorter than its own; None: not at all."""


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
    number = tensor_number(problem, decision.tensor, "spill")
    original = problem.tensors[number]
    late = [reader_numbers(problem, number, group, "spill") for group in decision.late]
    part, transfer = decision.part(original), decision.transfer
    if not part or part[0] < 0 or part[-1] >= original.lines:
        raise TinySegError(f"cannot spill lines {part} of tensor {original.name!r}, which has {original.lines}")
    stored = len(problem.tensors)
    in_storage = Tensor(
        stored_name(original.name),
        len(part),
        transfer.stored_line_bytes,
        contiguous=transfer.stored_line_bytes > 0,
        stored=True,
        derived_from=original.name,
    )
    copy = replace(original, role=Role.INTERNAL, derived_from=original.name)
    copies = [replace(copy, name=fetched_name(original.name, group)) for group in range(len(late))]
    spilling = Operator(
        in_storage.name,
        len(part),
        (Access(number, tuple((line,) for line in part)),),
        (Access(stored, tuple((line,) for line in range(len(part)))),),
        state_bytes=transfer.spill_bytes,
        cycles=transfer.spill_cycles,
    )
    inserted = [(behind_writers(problem, number), spilling)]
    copy_of: dict[int, int] = {}
    for group, members in enumerate(late):
        fetched = stored + 1 + group
        fetch = _fetch(decision, group, original, (number, stored, fetched))
        inserted.append((before_readers(problem, number, members), fetch))
        copy_of |= dict.fromkeys(members, fetched)
    return insert(problem, [in_storage, *copies], inserted, number, copy_of)


def restaged(problem: Problem, decision: SpillDecision) -> Problem:
    """``problem``, which has the spill and fetches of ``decision``, with staging as its transfer now says.

    Records are as long as before; rings and distances may be other ones.
    """
    number = tensor_number(problem, decision.tensor, "spill")
    original, transfer = problem.tensors[number], decision.transfer
    stored = tensor_number(problem, stored_name(decision.tensor), "spill")
    fetches = {fetched_name(decision.tensor, group): group for group in range(len(decision.late))}
    operators = []
    for operator in problem.operators:
        if operator.name == stored_name(decision.tensor):
            operators.append(replace(operator, state_bytes=transfer.spill_bytes))
        elif operator.name in fetches:
            copy = operator.writes[0].tensor
            again = _fetch(decision, fetches[operator.name], original, (number, stored, copy))
            operators.append(replace(again, cycles=operator.cycles, kernel=operator.kernel))
        else:
            operators.append(operator)
    return replace(problem, operators=tuple(operators))


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
