"""Life of every tensor in layer-by-layer execution: intervals, cold ranges and what is alive at the peak.

A *step* here is one step of one operator, counted through the network with every operator run to its end
before the next begins. Intervals of steps are half-open. A line lives from the step that writes it to the
last step that reads it; a resident input lives from step 0, a network output to the last step. A *cold
range* is an interval in which no step touches the tensor although a later one does: the time during which
it could be away in slow storage. Of a tensor that is there, the bytes count that memory keeps of its lines.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.network.network import Network


@dataclass(frozen=True)
class ColdRange:
    """Steps ``begin`` to ``end`` (half-open) without a use; ``lines`` of the tensor are needed afterwards."""

    begin: int
    end: int
    lines: int


@dataclass(frozen=True)
class Life:
    """One tensor: its size, the steps (half-open) in which any of its lines lives, and its cold ranges."""

    lines: int
    line_bytes: int
    birth: int
    death: int
    cold: tuple[ColdRange, ...]


@dataclass(frozen=True)
class Liveness:
    """Lives of all tensors by name.

    Attributes:
        steps: number of steps of the inference.
        lives: per tensor name.
        peak_step: the first step at which most bytes are alive (scratch and state not counted).
        peak_bytes: bytes alive there.
        alive_at_peak: lines alive there, per tensor name, largest share of bytes first.
    """

    steps: int
    lives: dict[str, Life]
    peak_step: int
    peak_bytes: int
    alive_at_peak: dict[str, int]


def analyse(network: Network) -> Liveness:
    """Liveness of ``network`` under layer-by-layer execution in its node order."""
    spans, steps = _spans(network)
    births, deaths = _line_lives(network, spans, steps)
    size = {name: tensor.type.line_bytes for name, tensor in network.tensors.items()} | network.stored()
    alive = {}
    total = np.zeros(steps + 1, dtype=np.int64)
    for name in network.tensors:
        count = np.zeros(steps + 1, dtype=np.int64)
        np.add.at(count, births[name], 1)
        np.add.at(count, deaths[name], -1)
        alive[name] = np.cumsum(count)
        total += alive[name] * size[name]
    peak = int(np.argmax(total))
    at_peak = {name: int(lines[peak]) for name, lines in alive.items() if lines[peak]}
    by_share = sorted(at_peak, key=lambda name: -at_peak[name] * size[name])
    return Liveness(
        steps=steps,
        lives={
            name: _life(tensor.type.lines, size[name], (births[name], deaths[name]), spans[name])
            for name, tensor in network.tensors.items()
        },
        peak_step=peak,
        peak_bytes=int(total[peak]),
        alive_at_peak={name: at_peak[name] for name in by_share},
    )


Span = tuple[int, int, tuple[tuple[int, ...], ...], bool]
"""First step, steps, lines touched per step, and whether they are written."""


def _spans(network: Network) -> tuple[dict[str, list[Span]], int]:
    """Per tensor the accesses of each node that touches it, in order; and the number of steps."""
    spans: dict[str, list[Span]] = {name: [] for name in network.tensors}
    start = 0
    for node in network.nodes:
        access = node.operator.line_access(network.input_types(node), network.output_types(node), node.constants)
        for name, lines in zip(node.inputs, access.reads, strict=True):
            spans[name].append((start, access.steps, lines, False))
        for name, lines in zip(node.outputs, access.writes, strict=True):
            spans[name].append((start, access.steps, lines, True))
        start += access.steps
    return spans, start


def _line_lives(
    network: Network, spans: dict[str, list[Span]], steps: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """First step and end (exclusive) of each line's life, per tensor."""
    births: dict[str, np.ndarray] = {}
    deaths: dict[str, np.ndarray] = {}
    for name, tensor in network.tensors.items():
        birth = np.zeros(tensor.type.lines, dtype=np.int64)
        death = np.zeros(tensor.type.lines, dtype=np.int64)
        for start, _, accesses, written in spans[name]:
            for step, lines in enumerate(accesses, start):
                if lines:
                    if written:
                        birth[list(lines)] = step
                    death[list(lines)] = np.maximum(death[list(lines)], step + 1)
        births[name], deaths[name] = birth, death
    for port in network.leaving:
        deaths[port.tensor][:] = steps
    for state in network.states:
        deaths[state.input.tensor][:] = steps
    return births, deaths


def _life(lines: int, line_bytes: int, life: tuple[np.ndarray, np.ndarray], spans: list[Span]) -> Life:
    """The life of one tensor; ``life``: births and deaths of its lines."""
    births, deaths = life
    uses = sorted((start, start + steps, touched) for start, steps, touched, _ in spans)
    cold = []
    for (_, end, _), (begin, _, touched) in itertools.pairwise(uses):
        if begin > end:
            cold.append(ColdRange(end, begin, len({line for step in touched for line in step})))
    return Life(
        lines=lines,
        line_bytes=line_bytes,
        birth=int(births.min()) if births.size else 0,
        death=int(deaths.max()) if deaths.size else 0,
        cold=tuple(cold),
    )
