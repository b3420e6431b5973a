"""Schedule tables replay their steps, and are small where the schedule is regular."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseg_tvm.codegen.library.schedule import replay, schedule_table

steps = st.recursive(
    st.lists(st.integers(0, 5), max_size=6),
    lambda inner: st.tuples(inner, st.integers(1, 6), inner).map(lambda t: t[0] * t[1] + t[2]),
    max_leaves=6,
)


@given(steps)
@settings(max_examples=200)
def test_a_table_replays_its_steps(order):
    assert replay(schedule_table(order, 6)) == order


def test_loops_nest():
    order = ([0, 1, 1] * 4 + [2]) * 30
    table = schedule_table(order, 3)
    assert table.depth == 2
    assert table.bytes <= 16


def test_runs_longer_than_a_byte_are_kept():
    order = [0] * 70_000 + [1]
    table = schedule_table(order, 2)
    assert replay(table) == order
    assert table.bytes <= 12


def test_more_operators_than_a_byte_counts():
    order = list(range(600))
    table = schedule_table(order, 600)
    assert replay(table) == order
    assert table.entry_bytes == 4


def test_a_table_takes_at_most_four_bytes_per_step():
    order = [(i * 7919) % 251 for i in range(2000)]
    assert schedule_table(order, 251).bytes <= 4 * len(order)
