"""Which memory each block goes to, where there are several.

Everything starts in the first (fastest) pool. While that is too small, the tensor that frees the most bytes at the
peak per byte of traffic moves to the next pool; what is left there in turn moves on. A tensor's lines stay
together, and so do tensors that share addresses by in-place writes.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.planner.problem import Pool
from tinyseg_tvm.planner.rectangles import Blocks
from tinyseg_tvm.planner.repair import improve
from tinyseg_tvm.planner.step_table import Ints


def place_in_pools(
    blocks: Blocks, pools: tuple[Pool, ...], group: Ints, traffic: Ints, staying: Ints, tries: int
) -> tuple[Ints, Ints]:
    """Address and pool number of every block.

    Args:
        blocks: what to place.
        pools: fastest first. What fits nowhere stays in the last.
        group: of each block; a group goes to one pool.
        traffic: bytes read and written by the kernels, per group.
        staying: groups that must lie in the first pool.
        tries: rounds of placement per attempt.
    """
    address = np.zeros(blocks.count, dtype=np.int64)
    pool_of = np.zeros(blocks.count, dtype=np.int64)
    here = np.arange(blocks.count)
    for number, pool in enumerate(pools):
        moved_on = np.zeros(0, dtype=np.int64)
        while len(here):
            part = _subset(blocks, here)
            limit = pool.bytes if pool.bytes is not None and number < len(pools) - 1 else None
            profile = _profile(part)
            if limit is None or profile.max() <= limit:
                found = improve(part, int(profile.max()), tries)
                if limit is None or (found + part.height()).max() <= limit:
                    address[here], pool_of[here] = found, number
                    break
            victim = _victim(part, profile, group[here], traffic, staying)
            if victim is None:  # whoever compares with the limit sees that it does not fit
                address[here], pool_of[here] = improve(part, int(profile.max()), tries), number
                break
            leaving = group[here] == victim
            moved_on = np.sort(np.concatenate([moved_on, here[leaving]]))
            here = here[~leaving]
        here = moved_on
    return address, pool_of


def _subset(blocks: Blocks, chosen: Ints) -> Blocks:
    """The blocks with numbers ``chosen`` (ascending)."""
    counts = np.diff(blocks.first)
    keep = np.repeat(np.isin(np.arange(blocks.count), chosen), counts)
    first = np.append(0, np.cumsum(counts[chosen]))
    return Blocks(first, blocks.offset[keep], blocks.size[keep], blocks.birth[keep], blocks.end[keep], blocks.alignment)


def _profile(blocks: Blocks) -> Ints:
    """Bytes of rectangles per slot."""
    slots = int(blocks.end.max()) + 1
    change = np.bincount(blocks.birth, blocks.size, slots) - np.bincount(blocks.end, blocks.size, slots)
    return np.cumsum(change).astype(np.int64)


def _victim(blocks: Blocks, profile: Ints, group: Ints, traffic: Ints, staying: Ints) -> int | None:
    """The group with the most bytes at the peak per byte of traffic; None where all of them stay."""
    slot = int(profile.argmax())
    there = (blocks.birth <= slot) & (slot < blocks.end)
    owner = np.repeat(group, np.diff(blocks.first))
    held = np.bincount(owner[there], blocks.size[there], len(traffic))
    held[staying] = 0
    return int((held / (1 + traffic)).argmax()) if held.any() else None
