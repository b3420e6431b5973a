"""Target strings as TVM target tags.

TVM 0.27 refuses target strings with options, but a tag may have any name: with these, TVM itself understands
``tvm.target.Target("c -tinyseg -mcpu=cortex-m4")``.
"""

from __future__ import annotations

from tinyseg_tvm.boards import core_names


def register_target_tags() -> None:
    """Registers ``c -tinyseg`` and ``c -tinyseg -mcpu=<core>`` for every known core; again changes nothing."""
    from tvm.target import register_tag

    register_tag("c -tinyseg", {"kind": "c", "keys": ["tinyseg", "cpu"]}, override=True)
    for core in core_names():
        name = f"c -tinyseg -mcpu={core}"
        register_tag(name, {"kind": "c", "keys": ["tinyseg", "cpu"], "mcpu": core}, override=True)
