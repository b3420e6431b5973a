"""One emitter per operator kind, and the choice among the kernels that can compute a node."""

from __future__ import annotations

from importlib import import_module

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.network.problem import Cost

KINDS = (
    "argmax",
    "average_pool2d",
    "concat",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "depth_to_space",
    "dequantize",
    "elementwise",
    "elementwise_constant",
    "fetch",
    "global_pool",
    "lookup",
    "max_pool2d",
    "opaque",
    "pad",
    "quantize",
    "reshape",
    "resize2d",
    "slice",
    "softmax",
    "spill",
    "transpose",
)

__all__ = ["KINDS", "FunctionWriter", "NodeView", "Variant", "emitter_for", "kernel_cost", "select_variant"]


def emitter_for(kind: str) -> tuple[Variant, ...]:
    """The variants that compute operators of a kind, from its module's ``VARIANTS``.

    Raises:
        TinySegError: no kernel computes this kind.
    """
    if kind not in KINDS:
        raise TinySegError(f"the code generator has no kernel for operators of kind {kind!r}")
    variants: tuple[Variant, ...] = import_module(f"tinyseg_tvm.codegen.operators.{kind}").VARIANTS
    return variants


def select_variant(view: NodeView) -> Variant:
    """The variant of fewest estimated cycles among those that compute the node.

    Raises:
        TinySegError: none does.
    """
    usable = [variant for variant in emitter_for(view.operator.kind) if variant.supports(view)]
    if not usable:
        raise view.error(f"no kernel for it on {view.core.name}")
    return min(usable, key=lambda variant: variant.cost(view).cycles_per_step)


def kernel_cost(node: Node, network: Network, core: Core) -> Cost:
    """Scratch bytes and estimated cycles per step of the kernel that ``generate`` will choose for a node."""
    view = NodeView.of(node, network, core)
    return select_variant(view).cost(view)
