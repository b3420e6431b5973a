"""Each spilled tensor goes to the storage that costs least, as far as there is room."""

from dataclasses import replace

import pytest

from tests.storage.spilled_networks import small_unet
from tinyseg_tvm.boards import Storage, load_board
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.situation import Situation, generator_core
from tinyseg_tvm.compiler.storage_assignment import assign
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.operators.stored_records import numbers_bytes
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer

NETWORK = small_unet()  # skip0: 16 lines of 48 bytes, skip1: 8 of 48
DECISIONS = [SpillDecision("skip1", (("join1",),), Transfer()), SpillDecision("skip0", (("join0",),), Transfer())]


def storage(name, rate, capacity=100_000, **more):
    return Storage(name, "file", capacity, 1, rate, rate, **more)


def assigned(*storages, decisions=DECISIONS, frames=1.0):
    options = BuildOptions(storage=",".join(s.name for s in storages), frame_rate=frames)
    board = replace(load_board("host"), storages=tuple(storages))
    settled, slots = assign(NETWORK, Situation(options, board, generator_core(board.core)), decisions)
    assert [decision.tensor for decision in settled] == [decision.tensor for decision in decisions]
    return {decision.tensor: (decision.transfer.storage, slots[decision.tensor]) for decision in settled}


@pytest.mark.parametrize("turned", [False, True])
def test_the_faster_storage_is_taken_whatever_the_order(turned):
    storages = [storage("slow", 10_000), storage("fast", 1_000_000)]
    found = assigned(*(reversed(storages) if turned else storages))
    assert found == {"skip1": ("fast", 0), "skip0": ("fast", 1)}


def test_the_first_named_is_taken_where_both_cost_the_same():
    assert assigned(storage("a", 1000), storage("b", 1000)) == {"skip1": ("a", 0), "skip0": ("a", 1)}


def test_what_finds_no_room_goes_to_the_next():
    found = assigned(storage("slow", 10_000), storage("fast", 1_000_000, capacity=600))
    assert found == {"skip1": ("fast", 0), "skip0": ("slow", 0)}


def test_the_tensor_that_gains_most_per_byte_gets_the_scarce_storage():
    """Short lines suffer most from a latency: two fetches of skip0 cost more than one of skip1, per byte as well."""
    decisions = [DECISIONS[0], SpillDecision("skip0", (("pool0",), ("join0",)), Transfer())]
    found = assigned(storage("slow", 10_000), storage("fast", 1_000_000, capacity=1000), decisions=decisions)
    assert found == {"skip1": ("slow", 0), "skip0": ("fast", 0)}


def test_a_part_needs_room_for_the_part_only():
    part = [SpillDecision("skip0", (("join0",),), Transfer(), first_line=0, lines=4)]
    needed = 4 * 56 + numbers_bytes(1)
    assert assigned(storage("tiny", 1000, capacity=needed), decisions=part) == {"skip0": ("tiny", 0)}
    with pytest.raises(DoesNotFitError, match=r"does not fit the storage \(tiny 223 of 239 bytes\)"):
        assigned(storage("tiny", 1000, capacity=needed - 1), decisions=part)


def test_a_flash_that_would_soon_be_worn_out_is_left_alone_where_another_has_room():
    flash = storage("nor", 1_000_000, capacity=1 << 16, erase_block_bytes=4096, endurance_cycles=1000)
    found = assigned(flash, storage("sd", 10_000), frames=30.0)
    assert {name for name, _ in found.values()} == {"sd"}
    assert {name for name, _ in assigned(flash, storage("sd", 10_000), frames=1e-6).values()} == {"nor"}
    assert {name for name, _ in assigned(flash, frames=30.0).values()} == {"nor"}
