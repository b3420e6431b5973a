"""The axes that a network can stream along."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.streaming_axis import transpose_spatial
from tinyseg_tvm.planner.progress import Progress, part, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Oriented:
    """A network whose lines are rows or columns of the model.

    Attributes:
        axis: "rows" or "columns".
        network: exchanged for columns.
    """

    axis: str
    network: Network


def by_axis(
    network: Network, situation: Situation, progress: Progress | None = None
) -> Iterator[tuple[Oriented, Progress]]:
    """The network along each axis that the options allow, with the progress of what is done for that axis.

    Raises:
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    oriented = list(_oriented(network, situation.options.stream_axis))
    for number, each in enumerate(oriented):
        begin, end = number / len(oriented), (number + 1) / len(oriented)
        yield each, part(progress or silent, begin, end, f"{each.axis}: ")


def _oriented(network: Network, axis: str) -> Iterator[Oriented]:
    if axis in ("auto", "rows"):
        yield Oriented("rows", network)
    if axis in ("auto", "columns"):
        try:
            yield Oriented("columns", transpose_spatial(network))
        except TinySegError as error:
            if axis == "columns":
                raise
            logger.info("columns are not available: %s", error)
