"""The points of a sweep: a model and the options of a build each, and what becomes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import load_board
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.storage import storages_of
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.given import Integer, Nullable, Number, Table, Text
from tinyseg_tvm.parallel import Refusal, Versions, differing, package_versions
from tinyseg_tvm.relay import build, frontend

Row = dict[str, Any]
"""A point and its figures by the names of ``HEADERS``."""

HEADERS = (
    *("model", "board", "ram_limit", "storage", "objective", "verdict"),
    *("ram", "arena", "cycles", "milliseconds", "macs", "recomputed_macs", "written", "remark"),
)
"""The columns of the table: bytes, cycles of the estimate, milliseconds at the board's clock. ``ram`` is the whole
program's; where it does not fit, what it needs at least, if that is known. ``written`` goes to storage in an inference.
"""
FITS, TOO_LARGE, ERROR = "fits", "does not fit", "error"

_COUNT = Nullable(Integer(0, (1 << 53) - 1))
_FIGURES = dict.fromkeys(("ram", "arena", "cycles", "macs", "recomputed_macs", "written"), _COUNT)
ANSWER = Table(
    {
        "verdict": Text(20),
        **_FIGURES,
        "milliseconds": Nullable(Number()),
        "remark": Text(1 << 16, printable=False),
    },
    ("verdict", *_FIGURES, "milliseconds", "remark"),
)
"""What ``planned`` answers, for the cache."""


@dataclass(frozen=True)
class Point:
    """What is planned.

    Attributes:
        model: the file, which lies at the same place on all workers.
        digest: of its content.
        options: of the build.
        shapes, batch: as of ``relay.frontend.from_file``.
        versions: of who asks (``parallel.package_versions``).
    """

    model: Path
    digest: str
    options: BuildOptions
    shapes: tuple[tuple[str, Sequence[int] | int], ...] = ()
    batch: int = 1
    versions: Versions = ()

    @property
    def key(self) -> str:
        """All that its figures depend on; boards, storages and records by their content.

        Raises:
            TinySegError: one of them is none.
        """
        board = load_board(self.options.board)
        tuning = _digest(Path(self.options.tuning)) if self.options.tuning else ""
        options = replace(self.options, board="", storage="", tuning="")
        beside = board, storages_of(self.options, board), tuning
        return f"sweep {self.digest} {options!r} {beside!r} {self.shapes!r} {self.batch} {self.versions!r}"

    @property
    def named(self) -> Row:
        """What it is of, by the names of ``HEADERS``."""
        options = self.options
        return {
            "model": self.model.stem,
            "board": options.board,
            "ram_limit": options.ram,
            "storage": options.storage or None,
            "objective": options.objective,
        }


def points_of(
    models: Sequence[Path],
    options: Sequence[BuildOptions],
    shapes: Mapping[str, Sequence[int] | int] | None = None,
    batch: int = 1,
) -> list[Point]:
    """Every model with all options.

    Raises:
        TinySegError: a model's file cannot be read.
        UsageError: a board or a storage that there is not.
    """
    fixed = tuple((shapes or {}).items())
    digests = {model: _digest(model) for model in models}
    versions = package_versions()
    points = [
        Point(model.absolute(), digests[model], each, fixed, batch, versions)
        for model, each in product(models, options)
    ]
    for each in options:
        storages_of(each, load_board(each.board))
    return points


def planned(point: Point) -> Row | Refusal:
    """Plans a point: the figures that ``analyze`` prints, or why there are none."""
    wrong = differing(point.versions, package_versions())
    if wrong:
        return Refusal(wrong)
    answer: Row = dict.fromkeys(_FIGURES) | {"verdict": FITS, "milliseconds": None, "remark": ""}
    try:
        if _digest(point.model) != point.digest:
            return Refusal(f"{point.model} is another file for the worker: put the models where all workers find them")
        mod, params = frontend.from_file(point.model, shapes=dict(point.shapes), batch=point.batch)
        factory = build(mod, point.options, params, name=point.model.stem)
    except DoesNotFitError as error:
        return answer | {"verdict": TOO_LARGE, "ram": error.needed_bytes or None, "remark": str(error)}
    except TinySegError as error:
        return answer | {"verdict": ERROR, "remark": str(error)}
    return answer | {
        "ram": factory.memory.total,
        "arena": factory.memory.arena,
        "cycles": sum(operator.cycles * operator.steps for operator in factory.problem.operators),
        "milliseconds": 1000 * factory.timing.seconds,
        "macs": factory.macs,
        "recomputed_macs": factory.planned.recomputed_macs,
        "written": factory.figures["storage"]["written"],
    }


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TinySegError(f"{path}: {error.strerror or error}") from None
