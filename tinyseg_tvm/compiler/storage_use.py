"""What a plan does with its storages in an inference: traffic, its cost, and what it means for their life."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.planner.storage_model import StorageCost, Traffic, cost_of, traffic_of

WORN_OUT_SOON_YEARS = 1.0


@dataclass(frozen=True)
class StorageUse:
    """What a plan does with its storages in one inference.

    Attributes:
        traffic: bytes and records, all storages together.
        cost: the same for time, energy and erases; the lifetime is that of the storage that wears out first.
        by_storage: names, in the order of the build's options, and each one's own.
    """

    traffic: Traffic
    cost: StorageCost
    by_storage: Mapping[str, tuple[Traffic, StorageCost]]

    def figures(self) -> dict[str, Any]:
        """Figures under the names that ``tinyseg run --json`` measures them."""
        return {
            "written": self.traffic.written,
            "read": self.traffic.read,
            "written_physical": self.traffic.written_physical,
            "read_physical": self.traffic.read_physical,
            "erases": math.ceil(self.cost.erases),
        }


def use_of(planned: Planned, situation: Situation) -> StorageUse:
    """Traffic and cost of a plan's spills. No codec saves anything."""
    tensors, decisions = planned.network.tensors, planned.spilled
    sizes = {d.tensor: (tensors[d.tensor].type.lines, tensors[d.tensor].type.line_bytes) for d in decisions}
    by_storage = {}
    for name, model in situation.models.items():
        traffic = traffic_of(sizes, [d for d in decisions if d.transfer.storage == name], model)
        by_storage[name] = traffic, cost_of(traffic, model)
    pairs = by_storage.values()
    total = Traffic(*(sum(values) for values in zip(*(traffic.amounts() for traffic, _ in pairs), strict=True)))
    lives = [cost.lifetime_frames for _, cost in pairs if cost.lifetime_frames is not None]
    cost = StorageCost(
        seconds=sum(cost.seconds for _, cost in pairs),
        joules=sum(cost.joules for _, cost in pairs),
        erases=sum(cost.erases for _, cost in pairs),
        lifetime_frames=min(lives, default=None),
    )
    return StorageUse(total, cost, by_storage)


def lifetime_sentences(use: StorageUse, situation: Situation) -> list[str]:
    """What the writes mean for each storage that wears: "113.0 KiB per frame into 2 MiB nor of 100,000 cycles: ..."."""
    rate = situation.options.frame_rate
    sentences = []
    for storage in situation.storages:
        traffic, cost = use.by_storage[storage.name]
        years = cost.lifetime_years(rate)
        if cost.lifetime_frames is None or years is None:
            continue
        life = f"{years:.1f} years" if years >= WORN_OUT_SOON_YEARS else f"{years * 365.25:.1f} days"
        sentences.append(
            f"{traffic.written_physical / 1024:.1f} KiB per frame into {storage.capacity / 2**20:.4g} MiB of "
            f"{storage.name}, {storage.endurance_cycles:,} cycles: {cost.lifetime_frames / 1e6:.2f} million frames, "
            f"{life} at {rate:g} per second"
        )
    return sentences


def wears_out_soon(use: StorageUse, situation: Situation) -> bool:
    """Whether some storage is worn out within a year of continuous operation."""
    years = use.cost.lifetime_years(situation.options.frame_rate)
    return years is not None and years < WORN_OUT_SOON_YEARS
