"""Permutations and reshapes exchange exactly as NumPy says."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.relay_passes import layouts

NHWC_TO_NCHW = (0, 3, 1, 2)


@st.composite
def permuted_and_reshaped(draw):
    """A shape, a permutation of it, and another shape of as many elements."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=6))

    def shape():
        cuts = sorted(draw(st.lists(st.integers(0, len(factors)), max_size=4)))
        bounds = [0, *cuts, len(factors)]
        return tuple(math.prod(factors[a:b]) for a, b in itertools.pairwise(bounds))

    logical, target = shape(), shape()
    permutation = tuple(draw(st.permutations(range(len(logical)))))
    return layouts.permuted(logical, layouts.inverse(permutation)), permutation, target


@given(permuted_and_reshaped())
def test_a_permutation_exchanged_with_a_reshape_gives_the_same_elements(case):
    shape, permutation, target = case
    x = np.arange(math.prod(shape)).reshape(shape)
    wanted = x.transpose(permutation).reshape(target)
    found = layouts.through_reshape(shape, permutation, target)
    if found is None:
        assert not layouts.keeps_order(shape, permutation)
        return
    early, late = found
    np.testing.assert_array_equal(x.reshape(early).transpose(late), wanted)


@given(permuted_and_reshaped(), st.randoms(use_true_random=False))
def test_a_reshape_exchanged_with_a_permutation_gives_the_same_elements(case, random):
    shape, permutation, target = case
    order = tuple(random.sample(range(len(target)), len(target)))
    wanted = np.arange(math.prod(shape)).reshape(shape).transpose(permutation).reshape(target).transpose(order)
    found = layouts.regrouped(shape, permutation, target, order)
    if found is not None:
        early, late, new = found
        np.testing.assert_array_equal(np.arange(math.prod(shape)).reshape(early).transpose(late).reshape(new), wanted)


@pytest.mark.parametrize(
    ("shape", "permutation", "target", "wanted"),
    [
        ((1, 5, 4, 2, 3), (0, 4, 3, 1, 2), (1, 6, 5, 4), NHWC_TO_NCHW),  # shuffled channels
        ((1, 5, 2, 4, 2, 3), (0, 2, 4, 5, 1, 3), (1, 12, 5, 4), NHWC_TO_NCHW),  # blocks of pixels into channels
        ((1, 5, 4, 3), NHWC_TO_NCHW, (1, 60), (0, 1)),
    ],
)
def test_what_is_reshaped_lies_best_as_it_did_before(shape, permutation, target, wanted):
    assert layouts.outermost_first(shape, permutation, target) == wanted


@pytest.mark.parametrize(
    ("shape", "permutation", "target", "wanted"),
    [
        ((1, 1, 1, 8), NHWC_TO_NCHW, (1, 8), ((1, 8), (0, 1))),
        ((1, 5, 4, 8), NHWC_TO_NCHW, (1, 8, 20), ((1, 20, 8), (0, 2, 1))),
        ((1, 5, 4, 8), NHWC_TO_NCHW, (1, 160), None),
        ((1, 5, 4, 8), NHWC_TO_NCHW, (1, 2, 4, 5, 4), ((1, 5, 4, 2, 4), (0, 3, 4, 1, 2))),
        ((1, 6, 1, 8), NHWC_TO_NCHW, (1, 8, 3, 2), ((1, 3, 2, 8), NHWC_TO_NCHW)),
    ],
)
def test_reshapes_that_keep_axes_together_pass(shape, permutation, target, wanted):
    assert layouts.through_reshape(shape, permutation, target) == wanted


def test_moving_axes_of_one_element_moves_nothing():
    assert layouts.keeps_order((1, 49, 10, 1), (0, 3, 1, 2))
    assert not layouts.keeps_order((1, 49, 10, 2), (0, 3, 1, 2))
