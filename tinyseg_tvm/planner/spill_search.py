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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tinyseg_tvm.planner.cascade import flow
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, rest_name, split_channels
from tinyseg_tvm.planner.liveness import lifetimes, peak_of
from tinyseg_tvm.planner.problem import Pool, Problem, Tensor, readers_of
from tinyseg_tvm.planner.progress import Progress, silent
from tinyseg_tvm.planner.recompute import Recomputed, recompute, unchanged
from tinyseg_tvm.planner.recompute import decisions as recomputations
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.spilling import SpillDecision, Transfers, fetched_name, spill, stored_name
from tinyseg_tvm.planner.step_table import step_table

WIDE_ROUNDS = 2  # rounds that keep several states: best for one and two tensors
WIDTH = 3  # states kept by those
FINALISTS = 3  # states per round whose cuts are searched
MOST_TENSORS = 12  # alive at the peak that are tried, largest first
MOST_ROUNDS = 8
LEAST_GAIN = 0.01  # of the peak: a round that gains less is the last
LEAST_PART = 0.1  # of a tensor's lines or channels: the smallest part that is spilled alone
CHANNELS_TOGETHER = 4  # parts of more channels are multiples of it: words are copied faster than bytes
LEAST_SHARE_NEEDED = 0.3  # of what is written when everything is spilled: what is expected to remain
MAX_OPERATORS_FOR_ALL = 400  # above, the search does not begin with everything spilled


@dataclass(frozen=True, eq=False)
class Choice:
    """What is computed twice, split and spilled.

    Attributes:
        recomputed: with clones, without spills.
        splits: tensors of ``recomputed.problem`` of which only some channels are spilled.
        decisions: spills of its tensors and of such parts.
    """

    recomputed: Recomputed
    splits: tuple[ChannelSplit, ...] = ()
    decisions: tuple[SpillDecision, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal choices."""
        return self.recomputed.operator_origin, frozenset(self.splits), frozenset(self.decisions)

    @property
    def problem(self) -> Problem:
        """The planning problem."""
        return spill(split_channels(self.recomputed.problem, self.splits), self.decisions)

    def without(self, decision: SpillDecision) -> Choice:
        """One spill less, and the split that was made for it."""
        splits = tuple(split for split in self.splits if part_name(split.tensor) != decision.tensor)
        return replace(self, splits=splits, decisions=tuple(d for d in self.decisions if d != decision))


@dataclass(frozen=True)
class Cut:
    """Where a segment begins: at an operator, or at whatever stands behind it."""

    operator: str
    behind: bool = False


@dataclass(frozen=True, eq=False)
class State:
    """A way to run the network.

    Attributes:
        choice: what it does beside the network's own operators.
        problem: of the choice.
        cuts: operators that begin a segment.
        steps: the schedule, as in Plan.
        live: most bytes alive.
        written: bytes of payload written to storage.
    """

    choice: Choice
    problem: Problem
    cuts: tuple[Cut, ...]
    steps: tuple[int, ...]
    live: int
    written: int


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
        progress: told of each round.
    """
    free = replace(problem, pools=tuple(Pool(pool.name, None, pool.alignment) for pool in problem.pools[:1]))
    total = sum(operator.macs for operator in free.operators)
    found = _Search(transfers, max_written, int(total * max_percent / 100), effort)
    report = progress or silent
    first = found.exact(found.judge(Choice(unchanged(free)), [()]))
    level = [first]
    for round_number in range(MOST_ROUNDS):
        report("spilling", 1 - 0.8**round_number)
        wide = round_number < WIDE_ROUNDS
        following = found.round(level, max(1, round(WIDTH * effort)) if wide else 1)
        best = min((state.live for state in level), default=0)
        if not following or min(state.live for state in following) > best * (1 - LEAST_GAIN):
            break
        level = following
    report("spilling everything", 0.9)
    found.from_above(free)
    report("done", 1.0)
    return front([state for state in found.known.values() if found.affordable(state.written)])


def front(states: Sequence[State]) -> tuple[State, ...]:
    """The states that no other beats in one of live bytes, bytes written and recomputation without losing another."""
    price = {id(state): (state.live, state.written, state.choice.recomputed.extra_macs) for state in states}
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

    def judge(self, choice: Choice, cuts: Iterable[Sequence[Cut]]) -> State:
        """The state with the best of the given cuts (those at operators that do not exist are left out)."""
        problem = choice.problem
        segments = Segments(flow(step_table(problem)), range(len(problem.operators)), quick=True)
        live, chosen = -1, tuple[int, ...]()
        for positions in sorted({_positions(problem, choice) for choice in cuts}):
            peak = 0
            for begin, end in pairwise((0, *positions, len(problem.operators))):
                peak = max(peak, segments.of(begin, end).peak)
                if 0 <= live <= peak:
                    break
            else:
                live, chosen = peak, positions
        return _state(choice, problem, segments, chosen)

    def exact(self, state: State) -> State:
        """The state with the best cuts; remembered."""
        if state.choice.key in self.known:
            return self.known[state.choice.key]
        segments = Segments(flow(step_table(state.problem)), range(len(state.problem.operators)))
        cuts = best_cuts(segments, start=_positions(state.problem, state.cuts))
        better = _state(state.choice, state.problem, segments, cuts)
        self.known[state.choice.key] = better
        return better

    def round(self, level: Sequence[State], width: int) -> list[State]:
        """The ``width`` best states one step from those of ``level``, best first."""
        judged: dict[tuple[object, ...], State] = {}
        for state in level:
            for choice, added in self._steps(state):
                if choice.key not in self.known and choice.key not in judged:
                    judged[choice.key] = self.judge(choice, _cut_choices(state.cuts, added))
        ranked = sorted(judged.values(), key=lambda state: (state.live, state.written))
        finalists = [self.exact(state) for state in ranked[: max(width, round(FINALISTS * self.effort))]]
        finalists.sort(key=lambda state: (state.live, state.written))
        return finalists[:width]

    def _steps(self, state: State) -> Iterator[tuple[Choice, tuple[str, ...]]]:
        """Choices one step from ``state``, and names of the operators added."""
        at_peak = _alive_at_peak(state, max(1, round(MOST_TENSORS * self.effort)))
        choice, base = state.choice, state.choice.recomputed.problem
        taken = {decision.tensor for decision in choice.decisions} | {split.tensor for split in choice.splits}
        for tensor in base.tensors:
            if tensor.name in at_peak and tensor.name not in taken:
                for decision in self.ways(base, tensor):
                    for splits, part in self.parts(state, tensor, decision):
                        more = replace(choice, splits=(*choice.splits, *splits), decisions=(*choice.decisions, part))
                        yield more, _added(part)
        room = self.max_macs - choice.recomputed.extra_macs
        if room > 0:
            numbers = {n for n, t in enumerate(base.tensors) if t.name in at_peak and t.name not in taken}
            for clones in recomputations(base, numbers, room):
                cloned = recompute(choice.recomputed, clones)
                names = {operator.name for operator in base.operators}
                new = tuple(o.name for o in cloned.problem.operators if o.name not in names)
                yield replace(choice, recomputed=cloned), new[:1]

    def parts(
        self, state: State, tensor: Tensor, decision: SpillDecision
    ) -> Iterator[tuple[tuple[ChannelSplit, ...], SpillDecision]]:
        """The whole tensor; where that is not affordable, as many of its first or last lines, or channels, as are."""
        size = tensor.lines * tensor.line_bytes
        if self.max_written is None or self.affordable(state.written + size):
            yield (), decision
            return
        left = self.max_written - state.written
        lines = left // max(tensor.line_bytes, 1)
        if lines >= LEAST_PART * tensor.lines:
            yield (), replace(decision, first_line=0, lines=lines)
            yield (), replace(decision, first_line=tensor.lines - lines, lines=lines)
        of = decision.transfer.channels
        channels = left * of // max(size, 1)
        channels -= channels % CHANNELS_TOGETHER if channels > CHANNELS_TOGETHER else 0
        if channels and channels >= LEAST_PART * of:
            transfer = self.transfers(replace(tensor, line_bytes=tensor.line_bytes // of * channels))
            if transfer is not None:
                late = tuple(name for group in decision.late for name in group)
                readers = tuple((joined_name(tensor.name, reader),) for reader in range(len(late)))
                split = ChannelSplit(tensor.name, channels, of, late)
                yield (split,), SpillDecision(part_name(tensor.name), readers, transfer)

    def affordable(self, written: int) -> bool:
        return self.max_written is None or written <= self.max_written

    def ways(self, problem: Problem, tensor: Tensor) -> Iterator[SpillDecision]:
        """How the readers of a tensor can be told apart: the first few as it is made, the others from storage."""
        transfer = self.transfers(tensor) if _spillable(tensor) else None
        if transfer is None:
            return
        names = [problem.operators[reader].name for reader in readers_of(problem, problem.tensors.index(tensor))]
        if not _names_are_free(problem, tensor.name, len(names)):
            return
        for early in sorted({0, 1, len(names) - 1} & set(range(len(names)))):
            yield SpillDecision(tensor.name, tuple((name,) for name in names[early:]), transfer)

    def from_above(self, base: Problem) -> None:
        """From every tensor spilled, and from every tensor with several readers, down to what is needed."""
        if len(base.operators) > MAX_OPERATORS_FOR_ALL:
            return
        everything = [decision for tensor in base.tensors for decision in list(self.ways(base, tensor))[:1]]
        skips = [decision for decision in everything if len(decision.late) > 1]
        for decisions in (skips, everything):
            if decisions and self.affordable(int(written_bytes(base, decisions) * LEAST_SHARE_NEEDED)):
                fetches = [Cut(name) for decision in decisions for name in _added(decision)[1:]]
                cuts = [(), _segment_heads(decisions), fetches]
                choice = Choice(unchanged(base), (), tuple(decisions))
                self._take_back(self.exact(self.judge(choice, cuts)))

    def _take_back(self, state: State) -> None:
        """Leave out spills that the peak does not need, those that write most first."""
        problem = state.problem
        for decision in sorted(state.choice.decisions, key=lambda d: -written_bytes(problem, (d,))):
            fewer = state.choice.without(decision)
            judged = self.judge(fewer, [state.cuts, ()])
            if judged.live <= state.live:
                state = judged
        if self.affordable(state.written):
            self.exact(state)


def _state(choice: Choice, problem: Problem, segments: Segments, positions: tuple[int, ...]) -> State:
    return State(
        choice,
        problem,
        tuple(Cut(problem.operators[position].name) for position in positions),
        tuple(segments.join(positions)),
        segments.peak(positions),
        written_bytes(problem, choice.decisions),
    )


def written_bytes(problem: Problem, decisions: Iterable[SpillDecision]) -> int:
    """Payload that ``decisions`` write."""
    tensors = {tensor.name: tensor for tensor in problem.tensors}
    return sum(len(d.part(tensors[d.tensor])) * tensors[d.tensor].line_bytes for d in decisions)


def _spillable(tensor: Tensor) -> bool:
    return not (tensor.stays or tensor.pinned or tensor.stored) and tensor.lines > 1


def _names_are_free(problem: Problem, tensor: str, readers: int) -> bool:
    """Whether nothing of the network is called like what spilling ``tensor``, or a part of it, would add."""
    joined = [joined_name(tensor, reader) for reader in range(readers)]
    spilled = [tensor, part_name(tensor)]
    stored = [stored_name(each) for each in spilled]
    fetched = [fetched_name(each, group) for each in spilled for group in range(readers)]
    reserved = {part_name(tensor), rest_name(tensor), *joined, *stored, *fetched}
    return reserved.isdisjoint(t.name for t in problem.tensors) and reserved.isdisjoint(
        o.name for o in problem.operators
    )


def _added(decision: SpillDecision) -> tuple[str, ...]:
    """Operators of a decision."""
    fetches = [fetched_name(decision.tensor, group) for group in range(len(decision.late))]
    return (stored_name(decision.tensor), *fetches)


def _alive_at_peak(state: State, most: int) -> set[str]:
    """Names of the tensors that hold most at the peak; a fetched tensor stands for itself only."""
    peak = peak_of(lifetimes(step_table(state.problem), state.steps))
    tensors = sorted((-size, state.problem.tensors[number].name) for number, size in peak.tensors.items())
    return {name for _, name in tensors[:most]}


def _cut_choices(cuts: Sequence[Cut], added: Sequence[str]) -> list[tuple[Cut, ...]]:
    """Cuts worth a look once operators are added: as before or none, with or without new ones at what was added."""
    behind, others = Cut(added[0], behind=True), tuple(Cut(name) for name in added[1:])
    extras: list[tuple[Cut, ...]] = [(), (behind,), *((cut,) for cut in others), (behind, *others)]
    return [tuple(dict.fromkeys((*base, *extra))) for base in {tuple(cuts), ()} for extra in extras]


def _segment_heads(decisions: Sequence[SpillDecision]) -> list[Cut]:
    """What begins segments where everything spilled is complete before it is fetched."""
    return [Cut(stored_name(decision.tensor), behind=True) for decision in decisions]


def _positions(problem: Problem, cuts: Iterable[Cut]) -> tuple[int, ...]:
    number_of = {operator.name: number for number, operator in enumerate(problem.operators)}
    positions = {number_of[cut.operator] + cut.behind for cut in cuts if cut.operator in number_of}
    return tuple(sorted(positions & set(range(1, len(problem.operators)))))
