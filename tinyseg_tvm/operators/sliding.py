"""Operators along lines that never end: which lines each line of the result is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EDGE = "edge"
"""Lines before the first one are the first one, as where a resize clamps its sources."""


@dataclass(frozen=True)
class Sliding:
    """How an operator's results follow from its operands where both go on for ever.

    ``made`` lines of the result follow from every ``taken`` lines of the operands: line ``q * made + r`` reads lines
    from ``q * taken + reads[r][0]`` to ``q * taken + reads[r][1]``. Reads before line 0 are padding.

    Attributes:
        made, taken: see above; both at least 1.
        reads: the first and the last line read, for each of ``made`` lines.
        padding: the value that a line of padding counts as, or ``EDGE``.
        whole_blocks: results can only be made ``made`` lines at a time.
    """

    made: int
    taken: int
    reads: tuple[tuple[int, int], ...]
    padding: float | str = 0
    whole_blocks: bool = False

    def first(self, line: int) -> int:
        """The first line that result line ``line`` reads; both may be negative."""
        blocks, rest = divmod(line, self.made)
        return blocks * self.taken + self.reads[rest][0]

    def last(self, line: int) -> int:
        """The last line that it reads."""
        blocks, rest = divmod(line, self.made)
        return blocks * self.taken + self.reads[rest][1]

    @property
    def pads(self) -> bool:
        """Whether a result reads lines before the first one."""
        return any(self.first(line) < 0 for line in range(self.made * (2 + abs(min(self.reads)[0]) // self.taken)))

    def delay(self, delay: int) -> int:
        """Lines by which results are late where the operands are late by ``delay`` lines; the least possible.

        Of operands there is everything up to line ``-1 - delay`` of a block that ends at line 0.
        """
        found = 0
        while any(self.last(-1 - found - line) > -1 - delay for line in range(2 * self.made)):
            found += 1
        return -(-found // self.made) * self.made if self.whole_blocks else found


ONE_TO_ONE = Sliding(1, 1, ((0, 0),))
"""Line ``i`` to line ``i``."""


def of_table(rows: np.ndarray, weights: np.ndarray, lines: int) -> tuple[Sliding, tuple[np.ndarray, ...]]:
    """Of a resize whose tables repeat, and for each of ``made`` lines its (source, weight) pairs relative to the block.

    Args:
        rows: (OH, T) source lines.
        weights: (OH, T).
        lines: of the operand.

    Raises:
        ValueError: the tables do not repeat, or are clamped to the map otherwise than to its first and last line.
    """
    common = int(np.gcd(len(rows), lines))
    made, taken = len(rows) // common, lines // common
    middle = common // 2
    pattern = [
        np.array([(int(row) - middle * taken, weight) for row, weight in zip(*each, strict=True) if weight])
        for each in zip(rows[middle * made : (middle + 1) * made], weights[middle * made :], strict=False)
    ]
    for line, (sources, shares) in enumerate(zip(rows, weights, strict=True)):
        block, rest = divmod(line, made)
        expected = _summed(np.clip(pattern[rest][:, 0] + block * taken, 0, lines - 1), pattern[rest][:, 1])
        if expected != _summed(sources, shares):
            raise ValueError(f"its lines do not repeat every {taken}: line {line} is made in another way")
    reads = tuple((int(each[:, 0].min()), int(each[:, 0].max())) for each in pattern)
    if min(reads)[0] < -1:
        raise ValueError("its first lines are made of more than one line before the map")
    return Sliding(made, taken, reads, EDGE), tuple(pattern)


def _summed(sources: Sequence[float] | np.ndarray, shares: np.ndarray) -> dict[int, float]:
    """Weight by source."""
    found: dict[int, float] = {}
    for source, share in zip(sources, shares, strict=True):
        if share:
            found[int(source)] = found.get(int(source), 0) + share
    return found
