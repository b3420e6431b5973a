"""Branch and bound packs rectangles that were cut from a full square back into it, and proves what is impossible."""

import csv
import random

import numpy as np
import pytest

from tinyseg_tvm.planner.branch_and_bound import fit

SIDE = 20
CAPACITY = 1_048_576  # bytes, of the problems of google/minimalloc
NODES = 250_000  # placements tried


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


@pytest.mark.parametrize("seed", range(40))
def test_a_square_is_packed_again_beside_parts_that_come_apart(seed):
    """Two squares side by side under one wide rectangle: what is undone in one must be undone in the other."""
    chance = random.Random(seed)
    sides = [cut(chance, left, left + SIDE, 0, SIDE, chance.randint(5, 9)) for left in (0, SIDE)]
    rectangles = np.array([*sides[0], *sides[1], (5, 0, 2 * SIDE)])
    address = fit(rectangles, SIDE + 5, nodes=60_000)
    assert address is not None
    assert_packed(rectangles, address, SIDE + 5)


@pytest.mark.parametrize("problem", ["F"])
def test_a_problem_of_minimalloc_is_solved(models_dir, problem):
    path = models_dir / "minimalloc" / f"{problem}.{CAPACITY}.csv"
    if not path.is_file():
        pytest.skip("the problems of google/minimalloc are not present")
    with path.open(encoding="utf-8") as file:
        rows = [(int(row["size"]), int(row["lower"]), int(row["upper"])) for row in csv.DictReader(file)]
    rectangles = np.array(rows)
    address = fit(rectangles, CAPACITY, nodes=NODES)
    assert address is not None
    assert_packed(rectangles, address, CAPACITY)


def assert_packed(rectangles, address, height):
    """All lie within the height, and no two that live at the same time share a byte."""
    placed = [(*row, low) for row, low in zip(rectangles.tolist(), address.tolist(), strict=True)]
    for at, (size, begin, end, low) in enumerate(placed):
        assert 0 <= low <= height - size
        for other_size, other_begin, other_end, other_low in placed[:at]:
            if begin < other_end and other_begin < end:
                assert low + size <= other_low or other_low + other_size <= low
