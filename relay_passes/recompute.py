"""Computes tensors a second time where the planner decided not to keep them.

Clones stand right before the first late reader of what they lead to. They call the operators of their originals with
the same constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tvm import relax

from tinyseg_tvm.network.decisions import Clone, Recomputation
from tinyseg_tvm.relay_passes.expressions import Module, Pass, Var, substitute
from tinyseg_tvm.relay_passes.late_readers import emit_derived, with_copies
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass


def recompute(decisions: Sequence[Recomputation]) -> Pass:
    """The pass for ``decisions``, in the order of the planner: later ones may name what earlier ones add."""

    @module_pass("recompute")
    def transform(module: Module) -> Module:
        for decision in decisions:
            module = _recomputed(module, decision)
        return module

    return transform


def _recomputed(module: Module, decision: Recomputation) -> Module:
    def make(rewrite: Rewrite, variable: Var, _name: str) -> Var:
        copies: dict[Var, Var] = {}
        for clone in decision.clones:
            copies |= _cloned(rewrite, clone, copies)
        return copies[variable]

    return with_copies(module, decision.tensor, [decision.copy], make)


def _cloned(rewrite: Rewrite, clone: Clone, copies: Mapping[Var, Var]) -> dict[Var, Var]:
    """Emits one clone, which reads ``copies``; its results by those of its original."""
    ((original, value),) = (bound for bound in rewrite.bindings if rewrite.name(bound[0]) == clone.of)
    again = substitute(value, lambda read: copies.get(read, read))
    if not isinstance(original.ty, relax.TupleType):
        return {original: emit_derived(rewrite, again, clone.name, original)}
    results = rewrite.emit(again, clone.name)
    elements = [
        (variable, int(element.index))
        for variable, element in rewrite.bindings
        if isinstance(element, relax.TupleGetItem) and element.tuple_value.same_as(original)
    ]
    return {
        variable: emit_derived(rewrite, relax.TupleGetItem(results, index), clone.results[index], variable)
        for variable, index in elements
    }
