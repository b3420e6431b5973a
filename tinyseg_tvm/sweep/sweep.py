"""Plans the points of a sweep by an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from tinyseg_tvm.parallel import Cache, results
from tinyseg_tvm.sweep.points import ANSWER, Point, Row, planned


def sweep(points: Sequence[Point], executor: Executor, cache: str | Path | None = None) -> Iterator[Row]:
    """The rows of the points, in their order, as they come to be.

    Args:
        points: what is planned.
        executor: who plans: planning is Python, so that processes or a cluster make it faster, and threads do not.
        cache: folder for figures, where those that are there are not planned again.

    Raises:
        TinySegError: a worker whose versions or models differ. What is wrong with a point stands in its row.
    """
    kept = None if cache is None else Cache(Path(cache), ANSWER)
    answers = results(planned, points, executor, kept, lambda point: point.key)
    for point, answer in zip(points, answers, strict=True):
        yield point.named | answer
