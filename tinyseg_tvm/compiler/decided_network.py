"""The lowered module as the planner decided that it runs: with clones, parts of channels, spills and fetches.

The planner decides on planning problems; here its decisions are stated in terms of the network, and Relax passes carry
them out: first recomputation, then split channels, then spills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.storage_assignment import assign
from tinyseg_tvm.network.decisions import ChannelDivision, Clone, Copy, Recomputation, Spilling
from tinyseg_tvm.network.spilling import operators_of
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, rest_name
from tinyseg_tvm.planner.recompute import Recomputed
from tinyseg_tvm.planner.spill_search import Choice
from tinyseg_tvm.planner.spilling import SpillDecision, fetched_name, stored_name
from tinyseg_tvm.relay_passes.insert_spill_fetch import insert_spill_fetch
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.relay_passes.recompute import recompute
from tinyseg_tvm.relay_passes.split_channels import split_channels
from tinyseg_tvm.relay_passes.stage_records import stage_records


def recomputing(lowered: LoweredModule, chosen: Recomputed) -> LoweredModule:
    """With clones of what is computed a second time."""
    decisions = [
        Recomputation(
            split.tensor,
            Copy(split.copy, split.late),
            tuple(Clone(clone.of, clone.name, clone.copies) for clone in split.clones),
        )
        for split in chosen.splits
    ]
    return lowered.after(recompute(decisions)) if decisions else lowered


def dividing(lowered: LoweredModule, splits: Sequence[ChannelSplit]) -> LoweredModule:
    """With some tensors in two parts along their channels."""
    decisions = [
        ChannelDivision(
            split.tensor,
            split.channels,
            part_name(split.tensor),
            rest_name(split.tensor),
            tuple(Copy(joined_name(split.tensor, index), (reader,)) for index, reader in enumerate(split.late)),
        )
        for split in splits
    ]
    return lowered.after(split_channels(decisions)) if decisions else lowered


def spilling(
    lowered: LoweredModule, decisions: Sequence[SpillDecision], slots: Mapping[str, int] | None = None
) -> LoweredModule:
    """With a spill behind each tensor of ``decisions`` and a fetch before its late readers.

    Args:
        lowered: with clones and parts, if any.
        decisions: in the order of the planner.
        slots: region in the storage by tensor; by default each has its own.
    """
    made = []
    for number, decision in enumerate(decisions):
        spill, fetch = operators_of(decision, slots[decision.tensor] if slots else number)
        fetched = (Copy(fetched_name(decision.tensor, group), late) for group, late in enumerate(decision.late))
        made.append(Spilling(decision.tensor, stored_name(decision.tensor), tuple(fetched), spill, fetch))
    return lowered.after(insert_spill_fetch(made)) if made else lowered


def settled(
    lowered: LoweredModule, situation: Situation, choice: Choice
) -> tuple[LoweredModule, tuple[SpillDecision, ...]]:
    """With a choice's clones, spills and fetches; and its spills, each with its storage.

    Raises:
        DoesNotFitError: the storages are too small for what it spills.
    """
    divided = dividing(recomputing(lowered, choice.recomputed), choice.splits)
    decisions, slots = assign(divided.network, situation, choice.decisions)
    return spilling(divided, decisions, slots), decisions


def staging(lowered: LoweredModule, decisions: Sequence[SpillDecision]) -> LoweredModule:
    """With rings and distances of the spills and fetches of ``decisions`` as their transfers now say."""
    staged: dict[str, int] = {}
    for decision in decisions:
        staged[stored_name(decision.tensor)] = decision.transfer.ring
        for group in range(len(decision.late)):
            staged[fetched_name(decision.tensor, group)] = decision.transfer.ahead
    return lowered.after(stage_records(staged))
