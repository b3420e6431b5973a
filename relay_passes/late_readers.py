"""Copies of a tensor, which some of its readers read in its place: what all decisions of the planner come to.

The bindings that make a copy stand right before the first of its readers, or at the end where only outputs read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.decisions import Copy, output_reader
from tinyseg_tvm.relay_passes.derived_tensors import DERIVED_ATTRIBUTE, derived_record, derived_tensors
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Var, substitute, variables_of
from tinyseg_tvm.relay_passes.ports import read_ports
from tinyseg_tvm.relay_passes.quantization import recorded_quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite, rewrite_main

Behind: TypeAlias = Callable[[Rewrite, Var], None]
"""``behind(rewrite, variable)``: emits what stands right behind the binding of the tensor, now ``variable``."""

Make: TypeAlias = Callable[[Rewrite, Var, str], Var]
"""``make(rewrite, variable, name)``: emits what makes the copy called ``name`` of the tensor, now ``variable``."""


def with_copies(
    module: Module,
    tensor: str,
    copies: Sequence[Copy],
    make: Make,
    *,
    behind: Behind | None = None,
) -> Module:
    """The module with copies of one tensor.

    Args:
        module: lowered.
        tensor: its name.
        copies: with the readers of each.
        make: makes one.
        behind: emits what takes the tensor as it is made.

    Raises:
        TinySegError: there is no such tensor, or a reader does not read it.
    """
    copy_of = {reader: copy.name for copy in copies for reader in copy.readers}
    outputs = [output_reader(port.name) for port in read_ports(module).outputs]
    found: list[Var] = []  # the tensor's new variable, once it is bound
    made: dict[str, Var] = {}
    served: set[str] = set()

    def reached(rewrite: Rewrite, variable: Var) -> None:
        found.append(variable)
        if behind is not None:
            behind(rewrite, variable)

    def begin(rewrite: Rewrite) -> None:
        for parameter in rewrite.parameters:
            if not found and str(parameter.name) == tensor:
                reached(rewrite, parameter)

    def redirected(rewrite: Rewrite, value: Expr, reader: str) -> Expr:
        if reader not in copy_of or not found or not any(read.same_as(found[0]) for read in variables_of(value)):
            return value
        served.add(reader)
        name = copy_of[reader]
        if name not in made:
            made[name] = make(rewrite, found[0], name)
        return substitute(value, lambda read: made[name] if read.same_as(found[0]) else read)

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        begin(rewrite)
        new = redirected(rewrite, value, name)
        if name != tensor:
            return None if new is value else new
        bound = rewrite.emit(new, name)
        reached(rewrite, bound)
        return bound

    def results(rewrite: Rewrite, leaves: list[Expr]) -> list[Expr]:
        begin(rewrite)
        return [redirected(rewrite, leaf, output) for leaf, output in zip(leaves, outputs, strict=True)]

    changed = rewrite_main(module, [rule], results=results)
    if not found or served != copy_of.keys():
        raise TinySegError(f"cannot copy tensor {tensor!r} for {', '.join(copy_of.keys() - served) or 'anybody'}")
    return changed


def emit_derived(rewrite: Rewrite, value: Expr, name: str, origin: Var) -> Var:
    """Binds ``value``, which is derived from the tensor ``origin`` and quantised like it, to ``name``; records that."""
    quantization = recorded_quantization(rewrite.old.attrs, [origin]).get(origin)
    derived = derived_tensors(rewrite.attributes) | {name: rewrite.name(origin)}
    rewrite.attributes[DERIVED_ATTRIBUTE] = derived_record(derived)
    return rewrite.emit(value, name, quantization)
