"""A bar that shows how far a long search is: on a terminal, and in a notebook."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a notebook without widgets gets a bar of text
    from tqdm.auto import tqdm


class ProgressBar:
    """A bar on stderr, or a widget in a notebook; silent elsewhere.

    ``with ProgressBar() as progress: relay.build(mod, target, progress=progress)``
    """

    def __init__(self, quiet: bool = False) -> None:
        """A bar that has not begun.

        Args:
            quiet: show nothing.
        """
        seen = sys.stderr.isatty() or "ipykernel" in sys.modules
        bar_format = "{desc} {bar} {percentage:.0f}%"
        self._bar = tqdm(total=100, leave=False, disable=quiet or not seen, bar_format=bar_format)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, what: str, done: float) -> None:
        """Shows what is being done and how far it is, 0 to 1."""
        self._bar.set_description(what, refresh=False)
        self._bar.n = round(100 * min(max(done, 0.0), 1.0))
        self._bar.refresh()
