"""How a long search tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the work that is done, 0 to 1."""


def silent(_what: str, _share: float) -> None:
    """Where nobody wants to know."""


def part(progress: Progress, begin: float, end: float, where: str = "") -> Progress:
    """What a part of the work tells its progress to: its 0 to 1 are ``begin`` to ``end`` of the whole.

    Args:
        progress: of the whole.
        begin: share of the work that is done before.
        end: share that is done after.
        where: put before what is being done.
    """
    return lambda what, share: progress(where + what, begin + (end - begin) * share)
