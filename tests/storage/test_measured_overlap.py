"""On the timed storage, waiting as measured under -icount is what the cost model says, within 10 %."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.codegen.harness import problem_of
from tests.decided_networks import with_spills
from tests.storage.spilled_networks import project, small_unet
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.compiler.storage import model_of
from tinyseg_tvm.micro.emulator import NANOSECONDS, timer_ratio
from tinyseg_tvm.network.spilling import Medium, transfer_of
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.planner.storage_timing import replay

BOARD = load_board("mps2_an386")
TIMED = next(storage for storage in BOARD.storages if storage.name == "timed")
assert BOARD.qemu is not None
INSTRUCTIONS_PER_SECOND = NANOSECONDS / (1 << timer_ratio(BOARD.qemu.systick_hz).shift)
AT_ONCE = 1 << 30  # bytes per second


def storage(rate, latency):
    return replace(
        TIMED, name="slow", read_bytes_per_second=rate, write_bytes_per_second=rate, latency_microseconds=latency
    )


def spilled_unet(ahead, ring):
    network = small_unet(24, 16, 8)
    medium = Medium("slow", ahead=ahead, ring=ring)
    decisions = []
    for tensor, reader in (("skip0", "join0"), ("skip1", "join1")):
        way = transfer_of(network.tensors[tensor].type, medium)
        assert way is not None
        decisions.append(SpillDecision(tensor, ((reader,),), way))
    return with_spills(network, decisions), decisions


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("rate", "ahead", "ring"), [(150_000, 1, 1), (60_000, 3, 2), (60_000, 0, 1)])
def test_the_measured_overlap_is_that_of_the_cost_model(rate, ahead, ring, tmp_path):
    network, decisions = spilled_unet(ahead, ring)
    runs = {}
    for name, device in {"slow": storage(rate, 100), "at once": storage(AT_ONCE, 0)}.items():
        result = project(network, BOARD, tmp_path / name, storages=(device,)).run()
        assert (result.status, result.mismatches) == (0, 0)
        runs[name] = result.instructions
    problem = problem_of(network)
    found = plan(problem)
    estimated = sum(problem.operators[number].cycles for number in found.steps)
    clock = INSTRUCTIONS_PER_SECOND * estimated / runs["at once"]
    model = replay(problem, found, decisions, {"slow": model_of(storage(rate, 100))}, clock)
    waited = (runs["slow"] - runs["at once"]) / INSTRUCTIONS_PER_SECOND
    measured = 1 - waited / model.transferring
    print(f"overlap: {measured:.3f} measured, {model.overlap:.3f} by the model")
    assert 0.1 < model.overlap < 0.99
    assert measured == pytest.approx(model.overlap, rel=0.1)
