"""Storages of a build: which ones, what they cost, and how tensors go to them."""

from __future__ import annotations

from pathlib import Path

from tinyseg_tvm.boards import Board, Storage, load_storage
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.spilling import Medium
from tinyseg_tvm.operators.stored_records import RECORD_HEADER
from tinyseg_tvm.planner.storage_model import StorageModel

SLOW_STORAGES = ("psram",)  # kinds that take their bytes from writable memory
LARGE_RECORD = 4096  # bytes staged at once where speed counts more than RAM
AUTO_CODEC = "auto"
CODEC = "delta"  # of those there are, the one that "auto" uses: shorter and cheaper (benchmarks/line_codecs.py)
CODEC_RATIO = 0.6  # assumed of "auto": coded by raw bytes of feature maps after ReLU
CODEC_CYCLES_PER_BYTE = 12  # and what coding costs


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
