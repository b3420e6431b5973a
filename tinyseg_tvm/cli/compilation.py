"""From parsed arguments to a planned network, with a progress bar on a terminal."""

from __future__ import annotations

import argparse
from typing import Any

from tinyseg_tvm.cli import arguments as shared
from tinyseg_tvm.relay import Factory, ProgressBar, build, frontend


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
