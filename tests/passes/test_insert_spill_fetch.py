"""Spills stand behind what makes a tensor, fetches before what reads it late."""

import pytest

from tests.passes.before_expected import expect
from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.network.spilling import with_spills
from tinyseg_tvm.operators import Elementwise, Fetch, Spill
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer
from tinyseg_tvm.relay_passes.insert_spill_fetch import insert_spill_fetch
from tinyseg_tvm.relay_passes.rewriting import rewrite_main
from tinyseg_tvm.relay_passes.to_network import to_network

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))
WAY = Transfer("nor", "mask", block=64, group=2, ahead=3)
SPILL, FETCH = Spill("nor", 5, "mask", 64, 2), Fetch("nor", 5, "mask", 3, 64, 2)


def network(b, x):
    skip = b(max_pool(), x, name="skip")
    deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
    return b(ADD, skip, deep, name="sum")


BEFORE = main({"x": ((1, 8, 8, 3), "int8")}, network)


def test_the_late_reader_reads_what_was_fetched():
    def spilled(b, x):
        skip = b(max_pool(), x, name="skip")
        stored = b(SPILL, skip, name="skip_spill")
        deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
        return b(ADD, b(FETCH, stored, name="skip_fetch"), deep, name="sum")

    decision = SpillDecision("skip", (("sum",),), WAY)
    expected = rewrite_main(main({"x": ((1, 8, 8, 3), "int8")}, spilled))  # names the result as a pass does
    expect(insert_spill_fetch([decision], {"skip": 5}), BEFORE, expected)


@pytest.mark.parametrize(
    "decision",
    [
        SpillDecision("skip", (("inner",), ("sum",)), WAY),
        SpillDecision("skip", (("inner", "sum"),), WAY),
        SpillDecision("skip", (("sum",),), WAY, first_line=1, lines=2),
        SpillDecision("x", (("skip",),), WAY),
    ],
    ids=["two fetches", "one for both", "part of the lines", "the input"],
)
def test_the_network_is_the_one_that_the_planner_means(decision):
    slots = {decision.tensor: 5}
    assert to_network(insert_spill_fetch([decision], slots)(BEFORE)) == with_spills(
        to_network(BEFORE), [decision], slots
    )
