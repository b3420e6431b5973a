"""A build to report on that has everything a page shows, with names that would break a careless one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.planner.networks import tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, spill
from tinyseg_tvm.planner.storage_model import StorageModel
from tinyseg_tvm.planner.storage_timing import Timeline, replay
from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.points import Choice

HOSTILE = "</script><script>document.title = 'broken'</script><img src=x onerror=alert(1)>\u2028<!--"
CLOCK_HZ = 25e6
CHOICES = (
    Choice("least RAM", "tinyseg compile 'a b.onnx' -o out --objective ram", 40_000, 0.5, 12_500_000, 9_000),
    Choice("balanced kernels", "tinyseg compile 'a b.onnx' -o out", 44_000, 0.3, 7_500_000, 12_000),
    Choice(f"write to {HOSTILE}", "tinyseg compile 'a b.onnx' -o out --storage x", 20_000, 0.7, written=30_000),
)


@cache
def told(title: str = HOSTILE) -> Build:
    """A spilling U-Net of 16 x 8 pixels with times and flash, whose first operator has a hostile name."""
    base = tiny_unet(16, 8, 4)
    operators = tuple(
        replace(o, cycles=1000 * (number + 1), flash_bytes=100 * number, kernel="conv2d <b>")
        for number, o in enumerate(base.operators)
    )
    decision = SpillDecision("down0b", (("pool0",), ("up0a",)), Transfer())
    problem = spill(replace(base, operators=operators), [decision])
    first = replace(problem.operators[0], name=HOSTILE, cycles=10**6)
    problem = replace(problem, operators=(first, *problem.operators[1:]))
    found, timeline = plan(problem, effort=0.02), Timeline()
    storages = {"storage": StorageModel("storage", 1 << 20, 1, 10**6, 10**6, 1e-4)}
    replay(problem, found, [decision], storages, CLOCK_HZ, timeline=timeline)
    return Build(
        problem, found, title, timeline=timeline, facts={"IoU": 0.9, "lines are": "rows"},
        remarks=[f"remark {HOSTILE}"],
        rivals=[("TFLM", 300_000, "computed"), ("ours", 40_000, "")],
    )  # fmt: skip
