"""A lowered module with the network that it describes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import tvm

from tinyseg_tvm.network.network import Network
from tinyseg_tvm.relay_passes.checking import checked
from tinyseg_tvm.relay_passes.contracts import LOWERED
from tinyseg_tvm.relay_passes.exchange_rows_and_columns import exchange_rows_and_columns
from tinyseg_tvm.relay_passes.expressions import Module, Pass
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.to_network import to_network


@dataclass(frozen=True)
class LoweredModule:
    """A lowered module, before or after decisions of the planner.

    Attributes:
        module: the module.
        network: what ``to_network`` reads from it.
    """

    module: Module
    network: Network

    @staticmethod
    def of(module: Module, name: str = "network") -> LoweredModule:
        """A module with its network, which is called ``name``."""
        return LoweredModule(module, to_network(module, name))

    @staticmethod
    def of_network(network: Network) -> LoweredModule:
        """A network that no model led to, with its module."""
        return LoweredModule(from_network(network), network)

    @cached_property
    def exchanged(self) -> LoweredModule:
        """With rows and columns exchanged.

        Raises:
            TinySegError: naming every node and port that cannot be.
        """
        return self.after(exchange_rows_and_columns(self.network.name))

    def after(self, *passes: Pass) -> LoweredModule:
        """What passes make of it, which is checked to be lowered still."""
        sequence = tvm.transform.Sequential([*passes, checked(LOWERED, passes)])
        return LoweredModule.of(sequence(self.module), self.network.name)
