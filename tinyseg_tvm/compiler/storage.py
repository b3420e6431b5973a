"""Storages of a build: which ones, what they cost, and what a plan's transfers mean for their life."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, Storage, load_storage
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.spilling import Medium
from tinyseg_tvm.operators.stored_records import RECORD_HEADER
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.planner.storage_model import StorageCost, StorageModel, Traffic, cost_of, traffic_of

LARGE_RECORD = 4096  # bytes staged at once where speed counts more than RAM
AUTO_CODEC = "auto"
CODEC = "delta"  # of those there are, the one that "auto" uses: shorter and cheaper (benchmarks/codecs.py)
CODEC_RATIO = 0.6  # assumed of "auto": coded by raw bytes of feature maps after ReLU
CODEC_CYCLES_PER_BYTE = 12  # and what coding costs
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


def storages_of(options: BuildOptions, board: Board) -> tuple[Storage, ...]:
    """The storages that ``--storage`` names.

    Raises:
        UsageError: the board has none of that name.
    """
    found = []
    for name in filter(None, options.storage.split(",")):
        if Path(name).suffix == ".toml":
            found.append(load_storage(name))
            continue
        storage = next((storage for storage in board.storages if storage.name == name), None)
        if storage is None:
            known = ", ".join(storage.name for storage in board.storages) or "none"
            raise UsageError(
                f"-storage={name}: board {board.name} has no storage of that name; it has {known}; "
                "another one is given by the path of its .toml file"
            )
        found.append(storage)
    if len({storage.name for storage in found}) != len(found):
        raise UsageError(f"-storage={options.storage}: two storages have the same name")
    return tuple(found)


def model_of(storage: Storage) -> StorageModel:
    """The cost model of a storage."""
    return StorageModel(
        name=storage.name,
        capacity=storage.capacity,
        block_bytes=storage.block_bytes,
        read_bytes_per_second=storage.read_bytes_per_second,
        write_bytes_per_second=storage.write_bytes_per_second,
        latency_seconds=storage.latency_microseconds * 1e-6,
        erase_block_bytes=storage.erase_block_bytes,
        erase_seconds=storage.erase_microseconds * 1e-6,
        endurance_cycles=storage.endurance_cycles,
        read_joules_per_byte=storage.read_nanojoules_per_byte * 1e-9,
        write_joules_per_byte=storage.write_nanojoules_per_byte * 1e-9,
        record_header_bytes=RECORD_HEADER,
    )


def medium_of(storage: Storage, options: BuildOptions, clock_hz: int) -> Medium:
    """How tensors go to a storage: codec as told, or for the tensors where it pays; long records where speed counts."""
    auto, fast = options.codec == AUTO_CODEC, options.objective == "speed"
    slowest = min(storage.read_bytes_per_second, storage.write_bytes_per_second)
    return Medium(
        storage.name,
        storage.block_bytes,
        CODEC if auto else options.codec,
        ring=2 if fast else 1,
        largest_record=LARGE_RECORD if fast else 0,
        expected_ratio=CODEC_RATIO if auto else 0.0,
        coding_price=CODEC_CYCLES_PER_BYTE / clock_hz * slowest,
    )


def use_of(network: Network, decisions: Sequence[SpillDecision], storages: Sequence[Storage]) -> StorageUse:
    """Traffic and cost of decisions on tensors of ``network`` (with its spills or without). No codec saves anything."""
    sizes = {
        d.tensor: (network.tensors[d.tensor].type.lines, network.tensors[d.tensor].type.line_bytes) for d in decisions
    }
    by_storage = {}
    for storage in storages:
        model = model_of(storage)
        traffic = traffic_of(sizes, [d for d in decisions if d.transfer.storage == storage.name], model)
        by_storage[storage.name] = traffic, cost_of(traffic, model)
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


def lifetime_sentences(use: StorageUse, storages: Sequence[Storage], frames_per_second: float) -> list[str]:
    """What the writes mean for each storage that wears: "113.0 KiB per frame into 2 MiB nor of 100,000 cycles: ..."."""
    sentences = []
    for storage in storages:
        traffic, cost = use.by_storage[storage.name]
        years = cost.lifetime_years(frames_per_second)
        if cost.lifetime_frames is None or years is None:
            continue
        life = f"{years:.1f} years" if years >= WORN_OUT_SOON_YEARS else f"{years * 365.25:.1f} days"
        sentences.append(
            f"{traffic.written_physical / 1024:.1f} KiB per frame into {storage.capacity / 2**20:.4g} MiB of "
            f"{storage.name}, {storage.endurance_cycles:,} cycles: {cost.lifetime_frames / 1e6:.2f} million frames, "
            f"{life} at {frames_per_second:g} per second"
        )
    return sentences


def wears_out_soon(use: StorageUse, frames_per_second: float) -> bool:
    """Whether some storage is worn out within a year of continuous operation."""
    years = use.cost.lifetime_years(frames_per_second)
    return years is not None and years < WORN_OUT_SOON_YEARS
