"""Networks by hand with decisions carried out by the passes that a build runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.compiler.decided_network import dividing, recomputing, spilling
from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.channel_split import ChannelSplit
from tinyseg_tvm.planner.recompute import Recomputed
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.relay_passes.exchange_rows_and_columns import exchange_rows_and_columns
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def by_columns(network: Network) -> Network:
    """With rows and columns exchanged. Raises TinySegError where that cannot be."""
    return LoweredModule.of_network(network).after(exchange_rows_and_columns(network.name)).network


def with_clones(network: Network, chosen: Recomputed) -> Network:
    """With clones of what is computed a second time."""
    return recomputing(LoweredModule.of_network(network), chosen).network


def with_channel_splits(network: Network, splits: Sequence[ChannelSplit]) -> Network:
    """With tensors in two parts."""
    return dividing(LoweredModule.of_network(network), splits).network


def with_spills(
    network: Network, decisions: Sequence[SpillDecision], slots: Mapping[str, int] | None = None
) -> Network:
    """With spills and fetches."""
    return spilling(LoweredModule.of_network(network), decisions, slots).network


def assert_same_network(found: Network, expected: Network) -> None:
    """Equal nodes, constants included, tensors and ports."""
    assert found.tensors == expected.tensors
    assert (found.name, found.inputs, found.outputs) == (expected.name, expected.inputs, expected.outputs)
    assert len(found.nodes) == len(expected.nodes)
    for ours, theirs in zip(found.nodes, expected.nodes, strict=True):
        assert (ours.name, ours.operator, ours.inputs, ours.outputs) == (
            theirs.name,
            theirs.operator,
            theirs.inputs,
            theirs.outputs,
        )
        assert ours.constants.keys() == theirs.constants.keys()
        for name, value in theirs.constants.items():
            assert ours.constants[name].dtype == value.dtype
            np.testing.assert_array_equal(ours.constants[name], value)
