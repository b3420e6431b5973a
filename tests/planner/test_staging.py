"""Rings grow where that saves waiting and there is room; the plan stays valid and no larger than allowed."""

from dataclasses import replace

import pytest

from tests.planner.networks import tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, spill
from tinyseg_tvm.planner.staging import stage
from tinyseg_tvm.planner.storage_model import StorageModel
from tinyseg_tvm.planner.storage_timing import replay
from tinyseg_tvm.planner.validator import PlanError, validate

CLOCK = 1e6
RECORD = 132


def transfer(ring: int, ahead: int) -> Transfer:
    return Transfer(ring=ring, ahead=ahead, spill_bytes=RECORD * ring, fetch_bytes=RECORD * max(ahead, 1))


def spilled(io: str, rate: int, ahead: int = 1, cycles: int = 500):
    """A problem, its plan and two skips in storage, each read back once."""
    base = tiny_unet(24, 16, io=io)
    base = replace(base, operators=tuple(replace(operator, cycles=cycles) for operator in base.operators))
    decisions = [
        SpillDecision(tensor, ((reader,),), transfer(1, ahead))
        for tensor, reader in (("down0b", "up0a"), ("down1b", "up1a"))
    ]
    problem = spill(base, decisions)
    storages = {"storage": StorageModel("storage", 1 << 20, 1, rate, rate, 1e-4)}
    return problem, plan(problem, effort=0.05), decisions, storages


def staged(problem, found, decisions, storages, growth):
    return stage(problem, found, decisions, storages, CLOCK, lambda _d, ring, ahead: transfer(ring, ahead), growth)


@pytest.mark.parametrize("io", ["resident", "line"])
@pytest.mark.parametrize("growth", [0, 500, 100_000])
@pytest.mark.parametrize("rate", [50_000, 100_000, 400_000])
def test_staging_waits_no_longer_and_keeps_its_budget(io, growth, rate):
    problem, found, decisions, storages = spilled(io, rate)
    result = staged(problem, found, decisions, storages, growth)
    validate(result.problem, result.plan)
    assert sum(result.plan.pool_bytes) <= sum(found.pool_bytes) + growth
    assert result.waiting <= replay(problem, found, decisions, storages, CLOCK).waiting
    assert replay(result.problem, result.plan, result.decisions, storages, CLOCK).waiting == result.waiting
    assert result.plan.steps == found.steps


def test_room_makes_rings_deeper_and_the_inference_faster():
    problem, found, decisions, storages = spilled("line", 200_000, ahead=0)
    before = replay(problem, found, decisions, storages, CLOCK).waiting
    wide = staged(problem, found, decisions, storages, 100_000)
    assert wide.waiting < 0.5 * before
    assert min(d.transfer.ahead for d in wide.decisions) >= 1


def test_nothing_grows_where_nothing_is_waited_for():
    problem, found, decisions, storages = spilled("line", 10**12)
    storages = {"storage": replace(storages["storage"], latency_seconds=0.0)}
    assert staged(problem, found, decisions, storages, 100_000).plan == found


def test_a_ring_in_the_way_of_a_line_is_no_valid_plan():
    """What keeps the property above from holding by itself: a ring at the address of a line is refused."""
    problem, found, decisions, storages = spilled("line", 100_000)
    result = staged(problem, found, decisions, storages, 0)
    number = next(n for n, operator in enumerate(problem.operators) if operator.name == "down0b_fetch")
    moved = replace(result.plan.states[number], offset=0)
    states = tuple(moved if n == number else block for n, block in enumerate(result.plan.states))
    with pytest.raises(PlanError):
        validate(result.problem, replace(result.plan, states=states))
