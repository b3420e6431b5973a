"""Inserts ``relax.tinyseg.spill`` and ``relax.tinyseg.fetch`` where the planner decided to use storage.

A spill stands right behind the binding of its tensor, a fetch right before the first reader that it serves, and late
readers take the fetched variable. Names are those of planner/spilling.py, so that the network of the result is the one
that network/spilling.py makes of the same decisions. Clones of operators are not known here: decisions name bindings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tvm

from tinyseg_tvm.network.spilling import operators_of
from tinyseg_tvm.planner.spilling import SpillDecision, fetched_name, stored_name
from tinyseg_tvm.relay_passes.dataflow import Binding, Rewriter, module_pass, resolve, rewrite
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.ports import read_ports


def insert_spill_fetch(decisions: Sequence[SpillDecision], slots: Mapping[str, int]) -> Any:
    """The pass for ``decisions``, each with the slot of its tensor in ``slots``."""

    @module_pass("insert_spill_fetch")
    def transform(module: tvm.IRModule) -> tvm.IRModule:
        for decision in decisions:
            module = _insert(module, decision, slots[decision.tensor])
        return module

    return transform


def _insert(module: tvm.IRModule, decision: SpillDecision, slot: int) -> tvm.IRModule:
    spilling, fetching = operators_of(decision, slot)
    copy_of = {
        reader: fetched_name(decision.tensor, group)
        for group, readers in enumerate(decision.late)
        for reader in readers
    }
    outputs = [f"output {port.name}" for port in read_ports(module).outputs]
    fetched: dict[str, Any] = {}
    original: list[Any] = []  # the new variable of the tensor, and of what is stored of it

    def spill(writer: Rewriter, variable: Any) -> None:
        original.extend((variable, writer.emit(call(spilling, variable), stored_name(decision.tensor))))

    def fetch(writer: Rewriter, name: str) -> Any:
        if name not in fetched:
            variable, stored = original
            whole = decision.lines in (0, tensor_type(variable.ty).lines) and not decision.first_line
            fetched[name] = writer.emit(call(fetching, stored, *(() if whole else (variable,))), name)
        return fetched[name]

    def rule(writer: Rewriter, binding: Binding) -> Any:
        if not original:
            for parameter in writer.params:
                if str(parameter.name) == decision.tensor:
                    spill(writer, parameter)
        value = writer.substitute(binding.value)
        if binding.name in copy_of:
            value = resolve(value, {original[0]: fetch(writer, copy_of[binding.name])})
        made = writer.emit(value, binding.name)
        if binding.name == decision.tensor:
            spill(writer, made)
        return made

    def results(writer: Rewriter) -> list[Any]:
        leaves = [writer.substitute(result) for result in writer.old.results]
        return [
            fetch(writer, copy_of[output]) if output in copy_of else leaf
            for leaf, output in zip(leaves, outputs, strict=True)
        ]

    return rewrite(module, rule, results=results)
