"""Several memories: the fast one is filled first, tensors stay whole, in-place partners together."""

import dataclasses

import pytest

from tests.planner.networks import mobilenet, resnet, squeeze_excite, tiny_unet
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.problem import Pool
from tinyseg_tvm.planner.validator import validate


@pytest.mark.parametrize("build", [mobilenet, resnet, squeeze_excite, tiny_unet])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_what_does_not_fit_the_fast_pool_goes_to_the_slow_one(build, share):
    problem = build(32)
    alone = plan(problem, effort=0.05).pool_bytes[0]
    limit = int(alone * share)
    both = dataclasses.replace(problem, pools=(Pool("sram", limit), Pool("psram", None, 16)))
    best = plan(both, effort=0.05)
    validate(both, best)
    assert best.pool_bytes[0] <= limit
    assert best.pool_bytes[1] > 0


def test_a_large_fast_pool_is_all_that_is_used():
    problem = dataclasses.replace(resnet(16), pools=(Pool("sram", 1 << 20), Pool("psram")))
    assert plan(problem, effort=0.05).pool_bytes[1] == 0


def test_two_pools_that_are_too_small_together_are_refused():
    problem = dataclasses.replace(resnet(16), pools=(Pool("sram", 1024), Pool("psram", 512)))
    with pytest.raises(DoesNotFitError, match="pool psram has 512 bytes"):
        plan(problem, effort=0.05)
