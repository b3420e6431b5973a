"""States across inferences: tensors whose lines wait in memory from one inference for the next.

A state is read as it is at the start of an inference (its *input*), and some tensor of the inference becomes its next
value (its *output*). The planner sees a tensor that is always alive, and an operator behind all others that copies the
output into it line by line. A line may be overwritten only when every reader of it is done. Where what makes the next
value needs those readers' results, as it does where a window is moved on, that follows from the order of computation;
elsewhere the copying operator also waits for a line that the reader writes later.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.decisions import output_reader
from tinyseg_tvm.network.network import Network, State
from tinyseg_tvm.planner.problem import Access, Lines, Operator, Problem, Role


def initial_states(network: Network) -> MutableMapping[str, np.ndarray]:
    """What every state is before the first inference: arrays in device layout by the name of the state's input."""
    return {state.input.tensor: state.initial.copy() for state in network.states}


def whole_updates(network: Network) -> set[str]:
    """Outputs whose lines are others than their states', so that they are copied in one piece."""
    return {state.output.tensor for state in network.states if not _by_line(network, state)}


def with_states(network: Network, problem: Problem) -> Problem:
    """The problem with states and, behind all other operators, one that updates each."""
    if not network.states:
        return problem
    number = {name: index for index, name in enumerate(network.tensors)}
    tensors = list(problem.tensors)
    for state in network.states:
        index = number[state.input.tensor]
        tensors[index] = replace(tensors[index], role=Role.STATE, contiguous=True)
    updates = [_update(network, state, number) for state in network.states]
    done = _StepsDone(problem)
    guarded = [_after_readers(problem, update, done, tensors[update.updates[0].tensor].name) for update in updates]
    for update in guarded:
        for access in update.reads[1:]:
            tensors[access.tensor] = replace(tensors[access.tensor], pinned=True)
    return replace(problem, tensors=tuple(tensors), operators=(*problem.operators, *guarded))


def _by_line(network: Network, state: State) -> bool:
    before, after = (network.tensors[port.tensor].type for port in (state.input, state.output))
    return before.lines == after.lines


def _update(network: Network, state: State, number: Mapping[str, int]) -> Operator:
    before, after = (network.tensors[port.tensor].type for port in (state.input, state.output))
    reads: tuple[Lines, ...]
    updates: tuple[Lines, ...]
    if _by_line(network, state):
        reads = updates = tuple((line,) for line in range(before.lines))
    else:
        reads, updates = (tuple(range(after.lines)),), (tuple(range(before.lines)),)
    return Operator(
        name=output_reader(state.output.name),
        steps=len(reads),
        reads=(Access(number[state.output.tensor], reads),),
        writes=(),
        updates=(Access(number[state.input.tensor], updates),),
    )


class _StepsDone:
    """Per operator and step, how many steps of each operator must be done when it is."""

    def __init__(self, problem: Problem) -> None:
        self.operators = len(problem.operators)
        self.writer: dict[tuple[int, int], tuple[int, int]] = {}
        self.of: list[np.ndarray] = []
        for number, operator in enumerate(problem.operators):
            steps = np.zeros((operator.steps, self.operators), dtype=np.int64)
            before = np.zeros(self.operators, dtype=np.int64)
            for step in range(operator.steps):
                before = self.reading(before, [(a.tensor, line) for a in operator.reads for line in a.lines[step]])
                before[number] = step + 1
                steps[step] = before
            self.of.append(steps)
            for access in operator.writes:
                for step, lines in enumerate(access.lines):
                    self.writer.update(dict.fromkeys(((access.tensor, line) for line in lines), (number, step)))

    def reading(self, before: np.ndarray, lines: Sequence[tuple[int, int]]) -> np.ndarray:
        """What is done once these lines (tensor, line) are there too."""
        found: np.ndarray = before.copy()
        for writer in {self.writer[line] for line in lines if line in self.writer}:
            np.maximum(found, self.of[writer[0]][writer[1]], out=found)
        return found


def _after_readers(problem: Problem, update: Operator, done: _StepsDone, state: str) -> Operator:
    """``update``, waiting for all who read the lines that it overwrites."""
    (updated,) = update.updates
    last = _last_reads(problem, updated.tensor)
    guards: dict[int, list[set[int]]] = {}
    before = np.zeros(done.operators, dtype=np.int64)
    for step in range(update.steps):
        before = done.reading(before, [(access.tensor, line) for access in update.reads for line in access.lines[step]])
        for line in updated.lines[step]:
            for reader, read_step in last.get(line, {}).items():
                if before[reader] > read_step:
                    continue
                tensor, guard = _later_line(problem, reader, read_step, state)
                guards.setdefault(tensor, [set() for _ in range(update.steps)])[step].add(guard)
                before = done.reading(before, [(tensor, guard)])
    waits = tuple(Access(tensor, tuple(tuple(sorted(each)) for each in lines)) for tensor, lines in guards.items())
    return replace(update, reads=(*update.reads, *waits))


def _last_reads(problem: Problem, tensor: int) -> dict[int, dict[int, int]]:
    """Per line, the last step in which each operator reads it."""
    found: dict[int, dict[int, int]] = {}
    for number, operator in enumerate(problem.operators):
        for access in operator.reads:
            if access.tensor == tensor:
                for step, lines in enumerate(access.lines):
                    for line in lines:
                        of_line = found.setdefault(line, {})
                        of_line[number] = max(step, of_line.get(number, 0))
    return found


def _later_line(problem: Problem, reader: int, step: int, state: str) -> tuple[int, int]:
    """A line (tensor, line) that the reader writes in this step or as soon as possible behind."""
    written = [
        (at, access.tensor, line)
        for access in problem.operators[reader].writes
        for at, lines in enumerate(access.lines[step:])
        for line in lines
    ]
    if not written:
        raise TinySegError(
            f"state {state!r} is read by {problem.operators[reader].name!r}, which may be as late as its update. "
            "Remedy: do not make a state an output of the model, or the next value of another state"
        )
    _, tensor, line = min(written)
    return tensor, line
