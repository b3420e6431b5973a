"""What no order of steps takes less than: minimum cuts.

When a step runs, what it needs is finished, and it is not, nor is what needs it. Of all downsets (step_graph.py) with
that property, the one with the fewest bytes alive is the smaller side of a minimum cut, for its live bytes are the
capacity of a cut: an arc from a line's writer to its only reader, as wide as the line; where there are several readers,
such an arc to a node from which arcs without limit lead to them; and an arc without limit from each step to every step
that it needs. With the bytes that the step itself takes, the largest over all steps bounds every order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import flow
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.step_graph import StepGraph, profile, step_graph
from tinyseg_tvm.planner.step_table import Ints, step_table

FREE, SOURCE, SINK = range(3)  # sides of nodes; as in the native twin
UNLIMITED = 1 << 60
CUT_ARCS = 4_000_000  # looked at for a bound


@dataclass(frozen=True, eq=False)
class CutNetwork:
    """Nodes: steps in order, one that is finished from the start, one that never is, then lines of several readers.

    Attributes:
        first, leaving: of each node, the arcs that leave it.
        head, capacity: of each arc; arcs 2n and 2n + 1 are each other's reverse.
    """

    graph: StepGraph
    first: npt.NDArray[np.int32]
    leaving: npt.NDArray[np.int32]
    head: npt.NDArray[np.int32]
    capacity: Ints

    def sides(self, step: int) -> npt.NDArray[np.uint8]:
        """What is finished when a global step runs, and what is not."""
        graph = self.graph
        first, owner = np.array(graph.flow.first), graph.flow.table.step_operator
        steps = len(owner)
        number = np.arange(steps) - first[owner]
        side = np.full(len(self.first) - 1, FREE, dtype=np.uint8)
        side[:steps][number < graph.ancestors[step][owner]] = SOURCE
        side[:steps][graph.ancestors[:, owner[step]] > number[step]] = SINK
        side[step], side[steps], side[steps + 1] = SINK, SOURCE, SINK
        return side

    def bytes_at(self, step: int, enough: int, *, compiled: bool = True) -> int:
        """The fewest bytes alive while a global step runs; ``enough`` where they are no fewer.

        ``compiled``: in C where the host has a compiler, which does not change the result.
        """
        graph, owner = self.graph, int(self.graph.flow.table.step_operator[step])
        overlaps = graph.overlaps[step]
        done = list(graph.totals)  # every condition of an overlap holds
        done[owner] = step - graph.flow.first[owner]
        during = graph.above(done, owner) if overlaps else graph.during[step]
        return min(enough, during + min_cut(self, self.sides(step), enough - during, compiled=compiled))


def cut_network(graph: StepGraph) -> CutNetwork:
    """The network whose cuts are downsets."""
    table, first_step = graph.flow.table, graph.flow.first
    steps = table.steps
    start, end = steps, steps + 1
    arcs: dict[tuple[int, int], int] = {}
    nodes = steps + 2

    def arc(tail: int, head: int, bytes_: int) -> None:
        arcs[tail, head] = min(arcs.get((tail, head), 0) + bytes_, UNLIMITED)

    readers: list[list[int]] = [[] for _ in range(table.lines)]
    for line, step in zip(table.read_line.tolist(), table.read_step.tolist(), strict=True):
        readers[line].append(step)
    stays, sizes = table.resident_output.tolist(), graph.line_bytes.tolist()
    shared: dict[tuple[int, tuple[int, ...]], int] = {}
    for line, writer in enumerate(table.writer.tolist()):
        tail = writer if writer >= 0 else start
        if stays[line]:
            arc(tail, end, sizes[line])
        elif len(readers[line]) == 1:
            arc(tail, readers[line][0], sizes[line])
        elif readers[line]:
            key = tail, tuple(readers[line])
            shared[key] = shared.get(key, 0) + sizes[line]
    for (tail, heads), size in shared.items():
        arc(tail, nodes, size)
        for head in heads:
            arc(nodes, head, UNLIMITED)
        nodes += 1
    for number in range(graph.operators):
        begin, stop = first_step[number], first_step[number + 1]
        for step in range(begin, stop):
            for source, count in graph.flow.needs[step]:
                arc(step, first_step[source] + count - 1, UNLIMITED)
            if step > begin:
                arc(step, step - 1, UNLIMITED)
        if graph.state_bytes[number] and stop - begin > 1:
            arc(begin, stop - 1, graph.state_bytes[number])
    ends = np.array([(head, tail) for tail, head in arcs], dtype=np.int32).reshape(-1)
    capacity = np.zeros(len(ends), dtype=np.int64)
    capacity[::2] = list(arcs.values())
    tails = ends.reshape(-1, 2)[:, ::-1].reshape(-1)
    leaving = np.argsort(tails, kind="stable").astype(np.int32)
    first = np.searchsorted(tails[leaving], np.arange(nodes + 1)).astype(np.int32)
    return CutNetwork(graph, first, leaving, ends, capacity)


def min_cut(network: CutNetwork, side: npt.NDArray[np.uint8], enough: int, *, compiled: bool = True) -> int:
    """The capacity of the cheapest cut between the nodes of two sides; ``enough`` where it is no less."""
    library = native.load() if compiled else None
    if library is None:
        return _min_cut(network, side.tolist(), enough)
    nodes, arcs = len(network.first) - 1, len(network.head)
    arrays = network.first, network.leaving, network.head, network.capacity, side
    found = library.min_cut(nodes, arcs, *arrays, enough)
    if found < 0 < enough:
        raise MemoryError("the search for a minimum cut found no memory")
    return found


def _min_cut(network: CutNetwork, side: Sequence[int], enough: int) -> int:
    """The same in Python: along shortest paths (Edmonds and Karp)."""
    first, leaving, head = network.first.tolist(), network.leaving.tolist(), network.head.tolist()
    room = network.capacity.tolist()
    total = 0
    while total < enough:
        came: dict[int, int] = {node: -1 for node, where in enumerate(side) if where == SOURCE}
        queue = deque(came)
        sink = -1
        while queue and sink < 0:
            node = queue.popleft()
            for arc in leaving[first[node] : first[node + 1]]:
                if room[arc] > 0 and head[arc] not in came:
                    came[head[arc]] = arc
                    if side[head[arc]] == SINK:
                        sink = head[arc]
                        break
                    queue.append(head[arc])
        if sink < 0:
            break
        path = []
        while came[sink] >= 0:
            path.append(came[sink])
            sink = head[came[sink] ^ 1]
        amount = min(room[arc] for arc in path)
        for arc in path:
            room[arc] -= amount
            room[arc ^ 1] += amount
        total += amount
    return min(total, enough)


def bound(graph: StepGraph, steps: Sequence[int], work: int, *, compiled: bool = True) -> int:
    """Bytes that every order of steps has alive at once, as far as the steps show at which a given order has most.

    Args:
        graph: of the steps.
        steps: an order (operator of each step); its steps are judged by the bytes alive during them, until none is left
            with more than what was found.
        work: arcs of all cuts together that may be looked at.
        compiled: in C where the host has a compiler, which does not change the result.
    """
    least = max(graph.at_start, graph.at_end)
    peaks = profile(graph, steps).peaks.tolist()
    if max(peaks, default=0) <= least:
        return least
    network = cut_network(graph)
    done = [0] * graph.operators
    numbers = []
    for number in steps:
        numbers.append(graph.flow.first[number] + done[number])
        done[number] += 1
    for alive, step in sorted(zip(peaks, numbers, strict=True), key=lambda entry: (-entry[0], entry[1])):
        if alive <= least or work <= 0:
            break
        least = max(least, network.bytes_at(step, alive, compiled=compiled))
        work -= len(network.head)
    return least


def least_live(problem: Problem, steps: Sequence[int]) -> int:
    """Bytes that every order of a problem's steps has alive at once, as far as a given order helps to see."""
    return bound(step_graph(flow(step_table(problem))), steps, CUT_ARCS)
