"""Branch and bound packs rectangles that were cut from a full square back into it, and proves what is impossible."""

import random

import numpy as np
import pytest

from tinyseg_tvm.planner.branch_and_bound import fit

SIDE = 20


def cut(chance, left, right, low, high, parts):
    """Cut the rectangle [left, right) x [low, high) into ``parts`` by straight cuts."""
    if parts <= 1 or (right - left < 2 and high - low < 2):
        return [(high - low, left, right)]
    first = chance.randint(1, parts - 1)
    if right - left >= 2 and (chance.random() < 0.5 or high - low < 2):
        at = chance.randint(left + 1, right - 1)
        return cut(chance, left, at, low, high, first) + cut(chance, at, right, low, high, parts - first)
    at = chance.randint(low + 1, high - 1)
    return cut(chance, left, right, low, at, first) + cut(chance, left, right, at, high, parts - first)


@pytest.mark.parametrize("seed", range(60))
def test_a_square_without_a_free_byte_is_packed_again(seed):
    chance = random.Random(seed)
    rectangles = np.array(cut(chance, 0, SIDE, 0, SIDE, chance.randint(3, 12)))
    address = fit(rectangles, SIDE, nodes=20_000)
    assert address is not None
    square = np.zeros((SIDE, SIDE), dtype=int)
    for (size, begin, end), low in zip(rectangles.tolist(), address.tolist(), strict=True):
        square[low : low + size, begin:end] += 1
    assert (square == 1).all()


def test_what_exceeds_the_height_is_refused():
    assert fit(np.array([[3, 0, 2], [3, 1, 3]]), 5) is None
    assert fit(np.array([[3, 0, 2], [3, 1, 3]]), 6) is not None
