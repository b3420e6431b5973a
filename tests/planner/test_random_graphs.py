"""Whatever the graph, every schedule can be packed into a plan that the validator accepts."""

import hypothesis.strategies as st
from hypothesis import given, settings

from tests.planner.networks import Builder
from tinyseg_tvm.planner.cascade import Manner, cascade, flow
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.problem import Pool, Problem
from tinyseg_tvm.planner.recompute import decisions, recompute, unchanged
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import validate

LAYERS = ("conv", "stride", "dilated", "depthwise", "pool", "up", "add", "concat", "gate", "whole", "reshape")


@st.composite
def graphs(draw: st.DrawFn) -> Problem:
    """A random network of up to ten layers; operands are any maps made before, unread results are outputs."""
    b = Builder(draw(st.sampled_from(("resident", "line"))))
    maps = [b.input(draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))]
    read = set()
    for number in range(draw(st.integers(1, 10))):
        x = draw(st.sampled_from(maps))
        kind = draw(st.sampled_from(LAYERS))
        channels = draw(st.integers(1, 6))
        scratch = draw(st.sampled_from((0, 0, 7)))
        name = f"{kind}{number}"
        partner = next((m for m in maps[::-1] if m is not x and (m.height, m.width) == (x.height, x.width)), None)
        read.add(x.tensor)
        if kind == "pool" and min(x.height, x.width) >= 2:
            y = b.pool(name, x)
        elif kind == "up":
            y = b.up(name, x, channels)
        elif kind == "add" and partner and partner.channels == x.channels:
            read.add(partner.tensor)
            y = b.add(name, x, partner)
        elif kind == "concat" and partner:
            read.add(partner.tensor)
            y = b.conv(name, [x, partner], channels, scratch=scratch)
        elif kind == "gate":
            y = b.scale(name, x, b.global_pool(f"mean{number}", x))
        elif kind in {"whole", "reshape"} and not (x is maps[0] and b.io == "resident"):
            y = b.whole(name, x, x.width, x.height, x.channels, in_place=kind == "reshape")
        elif kind == "depthwise":
            y = b.depthwise(name, x, scratch=scratch)
        else:
            y = b.conv(name, [x], channels, 3, 2 if kind == "stride" else 1, dilation=2 if kind == "dilated" else 1)
        maps.append(y)
    for y in maps[1:]:
        if y.tensor not in read:
            b.output(y)
    return b.build((Pool("arena", None, draw(st.sampled_from((1, 4, 16)))),))


@given(graphs())
@settings(max_examples=60)
def test_every_kind_of_plan_is_valid_and_not_below_its_bound(problem):
    table = step_table(problem)
    steps = flow(table)
    everything = range(len(problem.operators))
    segments = Segments(steps, everything)
    orders = [cascade(steps, manner, everything).tolist() for manner in Manner]
    for order in (*orders, segments.join(best_cuts(segments))):
        packed = pack(table, order, 3)
        validate(problem, packed)
        assert packed.pool_bytes[0] >= live_bound(lifetimes(table, order))
    validate(problem, plan_layerwise(problem, tries=2))


class _Exhaustive(Segments):
    """Judges whatever it is asked for."""

    def within(self, begin, end, limit, enough=0):
        return super().within(begin, end, None, enough)


@given(graphs())
@settings(max_examples=80)
def test_segments_that_are_not_judged_would_not_have_changed_the_cuts(problem):
    steps, everything = flow(step_table(problem)), range(len(problem.operators))
    assert best_cuts(Segments(steps, everything)) == best_cuts(_Exhaustive(steps, everything))


@given(graphs())
@settings(max_examples=15)
def test_the_chosen_plan_is_not_larger_than_layer_by_layer(problem):
    assert plan(problem, effort=0.02).pool_bytes <= plan_layerwise(problem, tries=3).pool_bytes


@given(graphs(), st.data())
@settings(max_examples=25)
def test_problems_with_clones_can_be_planned(problem, data):
    found = list(decisions(problem, set(range(len(problem.tensors))), 10**9))
    if found:
        split = recompute(unchanged(problem), data.draw(st.sampled_from(found)))
        validate(split.problem, plan_layerwise(split.problem, tries=2))
