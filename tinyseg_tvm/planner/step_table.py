"""A planning problem as flat arrays, so that whole schedules are judged in a few array operations.

*Global step* number ``first_step[o] + i`` is step ``i`` of operator ``o``; *global line* number ``first_line[t] +
i`` is line ``i`` of tensor ``t``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.problem import Operator, Problem

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StepTable:
    """Flat arrays, over global lines unless said otherwise.

    Attributes:
        first_step: per operator, its first global step; one more entry, the number of steps.
        first_line: per tensor, its first global line; one more entry, the number of lines.
        line_bytes, line_tensor: bytes and tensor number.
        writer: global step that writes the line, -1 for resident inputs and states.
        read_line, read_step: the last read of each line by each operator, by ascending line.
        resident_output: whether the line stays until the end.
        in_place: (n, 3) array of (global step, line read, line written) that may share an address.
        in_place_whole: (global step, tensor read, tensor written), contiguous tensors whose lines differ in size.
    """

    problem: Problem
    first_step: Ints
    first_line: Ints
    line_bytes: Ints
    line_tensor: Ints
    writer: Ints
    read_line: Ints
    read_step: Ints
    resident_output: npt.NDArray[np.bool_]
    in_place: Ints
    in_place_whole: tuple[tuple[int, int, int], ...]

    @property
    def steps(self) -> int:
        """Steps of the whole inference."""
        return int(self.first_step[-1])

    @property
    def lines(self) -> int:
        """Lines of all tensors."""
        return int(self.first_line[-1])

    @cached_property
    def step_operator(self) -> Ints:
        """Operator number of each global step."""
        return np.repeat(np.arange(len(self.problem.operators)), np.diff(self.first_step))

    @cached_property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What the native twin reads."""
        names = ("first_step", "first_line", "line_bytes")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        lines = np.flatnonzero(self.writer >= 0)
        found |= _by_step("written", self.writer[lines], lines, self.steps)
        found |= _by_step("read", self.read_step, self.read_line, self.steps)
        found |= _by_step("in_place", self.in_place[:, 0], self.in_place[:, 1:], self.steps)
        owner = self.step_operator
        found["in_place_whole"] = [(*whole, int(owner[whole[0]])) for whole in self.in_place_whole]
        for name in ("state_bytes", "scratch_bytes"):
            found[name] = [getattr(operator, name) for operator in self.problem.operators]
        arrays = {name: np.ascontiguousarray(values, dtype=np.int64) for name, values in found.items()}
        return arrays | {"resident_output": self.resident_output.astype(np.uint8)}

    @cached_property
    def native_arrays(self) -> native.TableArrays:
        """Pointers to ``arrays``."""
        return native.TableArrays(
            len(self.problem.operators),
            self.lines,
            len(self.in_place_whole),
            **{name: array.ctypes.data for name, array in self.arrays.items()},
        )


def _by_step(name: str, step: Ints, values: Ints, steps: int) -> dict[str, Ints]:
    """Values sorted by their steps, and where those of each step begin."""
    order = np.argsort(step, kind="stable")
    return {f"{name}_first": np.searchsorted(step[order], np.arange(steps + 1)), name: values[order]}


def step_table(problem: Problem) -> StepTable:
    """Flatten ``problem``."""
    first_step = np.array([0, *accumulate(operator.steps for operator in problem.operators)], dtype=np.int64)
    first_line = np.array([0, *accumulate(tensor.lines for tensor in problem.tensors)], dtype=np.int64)
    counts = np.diff(first_line)
    writer = np.full(int(first_line[-1]), -1, dtype=np.int64)
    last_read: dict[tuple[int, int], int] = {}
    in_place: list[tuple[int, int, int]] = []
    whole: list[tuple[int, int, int]] = []
    for number, operator in enumerate(problem.operators):
        step0 = int(first_step[number])
        for access in operator.writes:
            line0 = int(first_line[access.tensor])
            for step, lines in enumerate(access.lines):
                for line in lines:
                    writer[line0 + line] = step0 + step
        for access in operator.reads:
            line0 = int(first_line[access.tensor])
            for step, lines in enumerate(access.lines):
                for line in lines:
                    last_read[line0 + line, number] = step0 + step
        by_line, by_tensor = _in_place_of(problem, operator, step0, first_line)
        in_place += by_line
        whole += by_tensor
    reads = sorted((line, step) for (line, _), step in last_read.items())
    stays = [tensor.stays for tensor in problem.tensors]
    return StepTable(
        problem=problem,
        first_step=first_step,
        first_line=first_line,
        line_bytes=np.repeat(np.array([tensor.line_bytes for tensor in problem.tensors], dtype=np.int64), counts),
        line_tensor=np.repeat(np.arange(len(counts)), counts),
        writer=writer,
        read_line=np.array([line for line, _ in reads], dtype=np.int64),
        read_step=np.array([step for _, step in reads], dtype=np.int64),
        resident_output=np.repeat(np.array(stays, dtype=np.bool_), counts),
        in_place=np.array(in_place, dtype=np.int64).reshape(-1, 3),
        in_place_whole=tuple(whole),
    )


def _in_place_of(
    problem: Problem, operator: Operator, step0: int, first_line: Ints
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Where ``operator`` may write lines over lines, or a tensor over a tensor, that it reads (liveness apart)."""
    in_place: list[tuple[int, int, int]] = []
    whole: list[tuple[int, int, int]] = []
    for read, write in operator.in_place:
        source, result = operator.reads[read], operator.writes[write]
        before, after = problem.tensors[source.tensor], problem.tensors[result.tensor]
        if before.stays:
            continue
        others = [
            access
            for number, access in enumerate(operator.reads)
            if number != read and access.tensor == source.tensor and (number, write) not in operator.in_place
        ]
        same_size = before.line_bytes == after.line_bytes
        for step in range(operator.steps):
            lines_in, lines_out = source.lines[step], result.lines[step]
            if not lines_out or any(set(access.lines[step]) & set(lines_in) for access in others):
                continue
            if same_size and len(lines_in) == len(lines_out):
                in_place += [
                    (step0 + step, int(first_line[source.tensor]) + a, int(first_line[result.tensor]) + b)
                    for a, b in zip(lines_in, lines_out, strict=True)
                ]
            elif (
                before.contiguous
                and after.contiguous
                and len(lines_in) == before.lines
                and len(lines_out) == after.lines
                and before.lines * before.line_bytes == after.lines * after.line_bytes
            ):
                whole.append((step0 + step, source.tensor, result.tensor))
    return in_place, whole
