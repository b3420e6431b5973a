"""Which spilled tensor goes to which storage: the cheapest that has room, by the storages' cost models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.spilling import Medium, medium_for, transfer_of
from tinyseg_tvm.operators import Spill
from tinyseg_tvm.operators.stored_records import numbers_bytes
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.planner.storage_model import StorageModel, cost_of, traffic_of

SHORT_LIFE_YEARS = 1.0  # a storage that one tensor wears out sooner is taken only where no other has room


@dataclass(frozen=True)
class _Way:
    """One tensor on one storage.

    Attributes:
        decision: with the transfer of that storage.
        bytes: that its records take.
        price: worn out soon, seconds per inference, joules; less is better.
    """

    decision: SpillDecision
    bytes: int
    price: tuple[bool, float, float]


def assign(
    network: Network, situation: Situation, decisions: Sequence[SpillDecision]
) -> tuple[tuple[SpillDecision, ...], dict[str, int]]:
    """Decisions with the storage of each, and slot numbers (every tensor has a slot of its own).

    The tensors that lose most per byte by the next best storage choose first. Where prices are equal, the storage that
    the user named first is taken.

    Raises:
        DoesNotFitError: the storages are too small.
    """
    rate, models, storages = situation.options.frame_rate, situation.models, situation.storages
    ways = [
        [way for medium in situation.media for way in _ways(network, decision, medium, models[medium.name], rate)]
        for decision in decisions
    ]
    left = {storage.name: storage.capacity - numbers_bytes(storage.block_bytes) for storage in storages}
    settled: dict[int, SpillDecision] = {}
    for number in sorted(range(len(decisions)), key=lambda n: _regret(ways[n]), reverse=True):
        fitting = [way for way in ways[number] if way.bytes <= left[way.decision.transfer.storage]]
        if not fitting:
            room = ", ".join(
                f"{each.name} {each.capacity - numbers_bytes(each.block_bytes):,} of {each.capacity:,} bytes"
                for each in storages
            )
            size = min((way.bytes for way in ways[number]), default=0)
            raise DoesNotFitError(
                f"tensor {decisions[number].tensor!r} ({size:,} bytes) does not fit the storage ({room}) beside the "
                "other spilled tensors; name a further storage or lower --max-written"
            )
        best = min(fitting, key=lambda way: way.price)
        left[best.decision.transfer.storage] -= best.bytes
        settled[number] = best.decision
    slots: dict[str, int] = {}
    used = dict.fromkeys(left, 0)
    for number in range(len(decisions)):
        name = settled[number].transfer.storage
        slots[settled[number].tensor] = used[name]
        used[name] += 1
    return tuple(settled[number] for number in range(len(decisions))), slots


def _ways(
    network: Network, decision: SpillDecision, medium: Medium, model: StorageModel, frames_per_second: float
) -> list[_Way]:
    kind = network.tensors[decision.tensor].type
    transfer = transfer_of(kind, medium_for(network, decision.tensor, medium))
    if transfer is None:
        return []
    chosen = replace(decision, transfer=transfer)
    spilling = Spill(
        medium.name,
        0,
        transfer.codec,
        transfer.block,
        transfer.group,
        transfer.ring,
        decision.first_line,
        decision.lines,
    )
    size = spilling.records(spilling.infer([kind], {})[0]).storage_bytes
    cost = cost_of(traffic_of({decision.tensor: (kind.lines, kind.line_bytes)}, [chosen], model), model)
    years = cost.lifetime_years(frames_per_second)
    short = years is not None and years < SHORT_LIFE_YEARS
    return [_Way(chosen, size, (short, cost.seconds, cost.joules))]


def _regret(ways: Sequence[_Way]) -> tuple[bool, float]:
    """What the second best storage costs more, per byte."""
    if len(ways) < 2:
        return False, 0.0
    best, second = sorted(ways, key=lambda way: way.price)[:2]
    return second.price[0] > best.price[0], (second.price[1] - best.price[1]) / max(best.bytes, 1)
