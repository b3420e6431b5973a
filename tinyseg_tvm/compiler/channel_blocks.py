"""Chooses where channels are computed block by block: heads of attention, gated maps, wide middles of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tinyseg_tvm.compiler.objective import merit
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.program import plan_program
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.channel_blocks import Region, regions
from tinyseg_tvm.network.decisions import ChannelBlocks
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.relay_passes.compute_in_blocks import compute_in_blocks
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

LEAST_HELD, LEAST_TOGETHER = 0.05, 0.6
"""Of the arena: what a region must hold at once, and what that and the bytes beside it must be, to be divided."""
MOST_BLOCKS = 12
MOST_NODES = 400
"""Of all blocks of all regions, for each unit of effort: planning takes the longer the more nodes there are."""
ALIGNED = 4
"""Channels that kernels take at a time: blocks of so many, or multiples of it, come first."""


def plan_in_blocks(lowered: LoweredModule, situation: Situation, progress: Progress | None = None) -> Planned:
    """The plan that serves the objective best, with blocks of channels where those serve it.

    Raises:
        DoesNotFitError: none keeps the RAM limit.
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    whole: Planned | None = None
    refusal: DoesNotFitError | None = None
    try:
        whole = plan_program(lowered, situation, progress)
    except DoesNotFitError as error:
        refusal = error
    if may_divide(situation.options, fits=whole is not None):
        arena = whole.arena_bytes if whole is not None else situation.ram_limit or 0
        decisions = worthwhile(lowered.network, arena, situation.options.effort)
        if decisions:
            with suppress(DoesNotFitError):
                parts = plan_program(divided(lowered, decisions), situation, progress)
                if whole is None or merit(parts, situation) < merit(whole, situation):
                    return replace(parts, blocks=decisions)
    if whole is None:
        assert refusal is not None
        raise refusal
    return whole


def may_divide(options: BuildOptions, *, fits: bool) -> bool:
    """Whether blocks of channels are tried: where least time counts, only if the network does not fit without."""
    if options.whole_channels or options.layerwise or options.endless is not None:
        return False
    if options.storage or options.max_recompute:
        return False
    return not fits or not options.fills_ram


def divided(lowered: LoweredModule, decisions: Sequence[ChannelBlocks]) -> LoweredModule:
    """The module in blocks."""
    return lowered.after(compute_in_blocks(decisions))


def worthwhile(network: Network, arena: int, effort: int = 1) -> tuple[ChannelBlocks, ...]:
    """Divisions that may make an arena of so many bytes smaller.

    Args:
        network: lowered, whole.
        arena: bytes that it takes, or that there are.
        effort: of the planner.
    """
    large = [
        region
        for region in regions(network)
        if region.held >= LEAST_HELD * arena and region.held + region.beside >= LEAST_TOGETHER * arena
    ]
    for most in range(MOST_BLOCKS, 1, -1):
        chosen = [(region, _blocks(region, most)) for region in large]
        if sum(len(region.axes) * count for region, count in chosen) <= MOST_NODES * effort:
            return tuple(_decision(region, count) for region, count in chosen if count > 1)
    return ()


def _blocks(region: Region, most: int) -> int:
    """The most blocks up to a number, of aligned channels where there are such; 1: it is not divided."""
    possible = [count for count in region.blocks if count <= most]
    widest = max(region.extents.values())
    aligned = [count for count in possible if widest // count % ALIGNED == 0]
    return max(aligned or possible, default=1)


def _decision(region: Region, count: int) -> ChannelBlocks:
    tensor, axis = next(iter(region.axes.items()))
    return ChannelBlocks(tensor, axis, count)
