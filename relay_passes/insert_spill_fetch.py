"""Inserts ``relax.tinyseg.spill`` and ``relax.tinyseg.fetch`` where the planner decided to use storage.

A spill stands right behind the binding of its tensor, a fetch right before the first reader that it serves, and late
readers take the fetched variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.network.decisions import Spilling
from tinyseg_tvm.relay_passes.expressions import Module, Pass, Var
from tinyseg_tvm.relay_passes.late_readers import emit_derived, with_copies
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass


def insert_spill_fetch(decisions: Sequence[Spilling]) -> Pass:
    """The pass for ``decisions``, in the order in which the planner numbers new tensors."""

    @module_pass("insert_spill_fetch")
    def transform(module: Module) -> Module:
        for decision in decisions:
            module = _spilled(module, decision)
        return module

    return transform


def _spilled(module: Module, decision: Spilling) -> Module:
    stored: list[Var] = []

    def spill(rewrite: Rewrite, variable: Var) -> None:
        stored.append(emit_derived(rewrite, call(decision.spill, variable), decision.stored, variable))

    def fetch(rewrite: Rewrite, variable: Var, name: str) -> Var:
        partly = tensor_type(stored[0].ty) != tensor_type(variable.ty)
        operands = (stored[0], variable) if partly else (stored[0],)
        return emit_derived(rewrite, call(decision.fetch, *operands), name, variable)

    return with_copies(module, decision.tensor, decision.fetched, fetch, behind=spill)
