"""First-fit in C places every block where first-fit in Python does, and never two on one byte."""

import numpy as np
import pytest

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.rectangles import Blocks, first_fit


def random_blocks(rng):
    """Single rectangles, staircases, which climb or not, and buffers with gaps in time."""
    rows, first = [], [0]
    for _ in range(int(rng.integers(1, 60))):
        begin = int(rng.integers(0, 80))
        size = int(rng.integers(1, 40))
        kind = rng.integers(3)
        for number in range(1 if kind == 0 else int(rng.integers(2, 6))):
            offset = number * size if kind == 1 else 0
            start = begin + number * int(rng.integers(1, 5)) if kind == 1 else begin + number * 15
            rows.append((offset, size, start, start + int(rng.integers(1, 14))))
        first.append(len(rows))
    offset, size, birth, end = np.array(rows, dtype=np.int64).T
    return Blocks(np.array(first), offset, size, birth, end, int(rng.choice([1, 4, 8])))


@pytest.mark.parametrize("seed", range(150))
def test_native_and_python_first_fit_agree(seed):
    if native.load() is None:
        pytest.skip("the host has no C compiler")
    rng = np.random.default_rng(seed)
    blocks = random_blocks(rng)
    order = rng.permutation(blocks.count)
    high = frozenset(int(block) for block in rng.choice(blocks.count, int(rng.integers(0, 4))))
    ceiling = int(rng.integers(0, 400))
    slow = first_fit(blocks, order, high, ceiling, compiled=False)
    assert first_fit(blocks, order, high, ceiling).tolist() == slow.tolist()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_no_byte_has_two_owners(seed, compiled):
    rng = np.random.default_rng(1000 + seed)
    blocks = random_blocks(rng)
    high = frozenset(range(0, blocks.count, 7))
    address = first_fit(blocks, rng.permutation(blocks.count), high, 300, compiled=compiled)
    assert (address % blocks.alignment == 0).all()
    owner = np.zeros((int((address + blocks.height()).max()), int(blocks.end.max())), dtype=int)
    for block in range(blocks.count):
        mine = np.zeros_like(owner, dtype=bool)
        for r in range(int(blocks.first[block]), int(blocks.first[block + 1])):
            low = int(address[block] + blocks.offset[r])
            mine[low : low + int(blocks.size[r]), int(blocks.birth[r]) : int(blocks.end[r])] = True
        owner += mine
    assert owner.max() <= 1


@pytest.mark.parametrize("compiled", [False, True])
def test_staircases_of_thousands_of_lines_are_placed_without_a_look_at_each_pair(compiled):
    """Three of them, of which the second lies under the third: as ranges of each pair they would take gigabytes."""
    lines = 20_000
    numbers = np.arange(lines)
    first = np.array([0, lines, 2 * lines, 3 * lines])
    birth = np.concatenate([np.zeros(lines, dtype=np.int64), numbers, numbers])
    end = np.concatenate([numbers + 1, numbers + 2, np.full(lines, lines + 2)])
    blocks = Blocks(first, np.tile(numbers * 8, 3), np.full(3 * lines, 8), birth, end, 8)
    assert first_fit(blocks, np.array([2, 0, 1]), compiled=compiled).tolist() == [8, lines * 8 + 8, 0]


def test_without_a_compiler_first_fit_in_python_answers(monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent/compiler")
    native.load.cache_clear()
    try:
        assert native.load() is None
        blocks = random_blocks(np.random.default_rng(0))
        assert (first_fit(blocks, np.arange(blocks.count)) >= 0).all()
    finally:
        monkeypatch.undo()
        native.load.cache_clear()
