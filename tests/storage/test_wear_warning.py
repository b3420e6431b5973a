"""A plan that wears its flash out within a year says so, and names the plan that writes nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm import relay

TARGET = "c -tinyseg -board=mps2_an386 -stream-axis=rows"


@pytest.fixture(scope="module")
def module():
    return relay.frontend.from_onnx(segmenter())


@pytest.fixture(scope="module")
def factory(module):
    return relay.build(module[0], f"{TARGET} -storage=nor -frame-rate=1000", module[1])


def test_a_worn_out_flash_is_announced_with_the_plan_that_writes_nothing(module, factory):
    assert factory.storage_use.cost.lifetime_years(1000) < 1
    (warning,) = factory.warnings
    assert "worn out within a year" in warning
    assert re.search(r"KiB per frame into 2 MiB of nor, 100,000 cycles: [\d.]+ million frames, [\d.]+ days", warning)
    assert f"warning: {warning}" in factory.report()
    found = re.search(r"writes nothing \(without --storage\) needs about ([\d.]+) KiB", warning)
    assert found is not None
    named = float(found[1])
    unwritten = relay.build(module[0], TARGET, module[1])
    assert unwritten.storage_use.traffic.written == 0
    assert named == pytest.approx(unwritten.memory.total / 1024, abs=0.3)


def test_a_flash_that_lasts_is_no_reason_to_warn(factory):
    seldom = replace(factory.options, frame_rate=1e-4)
    slow = replace(factory, situation=replace(factory.situation, options=seldom))
    assert slow.storage_use.cost.lifetime_years(1e-4) > 1
    assert slow.warnings == ()
    assert "million frames" in slow.report()
    assert "warning" not in slow.report()


def test_memory_that_does_not_wear_is_no_reason_to_warn(module):
    unworn = relay.build(module[0], f"{TARGET} -storage=psram -frame-rate=1000", module[1])
    assert unworn.storage_use.traffic.written > 0
    assert unworn.warnings == ()
