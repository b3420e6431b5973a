"""Branch and bound packs rectangles that were cut from a full square back into it, and proves what is impossible."""

import csv
import random
from functools import partial

import numpy as np
import pytest
from minimalloc import native
from minimalloc.branch_and_bound import OutOfNodes, fit, search_in_python, search_natively, sections

SIDE = 20
CAPACITY = 1_048_576  # bytes, of the problems of google/minimalloc
NODES = 1_000_000  # placements tried


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


@pytest.mark.parametrize("problem", "ABDE")
def test_a_problem_of_minimalloc_is_solved(models_dir, problem):
    if native.load() is None:
        pytest.skip("the host has no C compiler, and in Python this takes minutes")
    rectangles = read_problem(models_dir, problem)
    address = fit(rectangles, CAPACITY, nodes=NODES)
    assert address is not None
    assert_packed(rectangles, address, CAPACITY)


@pytest.mark.parametrize("problem", "AE")
def test_native_and_python_search_decide_alike(models_dir, problem):
    """Both founder on the same blocks, equally often, and reach the same place."""
    rectangles = read_problem(models_dir, problem)
    assert assert_searches_equal(rectangles, CAPACITY, 40, 12).any()


@pytest.mark.parametrize("seed", range(20))
def test_native_and_python_search_agree_on_random_rectangles(seed):
    chance = random.Random(seed)
    rectangles = np.array(cut(chance, 0, SIDE, 0, SIDE, 25))
    assert_searches_equal(rectangles, SIDE, 100, 5)


def test_without_a_compiler_the_python_search_answers(monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent/compiler")
    native.load.cache_clear()
    try:
        assert native.load() is None
        assert fit(np.array([[3, 0, 2], [3, 1, 3]]), 6) is not None
    finally:
        monkeypatch.undo()
        native.load.cache_clear()


def assert_searches_equal(rectangles, height, nodes, rounds):
    search = native.load()
    if search is None:
        pytest.skip("the host has no C compiler")
    problem = sections(rectangles, height)
    ours, theirs = np.zeros((2, len(rectangles)), dtype=np.int64)
    for seed in range(rounds):
        order = np.random.default_rng(seed).permutation(len(rectangles))
        results: list[np.ndarray | str | None] = []
        for blame, run in ((ours, search_in_python), (theirs, partial(search_natively, search))):
            try:
                results.append(run(problem, order, nodes, blame))
            except OutOfNodes:
                results.append("given up")
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(ours, theirs)
    return ours


def read_problem(models_dir, problem):
    path = models_dir / "minimalloc" / f"{problem}.{CAPACITY}.csv"
    if not path.is_file():
        pytest.skip("the problems of google/minimalloc are not present")
    with path.open(encoding="utf-8") as file:
        return np.array([(int(row["size"]), int(row["lower"]), int(row["upper"])) for row in csv.DictReader(file)])


def assert_packed(rectangles, address, height):
    """All lie within the height, and no two that live at the same time share a byte."""
    placed = [(*row, low) for row, low in zip(rectangles.tolist(), address.tolist(), strict=True)]
    for at, (size, begin, end, low) in enumerate(placed):
        assert 0 <= low <= height - size
        for other_size, other_begin, other_end, other_low in placed[:at]:
            if begin < other_end and other_begin < end:
                assert low + size <= other_low or other_low + other_size <= low
