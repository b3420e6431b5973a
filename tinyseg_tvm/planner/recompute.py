"""Recomputation: computing lines a second time instead of keeping them.

A tensor that is read early and again much later (a skip connection, a gated map) can be split: its late readers
read a copy, made by clones of the operators that produced it, from tensors further up that are smaller or live on
anyway. That is a transformation of the planning problem; the result is an ordinary problem, planned and validated
like any other.

Numbering: clones stand just before the first late reader, all other operators keep their order; copies of tensors
follow the original tensors. ``Recomputed.operator_origin`` and ``Tensor.derived_from`` say what is a copy of what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.planner.problem import Access, Operator, Problem, Role, Tensor, readers_of

MAX_DEPTH = 6  # operators in a row that are cloned


@dataclass(frozen=True)
class Decision:
    """Readers ``late`` (operator numbers) of ``tensor`` read a copy made by clones of ``operators`` (in order)."""

    tensor: int
    late: tuple[int, ...]
    operators: tuple[int, ...]


@dataclass(frozen=True)
class Clone:
    """An operator that computes again what another one does.

    Attributes:
        of: name of the other one.
        name: its own.
        copies: names of the tensors that it writes, in the order in which the other writes its own.
    """

    of: str
    name: str
    copies: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """What a decision came to, by names, which later decisions leave as they are.

    Attributes:
        tensor: that was split.
        copy: of it, which the late readers read.
        late: names of those.
        clones: that make the copy, in order.
    """

    tensor: str
    copy: str
    late: tuple[str, ...]
    clones: tuple[Clone, ...]


@dataclass(frozen=True)
class Recomputed:
    """A problem with clones.

    Attributes:
        problem: operators and tensors, clones included.
        operator_origin: per operator, its number in the original problem. A clone has a number seen before.
        splits: the decisions that led from that problem to this one, in order.
    """

    problem: Problem
    operator_origin: tuple[int, ...]
    splits: tuple[Split, ...] = ()

    @property
    def clones(self) -> tuple[int, ...]:
        """Numbers (in ``problem``) of the cloned operators, which are later than their originals."""
        seen: set[int] = set()
        found = []
        for number, origin in enumerate(self.operator_origin):
            if origin in seen:
                found.append(number)
            seen.add(origin)
        return tuple(found)

    @property
    def extra_macs(self) -> int:
        """Multiply-accumulates that the clones add."""
        return sum(self.problem.operators[number].macs for number in self.clones)


def unchanged(problem: Problem) -> Recomputed:
    """``problem`` without clones."""
    return Recomputed(problem, tuple(range(len(problem.operators))))


def recompute(before: Recomputed, decision: Decision) -> Recomputed:
    """Split one tensor of ``before.problem`` (numbers in ``decision`` are those of that problem)."""
    problem = before.problem
    tensors = list(problem.tensors)
    copy_of: dict[int, int] = {}
    for number in decision.operators:
        for access in problem.operators[number].writes:
            copy_of[access.tensor] = len(tensors)
            original = problem.tensors[access.tensor]
            name = _fresh(original.name, tensors)
            tensors.append(replace(original, name=name, role=Role.INTERNAL, derived_from=original.name))
    names = list(problem.operators)
    clones = []
    for number in decision.operators:
        clone = _redirected(problem.operators[number], copy_of, writes=True)
        clones.append(replace(clone, name=_fresh(clone.name, names)))
        names.append(clones[-1])
    sinks = [number for number, operator in enumerate(problem.operators) if not operator.writes]
    at = max(max(decision.operators) + 1, min(*decision.late, *sinks, len(problem.operators)))
    operators = [
        _redirected(operator, {decision.tensor: copy_of[decision.tensor]}) if number in decision.late else operator
        for number, operator in enumerate(problem.operators)
    ]
    origin = before.operator_origin
    split = Split(
        problem.tensors[decision.tensor].name,
        tensors[copy_of[decision.tensor]].name,
        tuple(problem.operators[number].name for number in decision.late),
        tuple(
            Clone(
                problem.operators[number].name,
                clone.name,
                tuple(tensors[access.tensor].name for access in clone.writes),
            )
            for number, clone in zip(decision.operators, clones, strict=True)
        ),
    )
    return Recomputed(
        replace(problem, tensors=tuple(tensors), operators=(*operators[:at], *clones, *operators[at:])),
        (*origin[:at], *(origin[number] for number in decision.operators), *origin[at:]),
        (*before.splits, split),
    )


def _redirected(operator: Operator, target: dict[int, int], *, writes: bool = False) -> Operator:
    def moved(access: Access) -> Access:
        return replace(access, tensor=target.get(access.tensor, access.tensor))

    return replace(
        operator,
        reads=tuple(map(moved, operator.reads)),
        writes=tuple(map(moved, operator.writes)) if writes else operator.writes,
    )


def _fresh(name: str, taken: Sequence[Operator | Tensor]) -> str:
    """``name`` with the first free number."""
    names = {thing.name for thing in taken}
    number = 2
    while f"{name}#{number}" in names:
        number += 1
    return f"{name}#{number}"


def decisions(problem: Problem, worthwhile: set[int], max_macs: int) -> Iterator[Decision]:
    """Ways to split the tensors in ``worthwhile`` that cost at most ``max_macs``."""
    for tensor in sorted(worthwhile):
        if problem.tensors[tensor].pinned:
            continue
        readers = readers_of(problem, tensor)
        for split in range(1, len(readers)):
            for chain in chains_of(problem, tensor):
                if sum(problem.operators[number].macs for number in chain) <= max_macs:
                    yield Decision(tensor, readers[split:], chain)


def chains_of(problem: Problem, tensor: int) -> Iterator[tuple[int, ...]]:
    """Operators that make ``tensor``: its producer, with the producers of what that reads, and so on."""
    producer = {
        access.tensor: number for number, operator in enumerate(problem.operators) for access in operator.writes
    }
    chosen: set[int] = set()
    wanted = {tensor}
    for _ in range(MAX_DEPTH):
        more = {producer[number] for number in wanted if number in producer} - chosen
        # a source has no operands: its lines come once
        more = {number for number in more if problem.operators[number].reads}
        if not more or any(_reads_state(problem, number) for number in more):
            return
        chosen |= more
        yield tuple(sorted(chosen))
        wanted = {access.tensor for number in more for access in problem.operators[number].reads}


def _reads_state(problem: Problem, number: int) -> bool:
    """Whether an operator reads a state, which may be overwritten before the operator ran a second time."""
    return any(problem.tensors[access.tensor].role is Role.STATE for access in problem.operators[number].reads)
