"""Splits tensors along their channels where the planner decided to use storage for some of the channels only.

Two slices stand right behind the binding of their tensor, a concatenation of the two right before each late reader.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.network.channels import channels_of
from tinyseg_tvm.network.decisions import ChannelDivision
from tinyseg_tvm.operators import Concat
from tinyseg_tvm.relay_passes.expressions import Module, Pass, Var
from tinyseg_tvm.relay_passes.late_readers import emit_derived, with_copies
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass


def split_channels(decisions: Sequence[ChannelDivision]) -> Pass:
    """The pass for ``decisions``, in the order in which the planner numbers new tensors."""

    @module_pass("split_channels")
    def transform(module: Module) -> Module:
        for decision in decisions:
            module = _divided(module, decision)
        return module

    return transform


def _divided(module: Module, decision: ChannelDivision) -> Module:
    parts: list[Var] = []

    def divide(rewrite: Rewrite, variable: Var) -> None:
        kind = tensor_type(variable.ty)
        bounds = ((decision.part, 0, decision.channels), (decision.rest, decision.channels, kind.shape[-1]))
        for name, begin, end in bounds:
            parts.append(emit_derived(rewrite, call(channels_of(kind, begin, end), variable), name, variable))

    def join(rewrite: Rewrite, variable: Var, name: str) -> Var:
        concat = Concat(len(tensor_type(variable.ty).shape) - 1)
        return emit_derived(rewrite, call(concat, *parts), name, variable)

    return with_copies(module, decision.tensor, decision.joined, join, behind=divide)
