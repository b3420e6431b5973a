"""Pass: channels that have no part in the results go, and constant ones become parts of biases, on the lowered form."""

from __future__ import annotations

from dataclasses import asdict

from tinyseg_tvm.network.channel_removal import Removed, without_unused_channels
from tinyseg_tvm.relay_passes.dataflow import MAIN, with_main_attrs
from tinyseg_tvm.relay_passes.expressions import Module
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.rewriting import module_pass
from tinyseg_tvm.relay_passes.to_network import to_network

REMOVED_ATTRIBUTE = "tinyseg.removed_channels"


@module_pass("remove_unused_channels")
def remove_unused_channels(module: Module) -> Module:
    """The module of the network without them, with the counts of what went; the module itself where none did."""
    network = to_network(module)
    narrow = without_unused_channels(network)
    if narrow is network:
        return module
    return with_main_attrs(from_network(narrow), {REMOVED_ATTRIBUTE: asdict(Removed.between(network, narrow))})


def removed_channels(module: Module) -> Removed | None:
    """What the pass took from a module; None where it took nothing."""
    attributes = module[MAIN].attrs or {}
    if REMOVED_ATTRIBUTE not in attributes:
        return None
    return Removed(**{str(name): int(count) for name, count in attributes[REMOVED_ATTRIBUTE].items()})
