"""Transfers overlap with computing as far as the schedule allows, and the model says how far."""

from dataclasses import replace

import pytest

from tests.planner.networks import tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, spill
from tinyseg_tvm.planner.storage_model import StorageModel, Traffic, cost_of
from tinyseg_tvm.planner.storage_timing import replay

CLOCK = 1e6


def timing(cycles, rate, latency=0.0, **way):
    base = tiny_unet(24, 16)
    base = replace(base, operators=tuple(replace(operator, cycles=cycles) for operator in base.operators))
    decision = SpillDecision("down0b", (("up0a",),), Transfer(**way))
    problem = spill(base, [decision])
    model = StorageModel("storage", 1 << 20, 1, rate, rate, latency)
    return replay(problem, plan(problem, effort=0.05), [decision], {"storage": model}, CLOCK)


def test_an_infinitely_fast_storage_costs_nothing():
    assert timing(1000, 10**15).waiting == pytest.approx(0, abs=1e-9)


def test_without_computing_everything_is_waited_for():
    found = timing(0, 10**5, latency=1e-3)
    assert found.computing == 0
    assert found.waiting == pytest.approx(found.transferring)
    assert found.overlap == pytest.approx(0)


def test_slow_kernels_hide_the_transfers():
    """A line of 128 bytes takes 1.4 ms; a step of the network takes 5 ms."""
    found = timing(5000, 10**5)
    assert found.overlap > 0.9
    assert found.seconds < found.computing + 0.1 * found.transferring


def test_asking_ahead_hides_more_than_asking_late():
    late, early, far = (timing(500, 10**5, ahead=ahead).waiting for ahead in (0, 1, 4))
    assert late > early >= far


def test_a_flash_wears_by_what_is_written():
    """113 KiB per frame into 2 MiB of 100,000 cycles: 1.8 million frames."""
    nor = StorageModel("nor", 2 << 20, 256, 10**6, 10**5, 0.0, 4096, 0.045, 100_000)
    cost = cost_of(Traffic(written=113 << 10, written_physical=113 << 10, writes=113), nor)
    assert cost.lifetime_frames == pytest.approx(1.81e6, rel=0.01)
    assert cost.lifetime_years(1.0) == pytest.approx(0.0574, rel=0.01)
    assert cost.erases == pytest.approx(28.25)
