"""From parsed arguments to a planned network, with a progress bar on a terminal."""

from __future__ import annotations

import argparse
import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from tinyseg_tvm.cli import arguments as shared
from tinyseg_tvm.relay import Factory, build, frontend


class ProgressBar:
    """A bar on stderr while the planner searches; silent unless stderr is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._bar = tqdm(
            total=100,
            leave=False,
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{desc} {bar} {percentage:.0f}%",
        )

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


def import_model(arguments: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The module and parameters of the verb's model, with the states that the user named."""
    shapes = shared.parse_shapes(arguments.shape)
    mod, params = frontend.from_file(arguments.model, shapes=shapes, batch=arguments.batch)
    return frontend.bind_states(mod, shared.parse_states(arguments.state, *frontend.port_names(mod))), params


def compile_model(arguments: argparse.Namespace) -> Factory:
    """The planned network of the verb's model and build options."""
    options = shared.build_options(arguments)
    mod, params = import_model(arguments)
    with ProgressBar(arguments.quiet) as progress:
        return build(mod, options, params, name=arguments.name or arguments.model.stem, progress=progress)
