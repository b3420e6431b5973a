"""What to keep, what to spill, what to recompute: one search for the least memory within budgets.

Every state of the search is a problem with clones (recompute.py) and spills (spilling.py), judged by the largest number
of bytes alive under the best cuts. A round adds one spill or one recomputation to the best states of the round before:
only tensors alive at a state's peak can help it. All first steps are tried, then all second steps from the best few (so
that one and two tensors are as good as exhaustive), and so on while it pays. Besides, the search comes from the other
side: everything, or every tensor with several readers, is spilled, and what is not needed is taken back.

A spilled tensor's readers are told apart by their order: the first few read it as it is made, each other one has its
own fetch, so that each reads through its own window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tinyseg_tvm.planner.cascade import flow
from tinyseg_tvm.planner.explain import peak_of
from tinyseg_tvm.planner.problem import Pool, Problem, Role, Tensor, readers_of
from tinyseg_tvm.planner.recompute import Recomputed, recompute, unchanged
from tinyseg_tvm.planner.recompute import decisions as recomputations
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.spilling import SpillDecision, Transfers, fetched_name, spill, stored_name
from tinyseg_tvm.planner.step_table import step_table

Progress = Callable[[float, str], None]

WIDE_ROUNDS = 2  # rounds that keep several states: best for one and two tensors
WIDTH = 3  # states kept by those
FINALISTS = 3  # states per round whose cuts are searched
MOST_TENSORS = 12  # alive at the peak that are tried, largest first
MOST_ROUNDS = 8
LEAST_GAIN = 0.01  # of the peak: a round that gains less is the last
LEAST_PART = 0.1  # of a tensor's lines: the smallest part that is spilled alone
LEAST_SHARE_NEEDED = 0.3  # of what is written when everything is spilled: what is expected to remain
MAX_OPERATORS_FOR_ALL = 400  # above, the search does not begin with everything spilled


@dataclass(frozen=True, eq=False)
class State:
    """A way to run the network.

    Attributes:
        recomputed: with clones, without spills.
        decisions: spills of tensors of ``recomputed.problem``.
        problem: with both.
        cuts: operators that begin a segment, by name.
        steps: the schedule, as in Plan.
        live: most bytes alive.
        written: bytes of payload written to storage.
    """

    recomputed: Recomputed
    decisions: tuple[SpillDecision, ...]
    problem: Problem
    cuts: tuple[str, ...]
    steps: tuple[int, ...]
    live: int
    written: int

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal states."""
        return _key(self.recomputed, self.decisions)


def _key(recomputed: Recomputed, decisions: Iterable[SpillDecision]) -> tuple[object, ...]:
    return recomputed.operator_origin, frozenset(decisions)


def search(
    problem: Problem,
    transfers: Transfers,
    *,
    max_written: int | None = None,
    max_percent: float = 0.0,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> tuple[State, ...]:
    """States of which none is better than another in live bytes, bytes written and recomputation, by live bytes.

    Args:
        problem: what to plan; limits of its pools are ignored.
        transfers: how a tensor would be transferred.
        max_written: bytes of payload per inference; None: any.
        max_percent: multiply-accumulates that recomputation may add, in percent.
        effort: multiplies the numbers of states that are kept and tried.
        progress: called with the share of work done and what is being done.
    """
    free = replace(problem, pools=tuple(Pool(pool.name, None, pool.alignment) for pool in problem.pools[:1]))
    total = sum(operator.macs for operator in free.operators)
    found = _Search(transfers, max_written, int(total * max_percent / 100), effort)
    report = progress or (lambda _share, _what: None)
    first = found.exact(found.judge(unchanged(free), (), [()]))
    level = [first]
    for round_number in range(MOST_ROUNDS):
        report(1 - 0.8**round_number, "spilling")
        wide = round_number < WIDE_ROUNDS
        following = found.round(level, max(1, round(WIDTH * effort)) if wide else 1)
        best = min((state.live for state in level), default=0)
        if not following or min(state.live for state in following) > best * (1 - LEAST_GAIN):
            break
        level = following
    report(0.9, "spilling everything")
    found.from_above(unchanged(free))
    report(1.0, "done")
    return front([state for state in found.known.values() if found.affordable(state.written)])


def front(states: Sequence[State]) -> tuple[State, ...]:
    """The states that no other beats in one of live bytes, bytes written and recomputation without losing another."""
    price = {id(state): (state.live, state.written, state.recomputed.extra_macs) for state in states}
    kept: dict[tuple[int, int, int], State] = {}
    for state in states:
        mine = price[id(state)]
        if not any(all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine for other in price.values()):
            kept.setdefault(mine, state)
    return tuple(kept[key] for key in sorted(kept))


@dataclass
class _Search:
    """States judged so far, by key."""

    transfers: Transfers
    max_written: int | None
    max_macs: int
    effort: float
    known: dict[tuple[object, ...], State] = field(default_factory=dict)

    def judge(self, recomputed: Recomputed, decisions: Sequence[SpillDecision], cuts: Iterable[Sequence[str]]) -> State:
        """The state with the best of the given cuts (names; those that do not exist are left out)."""
        problem = spill(recomputed.problem, decisions)
        segments = Segments(flow(step_table(problem)), range(len(problem.operators)), quick=True)
        live, chosen = -1, tuple[int, ...]()
        for positions in sorted({_positions(problem, names) for names in cuts}):
            peak = 0
            for begin, end in pairwise((0, *positions, len(problem.operators))):
                peak = max(peak, segments.of(begin, end).peak)
                if 0 <= live <= peak:
                    break
            else:
                live, chosen = peak, positions
        return _state(recomputed, decisions, problem, segments, chosen)

    def exact(self, state: State) -> State:
        """The state with the best cuts; remembered."""
        if state.key in self.known:
            return self.known[state.key]
        segments = Segments(flow(step_table(state.problem)), range(len(state.problem.operators)))
        cuts = best_cuts(segments, start=_positions(state.problem, state.cuts))
        better = _state(state.recomputed, state.decisions, state.problem, segments, cuts)
        self.known[state.key] = better
        return better

    def round(self, level: Sequence[State], width: int) -> list[State]:
        """The ``width`` best states one step from those of ``level``, best first."""
        judged: dict[tuple[object, ...], State] = {}
        for state in level:
            for recomputed, decisions, added in self._steps(state):
                key = _key(recomputed, decisions)
                if key not in self.known and key not in judged:
                    judged[key] = self.judge(recomputed, decisions, _cut_choices(state.cuts, added))
        ranked = sorted(judged.values(), key=lambda state: (state.live, state.written))
        finalists = [self.exact(state) for state in ranked[: max(width, round(FINALISTS * self.effort))]]
        finalists.sort(key=lambda state: (state.live, state.written))
        return finalists[:width]

    def _steps(self, state: State) -> Iterator[tuple[Recomputed, tuple[SpillDecision, ...], tuple[str, ...]]]:
        """Clones, spills and names of the operators added, one step from ``state``."""
        at_peak = _alive_at_peak(state, max(1, round(MOST_TENSORS * self.effort)))
        base = state.recomputed.problem
        spilled = {decision.tensor for decision in state.decisions}
        for tensor in base.tensors:
            if tensor.name in at_peak and tensor.name not in spilled:
                for decision in self.ways(base, tensor):
                    for part in self.parts(state, tensor, decision):
                        yield state.recomputed, (*state.decisions, part), _added(part)
        if self.max_macs > state.recomputed.extra_macs:
            numbers = {n for n, t in enumerate(base.tensors) if t.name in at_peak and t.name not in spilled}
            for split in recomputations(base, numbers, self.max_macs - state.recomputed.extra_macs):
                cloned = recompute(state.recomputed, split)
                names = {operator.name for operator in base.operators}
                new = tuple(o.name for o in cloned.problem.operators if o.name not in names)
                yield cloned, state.decisions, new[:1]

    def parts(self, state: State, tensor: Tensor, decision: SpillDecision) -> Iterator[SpillDecision]:
        """The whole tensor; where that is not affordable, as many of its first or last lines as are."""
        if self.max_written is None or self.affordable(state.written + tensor.lines * tensor.line_bytes):
            yield decision
            return
        lines = (self.max_written - state.written) // max(tensor.line_bytes, 1)
        if lines >= LEAST_PART * tensor.lines:
            yield replace(decision, first_line=0, lines=lines)
            yield replace(decision, first_line=tensor.lines - lines, lines=lines)

    def affordable(self, written: int) -> bool:
        return self.max_written is None or written <= self.max_written

    def ways(self, problem: Problem, tensor: Tensor) -> Iterator[SpillDecision]:
        """How the readers of a tensor can be told apart: the first few as it is made, the others from storage."""
        transfer = self.transfers(tensor) if _spillable(tensor) else None
        if transfer is None:
            return
        names = [problem.operators[reader].name for reader in readers_of(problem, problem.tensors.index(tensor))]
        for early in sorted({0, 1, len(names) - 1} & set(range(len(names)))):
            yield SpillDecision(tensor.name, tuple((name,) for name in names[early:]), transfer)

    def from_above(self, start: Recomputed) -> None:
        """From every tensor spilled, and from every tensor with several readers, down to what is needed."""
        base = start.problem
        if len(base.operators) > MAX_OPERATORS_FOR_ALL:
            return
        everything = [decision for tensor in base.tensors for decision in list(self.ways(base, tensor))[:1]]
        skips = [decision for decision in everything if len(decision.late) > 1]
        for decisions in (skips, everything):
            if decisions and self.affordable(int(written_bytes(base, decisions) * LEAST_SHARE_NEEDED)):
                fetches = [name for decision in decisions for name in _added(decision)[1:]]
                cuts = [(), _segment_heads(decisions), fetches]
                self._take_back(self.exact(self.judge(start, decisions, cuts)))

    def _take_back(self, state: State) -> None:
        """Leave out spills that the peak does not need, those that write most first."""
        base = state.recomputed.problem
        for decision in sorted(state.decisions, key=lambda d: -written_bytes(base, (d,))):
            fewer = tuple(other for other in state.decisions if other != decision)
            heads = _segment_heads(fewer)
            judged = self.judge(state.recomputed, fewer, [state.cuts, [n for n in state.cuts if n in heads]])
            if judged.live <= state.live:
                state = judged
        if self.affordable(state.written):
            self.exact(state)


def _state(
    recomputed: Recomputed,
    decisions: Sequence[SpillDecision],
    problem: Problem,
    segments: Segments,
    positions: tuple[int, ...],
) -> State:
    return State(
        recomputed,
        tuple(decisions),
        problem,
        tuple(problem.operators[position].name for position in positions),
        tuple(segments.join(positions)),
        segments.peak(positions),
        written_bytes(recomputed.problem, decisions),
    )


def written_bytes(problem: Problem, decisions: Iterable[SpillDecision]) -> int:
    """Payload that ``decisions`` write."""
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    return sum(len(d.part(tensors[d.tensor])) * tensors[d.tensor].line_bytes for d in decisions)


def _spillable(tensor: Tensor) -> bool:
    return tensor.role is not Role.RESIDENT_OUTPUT and not tensor.stored and tensor.lines > 1


def _added(decision: SpillDecision) -> tuple[str, ...]:
    """Operators of a decision."""
    fetches = [fetched_name(decision.tensor, group) for group in range(len(decision.late))]
    return (stored_name(decision.tensor), *fetches)


def _alive_at_peak(state: State, most: int) -> set[str]:
    """Names of the tensors that hold most at the peak; a fetched tensor stands for itself only."""
    peak = peak_of(state.problem, state.steps)
    tensors = [occupant.name for occupant in peak.occupants if occupant.kind == "tensor"]
    return set(tensors[:most])


def _cut_choices(cuts: Sequence[str], added: Sequence[str]) -> list[tuple[str, ...]]:
    """Cuts worth a look once operators are added: as before or none, with or without new ones at what was added.

    A name that begins with "> " stands for the operator behind it.
    """
    behind = f"> {added[0]}"
    extras: list[tuple[str, ...]] = [(), (behind,), *((name,) for name in added[1:]), (behind, *added[1:])]
    return [tuple(dict.fromkeys((*base, *extra))) for base in {tuple(cuts), ()} for extra in extras]


def _segment_heads(decisions: Sequence[SpillDecision]) -> list[str]:
    """What begins segments where everything spilled is complete before it is fetched."""
    return [f"> {stored_name(decision.tensor)}" for decision in decisions]


def _positions(problem: Problem, names: Iterable[str]) -> tuple[int, ...]:
    at = {operator.name: number for number, operator in enumerate(problem.operators)}
    at |= {f"> {after.name}": number for number, (after, _) in enumerate(pairwise(problem.operators), 1)}
    return tuple(sorted({at[name] for name in names if at.get(name, 0) > 0}))
