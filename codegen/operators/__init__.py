"""One emitter per operator kind, and the choice among the kernels that can compute a node."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import OPERATORS, Operator
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.planner.problem import Operator as PlannedOperator

KINDS = (*OPERATORS, Opaque.kind)
"""Every kind that has a module here, named as the kind."""

__all__ = [
    "KINDS",
    "FunctionWriter",
    "NodeView",
    "Variant",
    "emitter_for",
    "kernel_choices",
    "kernel_cost",
    "kernel_costs",
    "planned_variant",
    "select_variant",
    "variant_costs",
]


def emitter_for(kind: str) -> tuple[Variant[Any], ...]:
    """The variants that compute operators of a kind, from its module's ``VARIANTS``.

    Raises:
        TinySegError: no kernel computes this kind.
    """
    if kind not in KINDS:
        raise TinySegError(f"the code generator has no kernel for operators of kind {kind!r}")
    variants: tuple[Variant[Any], ...] = import_module(f"tinyseg_tvm.codegen.operators.{kind}").VARIANTS
    return variants


def select_variant(view: NodeView[Operator], scratch_limit: int | None = None) -> Variant[Any]:
    """The variant of fewest estimated cycles, then of fewest bytes of flash, among those that compute the node.

    Args:
        view: the node.
        scratch_limit: bytes of scratch it may use; one of least scratch if none needs so little. None: any.

    Raises:
        TinySegError: none does.
    """
    costs = variant_costs(view)
    least = min(cost.scratch_bytes for _, cost in costs)
    limit = max(least, scratch_limit) if scratch_limit is not None else None
    fitting = [entry for entry in costs if limit is None or entry[1].scratch_bytes <= limit]
    return min(fitting, key=lambda entry: (entry[1].cycles_per_step, entry[1].flash_bytes))[0]


def planned_variant(view: NodeView[Operator], planned: PlannedOperator) -> Variant[Any]:
    """The variant that a plan names; where it names none, the one that ``select_variant`` finds for its scratch.

    Raises:
        TinySegError: the variant named does not exist, or does not compute the node on this core.
    """
    if not planned.kernel:
        return select_variant(view, planned.scratch_bytes)
    for variant in emitter_for(view.operator.kind):
        if variant.name == planned.kernel and variant.supports(view):
            return variant
    raise view.error(f"the plan names a kernel that does not compute it on {view.core.name}: {planned.kernel!r}")


def kernel_cost(node: Node, network: Network, core: Core, scratch_limit: int | None = None) -> Cost:
    """What the kernel costs that ``select_variant`` chooses for a node."""
    view = NodeView.of(node, network, core)
    return _cost(select_variant(view, scratch_limit), view)


def kernel_choices(node: Node, network: Network, core: Core) -> tuple[Cost, ...]:
    """Costs of the kernels worth considering, by scratch: none takes more of scratch, cycles and flash than another."""
    worthwhile: list[Cost] = []
    costs = (cost for _, cost in variant_costs(NodeView.of(node, network, core)))
    for cost in sorted(costs, key=lambda cost: (cost.scratch_bytes, cost.cycles_per_step, cost.flash_bytes)):
        if not any(
            other.cycles_per_step <= cost.cycles_per_step and other.flash_bytes <= cost.flash_bytes
            for other in worthwhile
        ):
            worthwhile.append(cost)
    return tuple(worthwhile)


def kernel_costs(node: Node, network: Network, core: Core, scratch: int) -> tuple[Cost, ...]:
    """Costs of all kernels that compute a node in so many bytes of scratch, worth considering or not."""
    costs = (cost for _, cost in variant_costs(NodeView.of(node, network, core)))
    return tuple(cost for cost in costs if cost.scratch_bytes <= scratch)


def _cost(variant: Variant[Any], view: NodeView[Operator]) -> Cost:
    cost = replace(variant.cost(view), flash_bytes=variant.flash(view) + variant.code(view), kernel=variant.name)
    recorded = view.core.records.find(view.signature, variant.name) if view.core.records.records else None
    return cost if recorded is None else replace(cost, cycles_per_step=recorded.cycles)


def variant_costs(view: NodeView[Operator]) -> list[tuple[Variant[Any], Cost]]:
    """The variants that compute a node, with their costs: as measured where the core has records of them.

    Raises:
        TinySegError: none does.
    """
    usable = [(v, _cost(v, view)) for v in emitter_for(view.operator.kind) if v.supports(view)]
    if not usable:
        raise view.error(f"no kernel for it on {view.core.name}")
    return usable
