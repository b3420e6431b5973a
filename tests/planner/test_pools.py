"""Several memories: the fast one is filled first, tensors stay whole, in-place partners together."""

import dataclasses

import pytest

from tests.planner.networks import mobilenet, resnet, squeeze_excite, tiny_unet
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.problem import Pool, Role
from tinyseg_tvm.planner.validator import PlanError, validate

RESIDENT = (Role.RESIDENT_INPUT, Role.RESIDENT_OUTPUT)


@pytest.mark.parametrize("build", [mobilenet, resnet, squeeze_excite, tiny_unet])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_what_does_not_fit_the_fast_pool_goes_to_the_slow_one(build, share):
    problem = build(32)
    alone = plan(problem, effort=0.05).pool_bytes[0]
    ports = [tensor.lines * tensor.line_bytes for tensor in problem.tensors if tensor.role in RESIDENT]
    limit = max(int(alone * share), sum(ports))
    both = dataclasses.replace(problem, pools=(Pool("sram", limit), Pool("psram", None, 16)))
    best = plan(both, effort=0.05)
    validate(both, best)
    assert best.pool_bytes[0] <= limit
    assert best.pool_bytes[1] > 0


@pytest.mark.parametrize("build", [mobilenet, resnet, tiny_unet])
def test_pools_that_are_enough_together_hold_what_neither_holds_alone(build):
    problem = build(32)
    alone = plan(problem, effort=0.05).pool_bytes[0]
    part = max(alone * 3 // 4, 16 + max(t.lines * t.line_bytes for t in problem.tensors if t.role in RESIDENT))
    both = dataclasses.replace(problem, pools=(Pool("sram", part), Pool("psram", part)))
    best = plan(both, effort=0.05)
    validate(both, best)
    assert {place.pool for place in best.placements} == {0, 1}


def test_resident_ports_stay_in_the_first_pool():
    problem = resnet(32)
    ports = [number for number, tensor in enumerate(problem.tensors) if tensor.role in RESIDENT]
    assert ports
    size = sum(problem.tensors[number].lines * problem.tensors[number].line_bytes for number in ports)
    both = dataclasses.replace(problem, pools=(Pool("sram", size), Pool("psram")))
    best = plan(both, effort=0.05)
    assert {best.placements[number].pool for number in ports} == {0}
    place = dataclasses.replace(best.placements[ports[0]], pool=1)
    moved = (*best.placements[: ports[0]], place, *best.placements[ports[0] + 1 :])
    with pytest.raises(PlanError, match="resident ports must in the first"):
        validate(both, dataclasses.replace(best, placements=moved))


def test_a_large_fast_pool_is_all_that_is_used():
    problem = dataclasses.replace(resnet(16), pools=(Pool("sram", 1 << 20), Pool("psram")))
    assert plan(problem, effort=0.05).pool_bytes[1] == 0


def test_two_pools_that_are_too_small_together_are_refused():
    problem = dataclasses.replace(resnet(16), pools=(Pool("sram", 1024), Pool("psram", 512)))
    with pytest.raises(DoesNotFitError, match="pool psram has 512 bytes"):
        plan(problem, effort=0.05)
