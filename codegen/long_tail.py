"""C of operators without a kernel of ours, from TVM's C generator."""

from __future__ import annotations

from collections.abc import Sequence


def long_tail_files(name: str, functions: Sequence[str]) -> dict[str, str]:
    """``src/<name>_tvm.c`` with the functions and its header; nothing where there are none."""
    if not functions:
        return {}
    raise NotImplementedError
