"""Orders of steps made in C, and their peaks, are those made in Python, step by step and byte by byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planner.test_random_graphs import graphs
from tests.planner.test_spilling import spilled_problems
from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import Manner, cascade, flow
from tinyseg_tvm.planner.segmentation import Segments
from tinyseg_tvm.planner.step_table import step_table

needs_compiler = pytest.mark.skipif(native.load() is None, reason="the host has no C compiler")


@needs_compiler
@settings(max_examples=120)
@given(st.one_of(graphs(), spilled_problems()), st.data())
def test_native_and_python_cascades_agree(problem, data):
    steps = flow(step_table(problem))
    count = len(problem.operators)
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    members, before = range(begin, end), range(begin)
    for manner in Manner:
        natively, slowly = (cascade(steps, manner, members, before, compiled=compiled) for compiled in (True, False))
        assert natively.tolist() == slowly.tolist()


@needs_compiler
@settings(max_examples=120)
@given(st.one_of(graphs(), spilled_problems()), st.data())
def test_native_and_python_segments_agree(problem, data):
    steps = flow(step_table(problem))
    count = len(problem.operators)
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    order = range(count)
    natively, slowly = (Segments(steps, order, compiled=compiled) for compiled in (True, False))
    found = natively.of(begin, end)
    assert found == slowly.of(begin, end)
    assert natively.steps(found).tolist() == slowly.steps(found).tolist()
    assert natively.settled == slowly.settled
