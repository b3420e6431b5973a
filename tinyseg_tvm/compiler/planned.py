"""What planning comes to: one way to run a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyseg_tvm.network import Network
from tinyseg_tvm.network.decisions import ChannelBlocks
from tinyseg_tvm.planner.plan import Block, Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


@dataclass(frozen=True)
class Planned:
    """One way to run a network.

    Attributes:
        axis: "rows" or "columns": what a line is in the model's own layout.
        decided: exchanged for columns, with clones of what is recomputed, spills and fetches.
        recomputed_macs: multiply-accumulates of the clones.
        spilled: what goes to storage.
        blocks: what is computed in blocks of channels.
        live_without_writing: most bytes alive if nothing were written; 0 where that was not asked.
        ram_by_rows: least bytes of the whole program along rows, where lines are columns but need not be; 0: else.
    """

    axis: str
    decided: LoweredModule
    problem: Problem
    plan: Plan
    recomputed_macs: int = 0
    spilled: tuple[SpillDecision, ...] = ()
    blocks: tuple[ChannelBlocks, ...] = ()
    live_without_writing: int = 0
    ram_by_rows: int = 0

    @property
    def network(self) -> Network:
        """The network as it is generated."""
        return self.decided.network

    @property
    def arena_bytes(self) -> int:
        """Bytes of all pools."""
        return sum(self.plan.pool_bytes)

    def in_used_pools(self) -> Planned:
        """The same without further memories that nothing lies in."""
        used = [number for number, size in enumerate(self.plan.pool_bytes) if size or not number]
        number_of = {old: new for new, old in enumerate(used)}

        def moved(block: Block | None) -> Block | None:
            return None if block is None else replace(block, pool=number_of[block.pool])

        plan = replace(
            self.plan,
            placements=tuple(replace(place, pool=number_of[place.pool]) for place in self.plan.placements),
            states=tuple(map(moved, self.plan.states)),
            scratch=tuple(map(moved, self.plan.scratch)),
            pool_bytes=tuple(self.plan.pool_bytes[number] for number in used),
        )
        problem = replace(self.problem, pools=tuple(self.problem.pools[number] for number in used))
        return replace(self, problem=problem, plan=plan)

    @property
    def written_bytes(self) -> int:
        """Payload written to storage per inference."""
        types = {decision.tensor: self.network.tensors[decision.tensor].type for decision in self.spilled}
        return sum(
            (decision.lines or types[decision.tensor].lines - decision.first_line) * types[decision.tensor].line_bytes
            for decision in self.spilled
        )
