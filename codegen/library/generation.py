"""What all parts of one code generation share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.memories.placement import TensorAddress
from tinyseg_tvm.codegen.memories.storage_layout import StorageRegion
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.plan import Placement, Plan
from tinyseg_tvm.planner.problem import Problem


@dataclass(frozen=True)
class Generation:
    """The arguments of ``generate``, and what is filled on the way.

    Attributes:
        network, problem, plan, core, io: as in ``generate``.
        name: the project's identifier.
        names: identifiers exported so far.
        constants: the constants of all operators.
        addresses: address functions by tensor name.
        storages: what is used of each storage.
    """

    network: Network
    problem: Problem
    plan: Plan
    core: Core
    io: IoMode
    name: str
    names: Names
    constants: ConstantPool
    addresses: Mapping[str, TensorAddress]
    storages: tuple[StorageRegion, ...] = ()

    @property
    def upper(self) -> str:
        """Prefix of the project's macros."""
        return self.name.upper()

    @property
    def first_node(self) -> int:
        """Number of the problem's operator that is the network's first node."""
        return len(self.network.inputs) if self.io == "line" else 0

    def placement(self, tensor: str) -> Placement:
        """The plan's placement of a tensor."""
        return self.plan.placements[list(self.network.tensors).index(tensor)]
