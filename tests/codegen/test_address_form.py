"""Address functions reproduce any placement, in few bytes where it is regular."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
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


rings = st.builds(
    lambda base, pitch, capacity, phase, lines: [base + (i + phase) % capacity * pitch for i in range(lines)],
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
@settings(max_examples=300, deadline=None)
def test_every_address_is_reproduced(offsets):
    form = address_form(offsets)
    assert [evaluate(form, i) for i in range(len(offsets))] == offsets


@given(rings)
def test_rings_need_no_table(offsets):
    assert address_form(offsets).table is None or len(set(offsets)) <= 8


def test_tables_are_as_narrow_as_their_multiples():
    rng = np.random.default_rng(0)
    form = address_form((1000 + 16 * rng.permutation(200)).tolist())
    assert form.table is not None
    assert form.table.dtype == np.uint8
