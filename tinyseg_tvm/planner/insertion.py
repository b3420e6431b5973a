"""New operators in a planning problem, and readers that read a copy instead of the original.

An operator that takes lines of a tensor stands just behind the last operator that writes it; one that makes a copy
stands just before the first reader of the copy, but before all sinks. All other operators keep their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.problem import Operator, Problem, Tensor, readers_of


def tensor_number(problem: Problem, name: str, doing: str) -> int:
    """Number of the tensor of that name.

    Raises:
        TinySegError: there is none; ``doing`` ("spill") says what cannot be done.
    """
    for number, tensor in enumerate(problem.tensors):
        if tensor.name == name:
            return number
    raise TinySegError(f"cannot {doing} tensor {name!r}: there is no such tensor")


def reader_numbers(problem: Problem, tensor: int, names: Iterable[str], doing: str) -> list[int]:
    """Numbers of the operators of those names, all of which read ``tensor``.

    Raises:
        TinySegError: some do not, or there are none.
    """
    known = {problem.operators[number].name: number for number in readers_of(problem, tensor)}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise TinySegError(
            f"cannot {doing} tensor {problem.tensors[tensor].name!r} for {', '.join(unknown) or 'nobody'}: its readers "
            f"are {', '.join(known) or 'none'}"
        )
    return [known[name] for name in names]


def behind_writers(problem: Problem, tensor: int) -> int:
    """Position behind the last operator that writes ``tensor``; behind the sources for a resident input."""
    writers = [
        number
        for number, operator in enumerate(problem.operators)
        if any(access.tensor == tensor for access in operator.writes)
    ]
    sources = [number for number, operator in enumerate(problem.operators) if not operator.reads]
    return max([*writers, *(sources if writers and writers[-1] in sources else ())], default=-1) + 1


def before_readers(problem: Problem, tensor: int, readers: Iterable[int]) -> int:
    """Position of what makes a copy of ``tensor`` for ``readers``."""
    sinks = [number for number, operator in enumerate(problem.operators) if not operator.writes]
    return max(behind_writers(problem, tensor), min([*sinks[:1], *readers]))


def insert(
    problem: Problem,
    added: Iterable[Tensor],
    inserted: Sequence[tuple[int, Operator]],
    tensor: int,
    copy_of: Mapping[int, int],
) -> Problem:
    """``problem`` with more tensors and operators.

    Args:
        problem: the problem before.
        added: tensors, which follow the others.
        inserted: operators, each with the position before which it stands; in this order where positions are equal.
        tensor: some of whose readers change.
        copy_of: by number of a reader (in ``problem``), the tensor that it reads instead.
    """
    operators: list[Operator] = []
    for at, operator in enumerate((*problem.operators, None)):
        operators += [new for place, new in inserted if place == at]
        if operator is not None:
            operators.append(_reading(operator, tensor, copy_of[at]) if at in copy_of else operator)
    return replace(problem, tensors=(*problem.tensors, *added), operators=tuple(operators))


def _reading(operator: Operator, tensor: int, copy: int) -> Operator:
    """``operator`` with reads of ``tensor`` turned to ``copy``."""
    reads = tuple(replace(access, tensor=copy) if access.tensor == tensor else access for access in operator.reads)
    return replace(operator, reads=reads)
