import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.report.memory import Kind, Owner
from tinyseg_tvm.report.outlines import Band, bands, label_spot, outlines, polygon, stacked


def owner(*rectangles):
    addresses = np.array([[low, high] for low, high, _, _ in rectangles], dtype=np.int64).reshape(-1, 2)
    steps = np.array([[begin, end] for _, _, begin, end in rectangles], dtype=np.int64).reshape(-1, 2)
    return Owner("t", Kind.TENSOR, 0, addresses, steps)


def test_lines_that_follow_each_other_in_a_ring_slot_become_one_band():
    assert bands(owner((0, 8, 0, 3), (8, 16, 1, 4), (0, 8, 3, 6))) == [Band(0, 8, 0, 6), Band(8, 16, 1, 4)]


def test_a_gap_is_closed_only_within_the_tolerance():
    ring = owner((0, 8, 0, 3), (0, 8, 5, 6))
    assert len(bands(ring)) == 2
    assert bands(ring, tolerance=2) == [Band(0, 8, 0, 6)]


def test_staggered_lines_become_one_stepped_polygon():
    (outline,) = stacked(bands(owner((0, 8, 0, 5), (8, 16, 1, 6), (16, 24, 2, 7))))
    corners = [(5, 0), (5, 8), (6, 8), (6, 16), (7, 16), (7, 24), (2, 24), (2, 16), (1, 16), (1, 8), (0, 8), (0, 0)]
    assert polygon(outline) == corners


def test_bands_apart_in_time_or_address_stay_apart():
    assert len(stacked(bands(owner((0, 8, 0, 2), (8, 16, 2, 4), (20, 24, 0, 4))))) == 3
    assert len(stacked(bands(owner((0, 8, 4, 6), (8, 16, 0, 2))))) == 2


rectangles = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from((8, 8, 8, 5, 0)), st.integers(0, 30), st.integers(0, 9)).map(
        lambda r: (r[0] * 8, r[0] * 8 + r[1], r[2], r[2] + r[3])
    ),
    max_size=30,
)


def covered(shapes):
    grid = np.zeros((200, 60), dtype=bool)
    for low, high, begin, end in shapes:
        grid[low:high, begin:end] = True
    return grid


@given(rectangles)
def test_outlines_cover_exactly_what_the_lines_occupy(shapes):
    found = [
        (band.low, band.high, band.begin, band.end) for outline in stacked(bands(owner(*shapes))) for band in outline
    ]
    assert (covered(found) == covered(shapes)).all()


@given(rectangles.filter(bool))
def test_bands_of_an_outline_touch_and_overlap_in_time(shapes):
    for outline in stacked(bands(owner(*shapes))):
        for below, above in itertools.pairwise(outline):
            assert below.high == above.low
            assert min(below.end, above.end) > max(below.begin, above.begin)


def test_thirty_thousand_lines_stay_drawable():
    ring = owner(*(((i % 97) * 8, (i % 97) * 8 + 8, i, i + 60) for i in range(30_000)))
    (shapes,) = outlines([ring], steps=30_060, limit=500)
    assert sum(len(shape) for shape in shapes) <= 500


def test_a_label_sits_inside_the_shape():
    (outline,) = stacked(bands(owner(*((8 * i, 8 * i + 8, i, i + 20) for i in range(10)))))
    (x, y), width = label_spot(outline, height=16)
    assert width == pytest.approx(19)
    band = next(band for band in outline if band.low <= y <= band.high)
    assert band.begin <= x - width / 2 + 1
    assert x + width / 2 - 1 <= band.end


def test_a_shape_lower_than_the_label_has_no_spot():
    assert label_spot((Band(0, 4, 0, 100),), height=8)[1] == 0
