"""Computes channels block by block where the planner found that this takes less memory (network/channel_blocks.py)."""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.channel_blocks import Region, divided, region_of
from tinyseg_tvm.network.decisions import ChannelBlocks
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.relay_passes.expressions import Module, Pass
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.rewriting import module_pass
from tinyseg_tvm.relay_passes.to_network import to_network


def compute_in_blocks(decisions: Sequence[ChannelBlocks]) -> Pass:
    """The pass for ``decisions``, of regions that have no tensor in common.

    The pass raises TinySegError where a tensor does not divide like that.
    """

    @module_pass("compute_in_blocks")
    def transform(module: Module) -> Module:
        network = to_network(module)
        return from_network(divided(network, [(_region(network, each), each.blocks) for each in decisions]))

    return transform


def _region(network: Network, decision: ChannelBlocks) -> Region:
    region = region_of(network, decision.tensor, decision.axis)
    if region is None or decision.blocks not in region.blocks:
        what = f"axis {decision.axis} of {decision.tensor}"
        raise TinySegError(f"internal: {what} does not divide into {decision.blocks} blocks; please report this model")
    return region
