"""Orders of steps with the fewest live bytes: against all orders of small problems, the bound, and C against Python."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planner.networks import mobilenet, squeeze_excite, tiny_unet
from tests.planner.test_random_graphs import graphs
from tests.planner.test_spilling import spilled_problems
from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import Manner, cascade, flow
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.order_bound import bound, cut_network
from tinyseg_tvm.planner.order_descent import Descent, better_orders
from tinyseg_tvm.planner.order_search import Outcome, Span, search_order
from tinyseg_tvm.planner.step_graph import profile, step_graph
from tinyseg_tvm.planner.step_table import step_table

needs_compiler = pytest.mark.skipif(native.load() is None, reason="the host has no C compiler")
AMPLE = 1 << 40
MOST_SETS = 60  # of one size, in a search through all


def graph_of(problem, alignment=1):
    return step_graph(flow(step_table(problem)), alignment)


def in_file_order(problem):
    return cascade(flow(step_table(problem)), Manner.DEMAND, range(len(problem.operators))).tolist()


def least_of_all_orders(graph):
    """The smallest peak of any order, by every downset; None where they are too many to look at."""
    best = {(0,) * graph.operators: (graph.at_start, graph.start)}
    here = dict(best)
    for _ in range(graph.flow.first[-1]):
        reached: dict[tuple[int, ...], tuple[int, int]] = {}
        for done, (peak, live) in here.items():
            for number in range(graph.operators):
                if done[number] == graph.totals[number] or not graph.is_ready(done, number):
                    continue
                after = (*done[:number], done[number] + 1, *done[number + 1 :])
                found = max(peak, live + graph.above(done, number)), live + graph.growth(done, number)
                reached[after] = min(reached.get(after, found), found)
        here = reached
        if len(here) > MOST_SETS:
            return None
    ((peak, _),) = here.values()
    return peak


@settings(max_examples=12)
@given(st.one_of(graphs(), spilled_problems()))
def test_bytes_of_sets_are_the_live_bytes_of_orders(problem):
    """Also with overlaps that depend on what else is finished."""
    table, graph = step_table(problem), graph_of(problem)
    for manner in Manner:
        steps = cascade(graph.flow, manner, range(graph.operators)).tolist()
        assert max(graph.at_start, *profile(graph, steps).peaks) == live_bound(lifetimes(table, steps))


@settings(max_examples=12)
@given(st.one_of(graphs(), spilled_problems()))
def test_the_order_found_is_the_best_of_all(problem):
    check_best_of_all(problem)


@pytest.mark.release
@settings(max_examples=120)
@given(st.one_of(graphs(), spilled_problems()))
def test_the_order_found_is_the_best_of_all_of_many(problem):
    check_best_of_all(problem)


def check_best_of_all(problem):
    graph = graph_of(problem)
    least = least_of_all_orders(graph)
    if least is None:
        return
    found = search_order(graph, Span.of(graph), graph.at_start, AMPLE, 5_000)
    assert found.outcome is Outcome.FOUND
    assert found.steps is not None
    assert found.level == least == live_bound(lifetimes(step_table(problem), found.steps))
    assert search_order(graph, Span.of(graph), graph.at_start, least - 1, 5_000).outcome is Outcome.EXHAUSTED
    assert bound(graph, found.steps.tolist(), AMPLE) <= least


@needs_compiler
@settings(max_examples=15)
@given(st.one_of(graphs(), spilled_problems()), st.sampled_from([1, 8]), st.sampled_from([3, 100]))
def test_native_and_python_searches_agree(problem, alignment, limit):
    graph = graph_of(problem, alignment)
    steps = in_file_order(problem)
    for floor in (graph.at_start, int(max(profile(graph, steps).peaks)) - 1):
        natively, slowly = (
            search_order(graph, Span.of(graph), floor, AMPLE, limit, compiled=compiled) for compiled in (True, False)
        )
        assert (natively.outcome, natively.level, natively.sets) == (slowly.outcome, slowly.level, slowly.sets)
        if natively.steps is not None and slowly.steps is not None:
            assert natively.steps.tolist() == slowly.steps.tolist()


@needs_compiler
@settings(max_examples=6)
@given(st.one_of(graphs(), spilled_problems()))
def test_native_and_python_cuts_agree(problem):
    graph = graph_of(problem)
    network = cut_network(graph)
    for step in range(0, graph.flow.first[-1], 5):
        assert network.bytes_at(step, AMPLE) == network.bytes_at(step, AMPLE, compiled=False)
    steps = in_file_order(problem)
    assert bound(graph, steps, AMPLE) == bound(graph, steps, AMPLE, compiled=False)


@needs_compiler
def test_native_and_python_descents_agree():
    problem = mobilenet(32, io="line")
    graph = graph_of(problem, 8)
    steps = in_file_order(problem)
    least = bound(graph, steps, AMPLE)
    natively, slowly = (list(better_orders(graph, steps, least, 0.02, compiled=compiled)) for compiled in (True, False))
    assert natively == slowly
    assert natively


@pytest.mark.parametrize("build", [mobilenet, squeeze_excite])
def test_plans_by_line_come_close_to_the_bound(build):
    """No order of steps has fewer bytes alive than the cheapest cuts; what is left is packing's choice."""
    problem = build(32, io="line")
    graph = graph_of(problem)
    steps = plan(problem, effort=0.3).steps
    least = bound(graph, steps, AMPLE)
    assert least <= live_bound(lifetimes(step_table(problem), steps)) <= 1.02 * least


def test_a_descent_lowers_peaks_and_keeps_the_steps():
    problem = tiny_unet(24, 16, io="line")
    graph = graph_of(problem)
    before = in_file_order(problem)
    descent = Descent(graph, before)
    descent.run(0.8, 300_000, (8, 16, 32, 64))
    after = descent.steps.tolist()
    assert sorted(after) == sorted(before)
    assert descent.peak == live_bound(lifetimes(step_table(problem), after))
    assert descent.peak < max(profile(graph, before).peaks)
    known = profile(graph, after)
    assert (known.peaks == descent.peaks).all()
    assert (known.live == descent.live).all()


def test_orders_are_searched_within_their_work():
    problem = tiny_unet(24, 16)
    graph = graph_of(problem)
    found = search_order(graph, Span.of(graph), graph.at_start, AMPLE, 50)
    assert found.outcome is Outcome.GIVEN_UP
    assert found.sets == 50
    assert found.level <= bound(graph, in_file_order(problem), AMPLE)
