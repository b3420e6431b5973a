"""The network as the planner decided that it runs: with clones, parts of channels, spills and fetches."""

from __future__ import annotations

from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.storage_assignment import assign
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.channel_split import with_channel_splits
from tinyseg_tvm.network.problem import first_node
from tinyseg_tvm.network.recomputation import with_clones
from tinyseg_tvm.network.spilling import with_spills
from tinyseg_tvm.planner.recompute import Recomputed
from tinyseg_tvm.planner.spill_search import Choice
from tinyseg_tvm.planner.spilling import SpillDecision


def recomputing(network: Network, situation: Situation, chosen: Recomputed) -> Network:
    """The network with clones of what is computed a second time."""
    first = first_node(network, situation.options.io)
    return with_clones(network, chosen.problem, chosen.operator_origin, chosen.tensor_origin, first)


def settled(network: Network, situation: Situation, choice: Choice) -> tuple[Network, tuple[SpillDecision, ...]]:
    """The network with a choice's clones, spills and fetches; and its spills, each with its storage.

    Raises:
        DoesNotFitError: the storages are too small for what it spills.
    """
    divided = with_channel_splits(recomputing(network, situation, choice.recomputed), choice.splits)
    decisions, slots = assign(divided, situation, choice.decisions)
    return with_spills(divided, decisions, slots), decisions
