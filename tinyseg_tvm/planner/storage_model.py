"""What a storage costs: time, energy and wear of the transfers of spilled tensors.

A storage transfers one *record* (some lines of a tensor behind a short header, rounded up to the storage's blocks)
after the other: a fixed latency, then bytes at a fixed rate. Media that must be erased before they are written are
filled like a ring (a log), so that every byte written costs its share of an erase, and wear is even over the whole
capacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from tinyseg_tvm.planner.spilling import SpillDecision

SECONDS_PER_YEAR = 365.25 * 24 * 3600


@dataclass(frozen=True)
class StorageModel:
    """A storage device. Zero erase and endurance figures mean: none to care about.

    Attributes:
        name: as in Transfer.storage.
        capacity: bytes.
        block_bytes: smallest unit of a transfer.
        read_bytes_per_second, write_bytes_per_second: once a transfer has begun.
        latency_seconds: from a request to its first byte.
        erase_block_bytes: erase granularity.
        erase_seconds: time of one block's erase.
        endurance_cycles: erases that a block survives.
        read_joules_per_byte, write_joules_per_byte: energy.
        record_header_bytes: what a record has beside its lines.
    """

    name: str
    capacity: int
    block_bytes: int
    read_bytes_per_second: int
    write_bytes_per_second: int
    latency_seconds: float = 0.0
    erase_block_bytes: int = 0
    erase_seconds: float = 0.0
    endurance_cycles: int = 0
    read_joules_per_byte: float = 0.0
    write_joules_per_byte: float = 0.0
    record_header_bytes: int = 8

    def record_bytes(self, line_bytes: int, group: int) -> int:
        """Bytes transferred for a record of ``group`` lines."""
        unit = max(self.block_bytes, 4)
        return -(-(self.record_header_bytes + group * line_bytes) // unit) * unit

    def read_seconds(self, size: int) -> float:
        """Time of one read."""
        return self.latency_seconds + size / self.read_bytes_per_second

    def write_seconds(self, size: int) -> float:
        """Time of one write, with its share of an erase."""
        erase = size / self.erase_block_bytes * self.erase_seconds if self.erase_block_bytes else 0.0
        return self.latency_seconds + size / self.write_bytes_per_second + erase


@dataclass(frozen=True)
class Traffic:
    """Transfers of one inference, in bytes and records.

    Attributes:
        written, read: payload: lines of tensors, before codec, headers and padding.
        written_physical, read_physical: what the storage transfers.
        writes, reads: records.
    """

    written: int = 0
    read: int = 0
    written_physical: int = 0
    read_physical: int = 0
    writes: int = 0
    reads: int = 0

    def amounts(self) -> tuple[int, ...]:
        """All of them, in order."""
        return astuple(self)


@dataclass(frozen=True)
class StorageCost:
    """What one inference costs.

    Attributes:
        seconds: of transfers, one after the other.
        joules: energy.
        erases: blocks erased, on average.
        lifetime_frames: inferences until the storage is worn out; None: it does not wear.
    """

    seconds: float
    joules: float
    erases: float
    lifetime_frames: float | None

    def lifetime_years(self, frames_per_second: float) -> float | None:
        """Years of continuous operation."""
        if self.lifetime_frames is None or not frames_per_second:
            return None
        return self.lifetime_frames / frames_per_second / SECONDS_PER_YEAR


def traffic_of(
    sizes: Mapping[str, tuple[int, int]], decisions: Iterable[SpillDecision], storage: StorageModel
) -> Traffic:
    """Transfers of ``decisions``, with records as long as they can get.

    Args:
        sizes: lines and bytes per line of each spilled tensor, by name.
        decisions: what is spilled to ``storage``.
        storage: whose blocks count.
    """
    total = [0] * 6
    for decision in decisions:
        tensor_lines, line_bytes = sizes[decision.tensor]
        lines = decision.lines or tensor_lines - decision.first_line
        fetches, group = len(decision.late), decision.transfer.group
        records = -(-lines // group)
        size = records * storage.record_bytes(line_bytes + decision.transfer.stored_line_bytes, group)
        payload = lines * line_bytes
        amounts = (payload, payload * fetches, size, size * fetches, records, records * fetches)
        total = [a + b for a, b in zip(total, amounts, strict=True)]
    return Traffic(*total)


def cost_of(traffic: Traffic, storage: StorageModel) -> StorageCost:
    """Time, energy and wear of ``traffic``."""
    seconds = (
        (traffic.writes + traffic.reads) * storage.latency_seconds
        + traffic.read_physical / storage.read_bytes_per_second
        + traffic.written_physical / storage.write_bytes_per_second
    )
    joules = (
        traffic.read_physical * storage.read_joules_per_byte + traffic.written_physical * storage.write_joules_per_byte
    )
    erases = traffic.written_physical / storage.erase_block_bytes if storage.erase_block_bytes else 0.0
    lifetime = None
    if storage.erase_block_bytes and storage.endurance_cycles and traffic.written_physical:
        blocks = storage.capacity // storage.erase_block_bytes
        lifetime = blocks * storage.endurance_cycles / erases
    return StorageCost(seconds + erases * storage.erase_seconds, joules, erases, lifetime)
