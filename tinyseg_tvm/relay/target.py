"""Target strings: ``c -tinyseg -mcpu=cortex-m4 -ram=64K``.

``parse_target`` reads every such string; those without further options are TVM target tags too (target_tags.py).
"""

from __future__ import annotations

import shlex
from typing import Any

from tinyseg_tvm.boards import core_names
from tinyseg_tvm.compiler.options import BuildOptions, options_from_text
from tinyseg_tvm.errors import UsageError

EXAMPLE = "c -tinyseg -mcpu=cortex-m4 -ram=64K"


def parse_target(target: object) -> BuildOptions:
    """Build options of a target string or a ``tvm.target.Target`` made from one of our tags.

    Raises:
        UsageError: not a ``c -tinyseg`` target, or an option it does not have.
    """
    if not isinstance(target, str):
        return _from_tvm_target(target)
    try:
        words = shlex.split(target)
    except ValueError as error:
        raise UsageError(f"target {target!r}: {error}; a target looks like {EXAMPLE!r}") from None
    if not words or words[0] != "c" or not {"-tinyseg", "--tinyseg"} & set(words):
        raise UsageError(f"target {target!r}: must begin with 'c -tinyseg', e.g. {EXAMPLE!r}")
    values: dict[str, str] = {}
    for word in words[1:]:
        if not word.startswith("-"):
            raise UsageError(f"target {target!r}: {word!r} is no option; write -name=value, e.g. {EXAMPLE!r}")
        key, _, value = word.lstrip("-").partition("=")
        if key == "tinyseg":
            continue
        if key in values:
            raise UsageError(f"target {target!r}: -{key} is given twice")
        values[key] = value
    options = options_from_text(values)
    if options.mcpu and options.mcpu not in core_names():
        raise UsageError(f"-mcpu={options.mcpu}: unknown core; there are {', '.join(core_names())}")
    return options


def _from_tvm_target(target: object) -> BuildOptions:
    keys = getattr(target, "keys", ())
    keys = () if callable(keys) else [str(key) for key in keys]
    if "tinyseg" not in keys:
        what = f"target {target}" if keys else f"target of type {type(target).__name__}"
        raise UsageError(f"{what}: not a tinyseg target; use a string such as {EXAMPLE!r}")
    attributes: Any = getattr(target, "attrs", {})
    mcpu = str(attributes.get("mcpu", "")) if attributes else ""
    return options_from_text({"mcpu": mcpu} if mcpu else {})
