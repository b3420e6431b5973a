"""Inserts ``relax.tinyseg.spill`` and ``relax.tinyseg.fetch`` where the planner decided to use storage.

A spill stands right behind the binding of its tensor, a fetch right before the first reader that it serves, and late
readers take the fetched variable. Names are those of planner/spilling.py, so that the network of the result is the one
that network/spilling.py makes of the same decisions. Clones of operators are not known here: decisions name bindings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyseg_tvm.network.spilling import operators_of
from tinyseg_tvm.planner.spilling import SpillDecision, fetched_name, stored_name
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Pass, Var, substitute
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.ports import read_ports
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main


def insert_spill_fetch(decisions: Sequence[SpillDecision], slots: Mapping[str, int]) -> Pass:
    """The pass for ``decisions``, each with the slot of its tensor in ``slots``."""

    @module_pass("insert_spill_fetch")
    def transform(module: Module) -> Module:
        for decision in decisions:
            module = _insert(module, decision, slots[decision.tensor])
        return module

    return transform


def _insert(module: Module, decision: SpillDecision, slot: int) -> Module:
    spilling, fetching = operators_of(decision, slot)
    copy_of = {
        reader: fetched_name(decision.tensor, group)
        for group, readers in enumerate(decision.late)
        for reader in readers
    }
    outputs = [f"output {port.name}" for port in read_ports(module).outputs]
    fetched: dict[str, Var] = {}
    original: list[Var] = []  # the new variable of the tensor, and of what is stored of it

    def spill(rewrite: Rewrite, variable: Var) -> None:
        original.extend((variable, rewrite.emit(call(spilling, variable), stored_name(decision.tensor))))

    def fetch(rewrite: Rewrite, name: str) -> Var:
        if name not in fetched:
            variable, stored = original
            whole = decision.lines in (0, tensor_type(variable.ty).lines) and not decision.first_line
            fetched[name] = rewrite.emit(call(fetching, stored, *(() if whole else (variable,))), name)
        return fetched[name]

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr:
        if not original:
            for parameter in rewrite.parameters:
                if str(parameter.name) == decision.tensor:
                    spill(rewrite, parameter)
        if name in copy_of:
            late = fetch(rewrite, copy_of[name])
            value = substitute(value, lambda read: late if read.same_as(original[0]) else read)
        made = rewrite.emit(value, name)
        if name == decision.tensor:
            spill(rewrite, made)
        return made

    def results(rewrite: Rewrite, leaves: list[Expr]) -> list[Expr]:
        return [
            fetch(rewrite, copy_of[output]) if output in copy_of else leaf
            for leaf, output in zip(leaves, outputs, strict=True)
        ]

    return rewrite_main(module, [rule], results=results)
