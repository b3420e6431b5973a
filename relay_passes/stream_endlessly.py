"""The lowered module as a round of a stream of lines that never ends: see network/endless.py."""

from __future__ import annotations

from tinyseg_tvm.network.endless import endless
from tinyseg_tvm.relay_passes.dataflow import MAIN
from tinyseg_tvm.relay_passes.expressions import Module, Pass
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.rewriting import module_pass
from tinyseg_tvm.relay_passes.to_network import to_network


def stream_endlessly(round_lines: int, name: str = "network") -> Pass:
    """The pass for a lowered module; ``name`` is that of the network, for messages.

    Args:
        round_lines: lines of the input that come in a round; 0 for as few as possible.
        name: the network's.

    Raises:
        TinySegError: the network cannot run so.
        UsageError: so many lines in a round are not possible.
    """

    @module_pass("stream_endlessly")
    def transform(module: Module) -> Module:
        made = from_network(endless(to_network(module, name), round_lines))
        known = made[MAIN].attrs
        kept = {key: value for key, value in module[MAIN].attrs.items() if key not in known}
        made.update_func(made.get_global_var(MAIN), made[MAIN].with_attrs(kept) if kept else made[MAIN])
        return made

    return transform
