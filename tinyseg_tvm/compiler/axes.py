"""The axes that a network can stream along."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.progress import Progress, part, silent
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.relay_passes.stream_endlessly import stream_endlessly

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Oriented:
    """A lowered module whose lines are rows or columns of the model.

    Attributes:
        axis: "rows" or "columns".
        lowered: exchanged for columns.
    """

    axis: str
    lowered: LoweredModule

    @property
    def network(self) -> Network:
        """Its network."""
        return self.lowered.network


def by_axis(
    lowered: LoweredModule, situation: Situation, progress: Progress | None = None
) -> Iterator[tuple[Oriented, Progress]]:
    """The module along each axis that the options allow, with the progress of what is done for that axis.

    Raises:
        TinySegError: columns are demanded of a network that cannot stream along them, or endless input of one that
            cannot take it.
        UsageError: so many lines of endless input are not possible.
    """
    options = situation.options
    if options.endless is None:
        oriented = list(_oriented(lowered, axis_of(options)))
    else:
        oriented = [_endless(lowered, axis_of(options), options.endless)]
    for number, each in enumerate(oriented):
        begin, end = number / len(oriented), (number + 1) / len(oriented)
        yield each, part(progress or silent, begin, end, f"{each.axis}: ")


def axis_of(options: BuildOptions) -> str:
    """The axis that the options ask for: "auto", "rows" or "columns".

    Lines that come from a camera and go to a display are rows, unless columns are asked for.
    """
    return "rows" if options.stream_axis == "auto" and options.io == "line" else options.stream_axis


def _endless(lowered: LoweredModule, axis: str, round_lines: int) -> Oriented:
    """A round of a stream along one axis: rows, or columns where the input has a single row."""
    if axis == "auto":
        (given, *_) = lowered.network.inputs or (None,)
        flat = given is not None and lowered.network.tensors[given.tensor].type.lines == 1
        axis = "columns" if flat else "rows"
    (oriented,) = _oriented(lowered, axis)
    made = oriented.lowered.after(stream_endlessly(round_lines, lowered.network.name))
    return Oriented(axis, made)


def _oriented(lowered: LoweredModule, axis: str) -> Iterator[Oriented]:
    if axis in ("auto", "rows"):
        yield Oriented("rows", lowered)
    if axis in ("auto", "columns"):
        try:
            yield Oriented("columns", lowered.exchanged)
        except TinySegError as error:
            if axis == "columns":
                raise
            logger.info("columns are not available: %s", error)
