"""The files of tinyseg_tvm/micro/port: C as it is, and templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2

from tinyseg_tvm.codegen.text.identifiers import comment_text


def _package_folder(name: str) -> Path:
    """Where a package's files are, without importing it."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


PORT_FOLDER = _package_folder("tinyseg_tvm.micro") / "port"


def read_port_file(path: str) -> bytes:
    """A file as it is."""
    return (PORT_FOLDER / path).read_bytes()


def c_files(folder: str) -> dict[str, bytes]:
    """The C files and headers of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted((PORT_FOLDER / folder).glob("*.[ch]"))}


def render(path: str, values: Mapping[str, Any]) -> bytes:
    """A template filled in."""
    return _templates().get_template(path).render(values).encode()


@cache
def _templates() -> jinja2.Environment:
    """The port's templates, each compiled once."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PORT_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["comment"] = comment_text
    return templates
