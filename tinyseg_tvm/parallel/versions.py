"""What results depend on beside their question: the version of every tool that has a part in them."""

from __future__ import annotations

import hashlib
import importlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

Versions = tuple[tuple[str, str], ...]
"""Names of tools and their versions."""

_PARTS = ("", "codegen", "relay_passes")  # of the package, which stand apart in a checkout
_KINDS = frozenset({".py", ".c", ".h", ".toml"})


@cache
def package_versions() -> Versions:
    """Of this package (with the content of its files, so that two states of a checkout are told apart) and of TVM."""
    return (("tinyseg-tvm", f"{_version('tinyseg-tvm')} ({_content()})"), ("apache-tvm", _version("apache-tvm")))


def differing(ours: Versions, theirs: Versions) -> str:
    """What differs, in words; empty where nothing does.

    Args:
        ours: versions of who asks.
        theirs: of this computer.
    """
    here = dict(theirs)
    words = [
        f"{name} is {here.get(name, 'absent')} and not {version}" for name, version in ours if here.get(name) != version
    ]
    return f"on the worker {platform.node()} {', '.join(words)}: install the same there" if words else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _content() -> str:
    """Of all sources, wherever they are installed."""
    found: dict[str, bytes] = {}
    for part in _PARTS:
        name = f"tinyseg_tvm.{part}" if part else "tinyseg_tvm"
        for folder in map(Path, importlib.import_module(name).__path__):
            for path in folder.rglob("*"):
                if path.suffix in _KINDS and path.is_file():
                    found[(Path(part) / path.relative_to(folder)).as_posix()] = path.read_bytes()
    total = hashlib.sha256()
    for where, content in sorted(found.items()):
        total.update(f"{where} {len(content)} ".encode() + content)
    return total.hexdigest()[:12]
