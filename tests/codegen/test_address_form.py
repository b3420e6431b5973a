"""Address functions reproduce any placement, in few bytes where it is regular."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyseg_tvm.codegen.memories.addresses import AddressForm, address_form


def evaluate(form: AddressForm, line: int) -> int:
    """The C expression in Python: the same operators on non-negative numbers."""
    text = re.sub(r"(\d+)u", r"\1", form.expression.format(table="table")).replace("(uint32_t)", "")
    while "?" in text:  # C's conditional, from the last one
        head, _, tail = text.rpartition("?")
        head, colon, condition = head.rpartition(":")
        then, _, otherwise = tail.partition(":")
        text = f"{head}{colon}(({then}) if ({condition}) else ({otherwise}))"
    return int(eval(text, {"line": line, "table": None if form.table is None else form.table.tolist()}))


def ring(base: int, pitch: int, capacity: int, phase: int, lines: int) -> list[int]:
    return [base + (i + phase) % capacity * pitch for i in range(lines)]


rings = st.builds(
    ring,
    st.integers(0, 10_000),
    st.integers(1, 500),
    st.integers(1, 9),
    st.integers(0, 8),
    st.integers(1, 60),
)
pieces = st.lists(
    st.builds(
        lambda base, pitch, lines: [base + i * pitch for i in range(lines)],
        st.integers(0, 5000),
        st.integers(0, 300),
        st.integers(1, 20),
    ),
    min_size=1,
    max_size=4,
).map(lambda runs: [offset for run in runs for offset in run])
anything = st.lists(st.integers(0, 2**20), min_size=1, max_size=30)


@given(st.one_of(rings, pieces, anything, anything.map(lambda o: o * 3)))
@settings(max_examples=300)
def test_every_address_is_reproduced(offsets):
    form = address_form(offsets)
    assert [evaluate(form, i) for i in range(len(offsets))] == offsets


@given(rings)
@example(ring(0, 1, 9, 8, 9))
def test_rings_need_no_table(offsets):
    assert address_form(offsets).table is None or len(set(offsets)) <= 8


@pytest.mark.parametrize("phase", range(9))
@pytest.mark.parametrize("lines", [9, 10, 30])
def test_a_ring_that_turns_once_is_a_ring_wherever_it_starts(phase, lines):
    """Also where its last line is the first that is written, so that it wraps between the first two."""
    form = address_form(ring(100, 16, 9, phase, lines))
    assert form.kind == ("affine" if (phase, lines) == (0, 9) else "ring")
    assert [evaluate(form, i) for i in range(lines)] == ring(100, 16, 9, phase, lines)


def test_part_of_a_ring_that_jumps_by_another_distance_is_none():
    assert address_form([5, 6, 0, 1, 2]).kind != "ring"


def test_tables_are_as_narrow_as_their_multiples():
    rng = np.random.default_rng(0)
    form = address_form((1000 + 16 * rng.permutation(200)).tolist())
    assert form.table is not None
    assert form.table.dtype == np.uint8
