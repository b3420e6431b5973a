"""Layer-by-layer plans: the order of operators with the smallest peak.

Operators run one after the other, each completely. Lines of an operand that nobody else needs are released while
the operator consumes them, so that input and output share memory as far as their lines allow. The order is found by
dynamic programming over the sets of operators that have run (every set that an order can reach, unless there are
more than ``width`` of one size: then the best ``width`` are kept, and fewer where hundreds of operators can run next).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tinyseg_tvm.planner.cascade import Flow, flow, layer_by_layer
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.step_table import StepTable, step_table

DEFAULT_WIDTH = 256
MOST_EXTENSIONS = 1 << 19  # of sets by an operator that can run next, in the whole search


def plan_layerwise(problem: Problem, width: int = DEFAULT_WIDTH, tries: int = 16) -> Plan:
    """The layer-by-layer plan with the smallest arena found.

    Args:
        problem: what to plan.
        width: sets of operators kept per size in the search for an order.
        tries: rounds of repair of the packing.
    """
    table = step_table(problem)
    steps = flow(table)
    return pack(table, layer_by_layer(steps, best_order(steps, width)), tries)


def best_order(steps: Flow, width: int = DEFAULT_WIDTH) -> tuple[int, ...]:
    """The topological order of operators with the smallest exact peak of live bytes, layer by layer."""
    table = steps.table
    candidates = [tuple(range(len(table.problem.operators))), *_orders(steps, width)]
    return min(candidates, key=lambda order: live_bound(lifetimes(table, layer_by_layer(steps, order))))


@dataclass(frozen=True)
class _State:
    """Operators that have run and those that can run next (bit sets), and the best way there."""

    done: int
    ready: int
    live: int
    peak: int
    order: tuple[int, ...]


def _orders(steps: Flow, width: int) -> Iterator[tuple[int, ...]]:
    """Best orders by dynamic programming on whole tensors (the last few survivors of the beam)."""
    peaks = _OperatorPeaks(steps.table)
    needed = [sum(1 << source for source in sources) for sources in steps.producers]
    most = MOST_EXTENSIONS // max(1, len(needed))
    level = [_State(0, sum(1 << n for n, sources in enumerate(needed) if not sources), peaks.start, peaks.start, ())]
    for _ in needed:
        reached: dict[int, _State] = {}
        for state in level:
            left = state.ready
            while left:
                bit = left & -left
                left ^= bit
                number, done = bit.bit_length() - 1, state.done | bit
                during, after = peaks.of(number, done)
                peak = max(state.peak, state.live + during)
                known = reached.get(done)
                if known is None or peak < known.peak:
                    freed = sum(1 << reader for reader in steps.consumers[number] if not needed[reader] & ~done)
                    order = (*state.order, number)
                    reached[done] = _State(done, state.ready ^ bit | freed, state.live + after, peak, order)
        best = sorted(reached.values(), key=lambda state: (state.peak, state.live, state.order))[:width]
        extensions = accumulate(state.ready.bit_count() for state in best)
        level = [
            state for n, (state, count) in enumerate(zip(best, extensions, strict=True)) if n == 0 or count <= most
        ]
    for state in level[:4]:
        yield state.order


class _OperatorPeaks:
    """Bytes that running one whole operator adds at its peak and at its end, given which operands die with it."""

    def __init__(self, table: StepTable) -> None:
        self.table = table
        problem = table.problem
        self.readers = [0] * len(problem.tensors)
        for number, operator in enumerate(problem.operators):
            for access in operator.reads:
                self.readers[access.tensor] |= 1 << number
        self.start = sum(tensor.lines * tensor.line_bytes for tensor in problem.tensors if tensor.there_at_start)
        self.known: dict[tuple[int, frozenset[int]], tuple[int, int]] = {}
        self.in_place: dict[int, list[tuple[int, int, int]]] = {}
        for step, read, write in table.in_place.tolist():
            self.in_place.setdefault(step, []).append((read, write, int(table.line_bytes[write])))
        self.whole: dict[int, list[tuple[int, int]]] = {}
        for step, source, result in table.in_place_whole:
            self.whole.setdefault(step, []).append((source, result))

    def of(self, number: int, done: int) -> tuple[int, int]:
        """Peak and final bytes relative to the bytes alive before, once ``done`` (with this operator) have run."""
        problem = self.table.problem
        dying = frozenset(
            access.tensor
            for access in problem.operators[number].reads
            if not self.readers[access.tensor] & ~done and not problem.tensors[access.tensor].stays
        )
        if (number, dying) not in self.known:
            self.known[number, dying] = self._simulate(number, dying)
        return self.known[number, dying]

    def _simulate(self, number: int, dying: frozenset[int]) -> tuple[int, int]:
        problem, operator = self.table.problem, self.table.problem.operators[number]
        last_read: dict[tuple[int, int], int] = {
            (access.tensor, line): step
            for step in range(operator.steps)
            for access in operator.reads
            if access.tensor in dying
            for line in access.lines[step]
        }
        last: list[int] = [0] * operator.steps
        for (tensor, _), step in last_read.items():
            last[step] += problem.tensors[tensor].line_bytes
        live, peak = 0, 0
        for step in range(operator.steps):
            made = [
                (problem.tensors[access.tensor], self.readers[access.tensor], len(access.lines[step]))
                for access in operator.writes
            ]
            here = live + sum(tensor.line_bytes * lines for tensor, _, lines in made)
            saved = self._saved(int(self.table.first_step[number]) + step, step, last_read, dying)
            peak = max(peak, here + operator.state_bytes + operator.scratch_bytes - saved)
            kept = sum(tensor.line_bytes * lines for tensor, readers, lines in made if readers or tensor.stays)
            live += kept - last[step]
        # lines that this operator does not read are gone as well, now that it is the last to know the tensor
        live -= sum(problem.tensors[t].lines * problem.tensors[t].line_bytes for t in dying) - sum(last)
        return peak, live

    def _saved(self, global_step: int, step: int, last_read: dict[tuple[int, int], int], dying: frozenset[int]) -> int:
        """Bytes that in-place writes of a step do not take."""
        table = self.table
        taken: set[int] = set()
        saved = 0
        for read, write, size in self.in_place.get(global_step, ()):
            tensor = int(table.line_tensor[read])
            line = read - int(table.first_line[tensor])
            if tensor in dying and last_read.get((tensor, line)) == step and not {read, ~write} & taken:
                taken |= {read, ~write}
                saved += size
        for source, _ in self.whole.get(global_step, ()):
            if source in dying:
                tensor_read = table.problem.tensors[source]
                saved += tensor_read.lines * tensor_read.line_bytes
        return saved
