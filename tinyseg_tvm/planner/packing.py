"""Addresses for every line, state and scratch buffer under a given order of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tinyseg_tvm.planner.cascade import Order
from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes, live_bound
from tinyseg_tvm.planner.plan import Block, Placement, Plan
from tinyseg_tvm.planner.pools import place_in_pools
from tinyseg_tvm.planner.problem import Role
from tinyseg_tvm.planner.rectangles import Blocks
from tinyseg_tvm.planner.repair import improve
from tinyseg_tvm.planner.step_table import Ints, StepTable


@dataclass(frozen=True, eq=False)
class Layout:
    """What must be packed, and how blocks map back to lines and buffers.

    Attributes:
        line_block, line_offset: block of each global line, and the line's offset in it.
        state_block, scratch_block: block of each operator's buffer, -1 where it has none.
    """

    blocks: Blocks
    line_block: Ints
    line_offset: Ints
    state_block: list[int]
    scratch_block: list[int]


class _Union:
    """Groups of lines at fixed distances: every line has a root and an offset from it."""

    def __init__(self, life: Lifetimes, alignment: int) -> None:
        self.life = life
        self.alignment = alignment
        count = life.table.lines
        self.root = list(range(count))
        self.offset = [0] * count
        self.members: dict[int, list[int]] = {}
        for number, tensor in enumerate(life.table.problem.tensors):
            if tensor.contiguous and tensor.lines > 1:
                a, b = int(life.table.first_line[number]), int(life.table.first_line[number + 1])
                self.root[a:b] = [a] * (b - a)
                self.offset[a:b] = [line * tensor.line_bytes for line in range(b - a)]
                self.members[a] = list(range(a, b))

    def join(self, a: int, b: int, distance: int = 0) -> bool:
        """Put line ``b`` at ``distance`` from line ``a``. False where that contradicts earlier joins or lifetimes."""
        ra, rb = self.root[a], self.root[b]
        shift = self.offset[a] + distance - self.offset[b]
        if ra == rb:
            return shift == 0
        if shift % self.alignment:
            return False
        mine, other = self.members.get(ra, [ra]), self.members.get(rb, [rb])
        if len(mine) > 1 and len(other) > 1 and self._collide(mine, other, shift):
            return False
        if len(other) > len(mine):
            ra, rb, mine, other, shift = rb, ra, other, mine, -shift
        for line in other:
            self.root[line] = ra
            self.offset[line] += shift
        mine.extend(other)
        self.members[ra] = mine
        self.members.pop(rb, None)
        return True

    def _collide(self, mine: list[int], other: list[int], shift: int) -> bool:
        size, birth, end = self.life.table.line_bytes, self.life.birth, self.life.end
        a, b = np.array(mine)[:, None], np.array(other)[None, :]
        low_a = np.array([self.offset[line] for line in mine])[:, None]
        low_b = np.array([self.offset[line] for line in other])[None, :] + shift
        hit = (low_a < low_b + size[b]) & (low_b < low_a + size[a]) & (birth[a] < end[b]) & (birth[b] < end[a])
        return bool(hit.any())


def layout(life: Lifetimes, alignment: int) -> Layout:
    """Blocks of a problem under given lifetimes: in-place lines share an address, contiguous tensors move as one."""
    table = life.table
    end = life.end.copy()
    union = _Union(life, alignment)
    for line, heir in life.heirs.tolist():
        if not union.join(line, heir):
            end[line] += 1
    for source, result in life.whole_heirs:
        a, b = int(table.first_line[source]), int(table.first_line[result])
        if not union.join(a, b):
            end[a : int(table.first_line[source + 1])] += 1
    root, offset = np.array(union.root, dtype=np.int64), np.array(union.offset, dtype=np.int64)
    lowest = np.zeros(table.lines, dtype=np.int64)
    np.minimum.at(lowest, root, offset)
    offset -= lowest[root]
    # lines that take no bytes are not packed: they may lie anywhere, as at the start of the first block
    full = np.flatnonzero(table.line_bytes)
    block = np.zeros(table.lines, dtype=np.int64)
    offset[table.line_bytes == 0] = 0
    roots, block[full] = np.unique(root[full], return_inverse=True)
    rectangles = _merged(block[full], offset[full], table.line_bytes[full], life.birth[full], end[full])
    count = len(roots)
    state_block, scratch_block = [-1] * len(table.problem.operators), [-1] * len(table.problem.operators)
    extra: list[tuple[int, int, int, int, int]] = []
    for number, operator in enumerate(table.problem.operators):
        slots = life.slot[int(table.first_step[number]) : int(table.first_step[number + 1])]
        if operator.state_bytes:
            state_block[number] = count
            extra.append((count, 0, operator.state_bytes, int(slots[0]), int(slots[-1]) + 1))
            count += 1
        if operator.scratch_bytes:
            scratch_block[number] = count
            breaks = np.flatnonzero(np.diff(slots) > 1)
            starts, stops = np.append(slots[0], slots[breaks + 1]), np.append(slots[breaks], slots[-1]) + 1
            extra += [
                (count, 0, operator.scratch_bytes, a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True)
            ]
            count += 1
    if extra:
        rectangles = np.concatenate([rectangles, np.array(extra, dtype=np.int64)])
    first = np.append(np.flatnonzero(np.diff(rectangles[:, 0], prepend=-1)), len(rectangles))
    inside, size, birth, end = rectangles[:, 1:].T.copy()
    return Layout(Blocks(first, inside, size, birth, end, alignment), block, offset, state_block, scratch_block)


def _merged(block: Ints, offset: Ints, size: Ints, birth: Ints, end: Ints) -> Ints:
    """Rectangles (block, offset, size, birth, end) by block; those that follow each other in time are joined."""
    order = np.lexsort((birth, size, offset, block))
    rows = np.stack([block, offset, size, birth, end], axis=1)[order]
    follows = np.all(rows[1:, :3] == rows[:-1, :3], axis=1) & (rows[1:, 3] == rows[:-1, 4])
    starts = np.flatnonzero(np.append(True, ~follows)[: len(rows)])
    merged = rows[starts]
    merged[:, 4] = np.maximum.reduceat(rows[:, 4], starts)
    return merged


def pack(table: StepTable, steps: Sequence[int] | Order, tries: int = 16) -> Plan:
    """A plan that runs operators in the order ``steps``, with the smallest arena found.

    Args:
        table: the problem.
        steps: operator number of each step.
        tries: rounds of repair after the first placement; more is slower and tighter.

    Returns:
        A plan, filling the pools in order, whether or not it keeps the pools' limits: compare ``pool_bytes``.
    """
    life = lifetimes(table, steps)
    pools = table.problem.pools
    packed = layout(life, max(pool.alignment for pool in pools))
    if len(pools) == 1:
        address = improve(packed.blocks, max(live_bound(life), _aligned_bound(packed.blocks)), tries)
        pool_of = np.zeros(packed.blocks.count, dtype=np.int64)
    else:
        group, traffic = _groups(table, packed)
        address, pool_of = place_in_pools(packed.blocks, pools, group, traffic, _staying(table, packed, group), tries)
    return _plan(table, steps, packed, address, pool_of)


def _aligned_bound(blocks: Blocks) -> int:
    """Bytes that no placement at aligned addresses goes below: all but the topmost block end where another may begin.

    A block of one rectangle is counted with the bytes that its alignment wastes, less the most that the topmost saves.
    """
    if not blocks.count:
        return 0
    single = np.repeat(np.diff(blocks.first) == 1, np.diff(blocks.first))
    rounded = np.where(single, -(-blocks.size // blocks.alignment) * blocks.alignment, blocks.size)
    slots = int(blocks.end.max()) + 1
    change = np.bincount(blocks.birth, rounded, slots) - np.bincount(blocks.end, rounded, slots)
    return int(np.cumsum(change).max()) - int((rounded - blocks.size).max())


def _groups(table: StepTable, packed: Layout) -> tuple[Ints, Ints]:
    """Blocks that must share a pool (a number per block), and the bytes that kernels move to and from each group."""
    problem = table.problem
    group = np.arange(packed.blocks.count)
    for first, last in pairwise(table.first_line.tolist()):
        there = table.line_bytes[first:last] > 0  # the others have no block of their own
        mine = np.unique(group[packed.line_block[first:last][there]])
        if len(mine):
            group[np.isin(group, mine)] = mine[0]
    traffic = np.zeros(packed.blocks.count, dtype=np.int64)
    for operator, state, scratch in zip(problem.operators, packed.state_block, packed.scratch_block, strict=True):
        for access in operator.reads + operator.writes:
            tensor = problem.tensors[access.tensor]
            block = packed.line_block[int(table.first_line[access.tensor])]
            traffic[group[block]] += tensor.line_bytes * sum(map(len, access.lines))
        for block, size in ((state, operator.state_bytes), (scratch, operator.scratch_bytes)):
            if block >= 0:
                traffic[group[block]] += 2 * size * operator.steps
    return group, traffic


def _staying(table: StepTable, packed: Layout, group: Ints) -> Ints:
    """Groups of resident inputs and outputs: their addresses are known to the caller by offsets in the first pool."""
    resident = (Role.RESIDENT_INPUT, Role.RESIDENT_OUTPUT)
    lines = [
        int(first)
        for first, tensor in zip(table.first_line[:-1], table.problem.tensors, strict=True)
        if tensor.role in resident and tensor.lines and tensor.line_bytes
    ]
    return np.unique(group[packed.line_block[lines]]) if lines else np.zeros(0, dtype=np.int64)


def _plan(table: StepTable, steps: Sequence[int] | Order, packed: Layout, address: Ints, pool_of: Ints) -> Plan:
    """Addresses of blocks as a plan."""
    # one place more, for lines of a problem in which nothing takes bytes
    line_address = (np.append(address, 0)[packed.line_block] + packed.line_offset).tolist()
    line_pool = np.append(pool_of, 0)[packed.line_block].tolist()
    first_line = table.first_line.tolist()
    placements = tuple(
        Placement(line_pool[a] if b > a else 0, tuple(line_address[a:b])) for a, b in pairwise(first_line)
    )
    states, scratch = (
        tuple(None if block < 0 else Block(int(pool_of[block]), int(address[block])) for block in blocks)
        for blocks in (packed.state_block, packed.scratch_block)
    )
    top = address + packed.blocks.height()
    used = tuple(int(top[pool_of == number].max(initial=0)) for number in range(len(table.problem.pools)))
    return Plan(tuple(np.asarray(steps).tolist()), placements, states, scratch, used)
