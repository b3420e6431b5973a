"""The memory picture shows what is in storage while it is there."""

from tests.planner.networks import tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, spill
from tinyseg_tvm.report.memory import memory_map
from tinyseg_tvm.report.memory_picture import memory_figure
from tinyseg_tvm.report.stored import stored_bytes


def test_stored_bytes_rise_with_the_spill_and_fall_with_the_last_fetch():
    base = tiny_unet(16, 8, 4)
    problem = spill(base, [SpillDecision("down0b", (("pool0",), ("up0a",)), Transfer(), first_line=2, lines=9)])
    memory = memory_map(problem, plan(problem, effort=0.02))
    tensor = next(tensor for tensor in base.tensors if tensor.name == "down0b")
    there = stored_bytes(memory)
    assert list(there) == ["down0b"]
    assert there["down0b"].max() == 9 * tensor.line_bytes
    assert there["down0b"].min() == 0
    assert set((abs(there["down0b"][1:] - there["down0b"][:-1])).tolist()) == {0, tensor.line_bytes}
    assert "in storage, KiB" in [axes.get_ylabel() for axes in memory_figure(memory).axes]


def test_without_storage_the_picture_has_no_such_panel():
    problem = tiny_unet(16, 8, 4)
    memory = memory_map(problem, plan(problem, effort=0.02))
    assert stored_bytes(memory) == {}
    assert "in storage, KiB" not in [axes.get_ylabel() for axes in memory_figure(memory).axes]
