"""Replays a plan line by line, independently of the code that made it.

Every byte of every pool has an owner: the line, state or scratch buffer written there last. Writing takes bytes
away from their former owners, which are from then on *broken*; a step that reads a broken line, or a state or
resident output that ends broken, is an error. Nothing here is shared with the scheduler or the packer; this file
and problem.py say what a valid plan is:

* every operator runs all its steps, in order, each once, and reads only lines that are written and intact;
* during a step the lines it reads, the lines it writes, its state and its scratch are disjoint, but for in-place
  writes;
* an in-place write (a pair of ``Operator.in_place``) covers exactly the read line of the same position in its
  access, of equal size - or, where lines are of other shapes, exactly all lines read, both at consecutive addresses
  - and nobody needs the covered line any more;
* states are there at the start and at the end, at the same addresses, and nothing else is ever written there: each of
  their lines is updated by one step, which nobody reads the line after;
* contiguous tensors lie at consecutive addresses; resident inputs are all there at the start, resident outputs are
  all there at the end;
* resident inputs and outputs lie in the first pool;
* base addresses of contiguous tensors, all other lines, states and scratch are aligned to their pool and inside its
  limit, and ``pool_bytes`` is the highest end address.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem, Role

_FREE = -1


class PlanError(TinySegError):
    """A plan or planning problem that does not do what it must. Names step, operator, tensor and line."""


def check_problem(problem: Problem) -> None:
    """Check that accesses fit their tensors, and every line is written exactly once.

    Raises:
        PlanError: naming the operator, the tensor and the line.
    """
    written = [[tensor.role in (Role.RESIDENT_INPUT, Role.STATE)] * tensor.lines for tensor in problem.tensors]
    for operator in problem.operators:
        for access in operator.reads + operator.writes + operator.updates:
            if not 0 <= access.tensor < len(problem.tensors):
                raise PlanError(f"operator {operator.name} touches tensor number {access.tensor}, which does not exist")
            tensor = problem.tensors[access.tensor]
            if len(access.lines) != operator.steps:
                raise PlanError(
                    f"operator {operator.name} has {operator.steps} steps but states the lines of {tensor.name} "
                    f"for {len(access.lines)}"
                )
            for lines in access.lines:
                if lines and (lines[0] < 0 or lines[-1] >= tensor.lines or any(a >= b for a, b in pairwise(lines))):
                    raise PlanError(
                        f"operator {operator.name} touches lines {lines} of {tensor.name}, which has {tensor.lines}"
                    )
        for access in operator.writes:
            for lines in access.lines:
                for line in lines:
                    if written[access.tensor][line]:
                        name = problem.tensors[access.tensor].name
                        raise PlanError(f"operator {operator.name} writes line {line} of {name} a second time")
                    written[access.tensor][line] = True
    for tensor, lines_written in zip(problem.tensors, written, strict=True):
        if not all(lines_written):
            raise PlanError(f"no operator writes line {lines_written.index(False)} of {tensor.name}")
    _check_updates(problem)


def _check_updates(problem: Problem) -> None:
    """Every line of a state is updated exactly once, and nothing else is."""
    updated = [[False] * tensor.lines for tensor in problem.tensors]
    for operator in problem.operators:
        for access in operator.updates:
            tensor = problem.tensors[access.tensor]
            if tensor.role is not Role.STATE:
                raise PlanError(f"operator {operator.name} updates {tensor.name}, which is no state")
            for line in chain(*access.lines):
                if updated[access.tensor][line]:
                    raise PlanError(f"operator {operator.name} updates line {line} of {tensor.name} a second time")
                updated[access.tensor][line] = True
    for tensor, lines in zip(problem.tensors, updated, strict=True):
        if tensor.role is Role.STATE and not all(lines):
            raise PlanError(f"no operator updates line {lines.index(False)} of state {tensor.name}")
        if tensor.role is Role.STATE and not tensor.contiguous:
            raise PlanError(f"state {tensor.name} must lie at consecutive addresses")


def validate(problem: Problem, plan: Plan) -> None:
    """Replay ``plan`` and check everything that the module's description lists.

    Raises:
        PlanError: at the first violation.
    """
    check_problem(problem)
    _check_shape(problem, plan)
    _Addresses(problem, plan).check()
    _Replay(problem, plan).run()


def _check_shape(problem: Problem, plan: Plan) -> None:
    """One entry per tensor, operator and pool; buffers exist exactly where bytes are needed."""
    counts = (
        ("placements", len(plan.placements), len(problem.tensors)),
        ("states", len(plan.states), len(problem.operators)),
        ("scratch", len(plan.scratch), len(problem.operators)),
        ("pool_bytes", len(plan.pool_bytes), len(problem.pools)),
    )
    for what, have, want in counts:
        if have != want:
            raise PlanError(f"plan has {have} {what}, the problem needs {want}")
    for tensor, placement in zip(problem.tensors, plan.placements, strict=True):
        if len(placement.offsets) != tensor.lines:
            raise PlanError(f"tensor {tensor.name} has {tensor.lines} lines but {len(placement.offsets)} addresses")
    for operator, state, scratch in zip(problem.operators, plan.states, plan.scratch, strict=True):
        for what, block, needed in (
            ("state", state, operator.state_bytes),
            ("scratch", scratch, operator.scratch_bytes),
        ):
            if block is None and needed > 0:
                raise PlanError(f"operator {operator.name} needs {needed} bytes of {what} and has no address for it")


class _Addresses:
    """Static checks: alignment, limits, consecutive addresses, bytes used per pool."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.plan = plan
        self.used = [0] * len(problem.pools)

    def check(self) -> None:
        for tensor, placement in zip(self.problem.tensors, self.plan.placements, strict=True):
            if placement.pool and tensor.role in (Role.RESIDENT_INPUT, Role.RESIDENT_OUTPUT):
                raise PlanError(f"{tensor.name} lies in pool number {placement.pool}, resident ports must in the first")
            for line, offset in enumerate(placement.offsets):
                what = f"line {line} of tensor {tensor.name}"
                aligned = not (tensor.contiguous and line > 0)
                self._block(what, placement.pool, offset, tensor.line_bytes, aligned)
                expected = placement.offsets[0] + line * tensor.line_bytes
                if tensor.contiguous and offset != expected:
                    raise PlanError(
                        f"{what} lies at {offset}; the tensor must be contiguous, which puts it at {expected}"
                    )
        for operator, state, scratch in zip(self.problem.operators, self.plan.states, self.plan.scratch, strict=True):
            if state is not None:
                self._block(f"state of operator {operator.name}", state.pool, state.offset, operator.state_bytes, True)
            if scratch is not None:
                self._block(
                    f"scratch of operator {operator.name}", scratch.pool, scratch.offset, operator.scratch_bytes, True
                )
        for pool, used, stated in zip(self.problem.pools, self.used, self.plan.pool_bytes, strict=True):
            if used != stated:
                raise PlanError(f"pool {pool.name}: the plan states {stated} bytes, its addresses end at {used}")

    def _block(self, what: str, number: int, offset: int, size: int, aligned: bool) -> None:
        if not 0 <= number < len(self.problem.pools):
            raise PlanError(f"{what} lies in pool number {number}, which does not exist")
        pool = self.problem.pools[number]
        if offset < 0:
            raise PlanError(f"{what} lies at negative address {offset} of pool {pool.name}")
        if aligned and offset % pool.alignment:
            raise PlanError(f"{what} lies at {offset} of pool {pool.name}, which is not aligned to {pool.alignment}")
        end = offset + size
        if pool.bytes is not None and end > pool.bytes:
            raise PlanError(f"{what} ends at {end}, beyond the {pool.bytes} bytes of pool {pool.name}")
        self.used[number] = max(self.used[number], end)


@dataclass
class _Owned:
    """Bytes with a name: a line, a state or a scratch buffer."""

    name: str
    pool: int
    start: int
    end: int
    written: bool = False
    broken: str | None = None  # who overwrote it
    updated: str | None = None  # the step behind which the bytes are of the next inference


class _Replay:
    """The memory, and who owns its bytes, while the plan runs."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.plan = plan
        self.owner = [np.full(size, _FREE, dtype=np.int32) for size in plan.pool_bytes]
        self.owned: list[_Owned] = []
        self.first_line: list[int] = []
        for tensor, placement in zip(problem.tensors, plan.placements, strict=True):
            self.first_line.append(len(self.owned))
            for line, offset in enumerate(placement.offsets):
                self._add(f"line {line} of tensor {tensor.name}", placement.pool, offset, tensor.line_bytes)
        self.state: list[int | None] = []
        self.scratch: list[int | None] = []
        for operator, state, scratch in zip(problem.operators, plan.states, plan.scratch, strict=True):
            for blocks, block, size, what in (
                (self.state, state, operator.state_bytes, "state"),
                (self.scratch, scratch, operator.scratch_bytes, "scratch"),
            ):
                blocks.append(len(self.owned) if block is not None else None)
                if block is not None:
                    self._add(f"{what} of operator {operator.name}", block.pool, block.offset, size)

    def _add(self, name: str, pool: int, offset: int, size: int) -> None:
        self.owned.append(_Owned(name, pool, offset, offset + size))

    def run(self) -> None:
        self._load_inputs()
        next_step = [0] * len(self.problem.operators)
        for position, number in enumerate(self.plan.steps):
            if not 0 <= number < len(self.problem.operators):
                raise PlanError(f"step {position} runs operator number {number}, which does not exist")
            operator = self.problem.operators[number]
            if next_step[number] >= operator.steps:
                raise PlanError(
                    f"step {position} runs operator {operator.name} once more than its {operator.steps} steps"
                )
            where = f"step {position} (step {next_step[number]} of operator {operator.name})"
            self._step(number, next_step[number], where)
            next_step[number] += 1
        for operator, done in zip(self.problem.operators, next_step, strict=True):
            if done != operator.steps:
                raise PlanError(f"operator {operator.name} runs {done} of its {operator.steps} steps")
        for number, tensor in enumerate(self.problem.tensors):
            if tensor.role in (Role.RESIDENT_OUTPUT, Role.STATE):
                for line in range(tensor.lines):
                    self._require(self.first_line[number] + line, "the end of the plan")

    def _load_inputs(self) -> None:
        loaded: list[int] = []
        for number, tensor in enumerate(self.problem.tensors):
            if tensor.role in (Role.RESIDENT_INPUT, Role.STATE):
                loaded += range(self.first_line[number], self.first_line[number] + tensor.lines)
        for key in loaded:
            self._write(key, "loading the inputs")
        for key in loaded:
            self._require(key, "the start of the plan")

    def _step(self, number: int, step: int, where: str) -> None:
        operator = self.problem.operators[number]
        reads = [[self.first_line[access.tensor] + line for line in access.lines[step]] for access in operator.reads]
        writes = [[self.first_line[access.tensor] + line for line in access.lines[step]] for access in operator.writes]
        for key in chain(*reads):
            self._require(key, where)
            if self.owned[key].updated is not None:
                raise PlanError(f"{where} reads {self.owned[key].name} too late: {self.owned[key].updated} updated it")
        state, scratch = self.state[number], self.scratch[number]
        if state is not None and step > 0:
            self._require(state, where)
        new = [key for key in (state if step == 0 else None, scratch) if key is not None]
        new += chain(*writes)
        for key in new:
            self._write(key, where)
        for key in new if state is None else [*new, state]:
            self._require(key, where)
        for operand, keys in enumerate(reads):
            for position, key in enumerate(keys):
                broken = self.owned[key].broken
                if broken is not None and not self._in_place(number, reads, writes, operand, position):
                    raise PlanError(f"{where} overwrites {self.owned[key].name} while it reads it: {broken}")
        for access in operator.updates:
            for line in access.lines[step]:
                key = self.first_line[access.tensor] + line
                self._require(key, where)
                self.owned[key].updated = where

    def _require(self, key: int, where: str) -> None:
        owned = self.owned[key]
        if owned.broken is not None:
            raise PlanError(f"{where} needs {owned.name}, which is gone: {owned.broken}")
        if not owned.written:
            raise PlanError(f"{where} needs {owned.name}, which is not written yet")

    def _write(self, key: int, where: str) -> None:
        """Give the bytes of ``key`` to it, and mark all that owned some of them as broken."""
        owned = self.owned[key]
        owner = self.owner[owned.pool][owned.start : owned.end]
        if owner.size:
            for other in (int(owner[0]), *owner[1:][owner[1:] != owner[:-1]].tolist()):
                if other not in (_FREE, key):
                    self.owned[other].broken = f"{where} wrote {owned.name} over it"
            owner[:] = key
        owned.written = True
        owned.broken = None

    def _in_place(
        self, number: int, reads: list[list[int]], writes: list[list[int]], operand: int, position: int
    ) -> bool:
        """Whether line ``reads[operand][position]`` was overwritten only as the operator's ``in_place`` allows."""
        covered = self.owned[reads[operand][position]]
        writers = [
            (result, place)
            for result, keys in enumerate(writes)
            for place, key in enumerate(keys)
            if _overlap(covered, self.owned[key])
        ]
        results = {result for result, _ in writers}
        if len(results) != 1 or self._touched_by_scratch(number, covered):
            return False
        (result,) = results
        if (operand, result) not in self.problem.operators[number].in_place:
            return False
        written = [self.owned[key] for key in writes[result]]
        read = [self.owned[key] for key in reads[operand]]
        if len(writers) == 1 and len(read) == len(written):
            cover = self.owned[writes[result][writers[0][1]]]
            if writers[0][1] == position and (cover.start, cover.end) == (covered.start, covered.end):
                return True
        return (
            _consecutive(read)
            and _consecutive(written)
            and (read[0].start, read[-1].end) == (written[0].start, written[-1].end)
        )

    def _touched_by_scratch(self, number: int, covered: _Owned) -> bool:
        return any(
            block is not None and _overlap(covered, self.owned[block])
            for block in (self.state[number], self.scratch[number])
        )


def _overlap(a: _Owned, b: _Owned) -> bool:
    return a.pool == b.pool and a.start < b.end and b.start < a.end


def _consecutive(blocks: list[_Owned]) -> bool:
    return all(a.end == b.start and a.pool == b.pool for a, b in pairwise(blocks))
