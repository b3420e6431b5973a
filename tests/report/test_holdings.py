"""What each tensor's memory is for, on the Tiny U-Net executed layer by layer and by lines."""

from __future__ import annotations

import pytest

from tests.report.unet import tiny_unet
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.report.holdings import Held, holdings
from tinyseg_tvm.report.memory import memory_map
from tinyseg_tvm.report.text import holding_table


@pytest.fixture(scope="module")
def streamed():
    problem = tiny_unet(96, 16)
    return memory_map(problem, optimise(problem))


def test_skips_are_delay_lines_and_chains_are_windows(streamed):
    by_name = {holding.tensor: holding for holding in holdings(streamed)}
    assert by_name["enc1_conv2"].held is Held.DELAY_LINE
    assert by_name["enc1_conv2"].readers == ("pool1", "dec1_conv1")
    assert by_name["dec1_conv1"].held is Held.WINDOW
    assert by_name["dec1_conv1"].lines < 5
    assert by_name["image"].held is Held.PORT


def test_layer_by_layer_everything_is_held_whole():
    problem = tiny_unet(32, 48)
    found = holdings(memory_map(problem, plan_layerwise(problem)))
    assert {holding.held for holding in found} == {Held.WHOLE, Held.PORT}


def test_the_saving_is_what_the_peak_sinks_by(streamed):
    total = streamed.live.sum(axis=0)
    for holding in holdings(streamed):
        (owner,) = [o for o in streamed.owners if o.label == holding.tensor]
        without = total - owner.live(streamed.steps)
        assert holding.saving == total.max() - without.max()
        assert 0 <= holding.saving <= holding.bytes
        assert holding.at_peak <= holding.bytes


def test_the_table_names_what_waits_dearest_first(streamed):
    text = holding_table(streamed)
    assert "delay line" in text
    assert "dec1_conv1 " not in text.split("read by")[1].split("\n")[2]
    assert text.index("enc1_conv2") < text.index("enc3_conv2")
