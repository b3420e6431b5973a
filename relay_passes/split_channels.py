"""Splits tensors along their channels where the planner decided to use storage for some of the channels only.

The slices stand right behind the binding of their tensor, a concatenation right before each late reader. Names are
those of planner/channel_split.py, so that the network of the result is the one that network/channel_split.py makes of
the same decisions.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.network.channel_split import operators_of
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, rest_name
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Pass, Var, substitute
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.ports import read_ports
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main


def split_channels(splits: Sequence[ChannelSplit]) -> Pass:
    """The pass for ``splits``."""

    @module_pass("split_channels")
    def transform(module: Module) -> Module:
        for split in splits:
            module = _split(module, split)
        return module

    return transform


def _split(module: Module, split: ChannelSplit) -> Module:
    copy_of = {reader: joined_name(split.tensor, index) for index, reader in enumerate(split.late)}
    outputs = [f"output {port.name}" for port in read_ports(module).outputs]
    made: list[Var] = []  # the new variables of the tensor, the part and the rest

    def divide(rewrite: Rewrite, variable: Var) -> None:
        first, others, _ = operators_of(tensor_type(variable.ty), split)
        part = rewrite.emit(call(first, variable), part_name(split.tensor))
        made.extend((variable, part, rewrite.emit(call(others, variable), rest_name(split.tensor))))

    def joined(rewrite: Rewrite, name: str) -> Var:
        variable, part, rest = made
        *_, join = operators_of(tensor_type(variable.ty), split)
        return rewrite.emit(call(join, part, rest), name)

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr:
        if not made:
            for parameter in rewrite.parameters:
                if str(parameter.name) == split.tensor:
                    divide(rewrite, parameter)
        if name in copy_of:
            late = joined(rewrite, copy_of[name])
            value = substitute(value, lambda read: late if read.same_as(made[0]) else read)
        bound = rewrite.emit(value, name)
        if name == split.tensor:
            divide(rewrite, bound)
        return bound

    def results(rewrite: Rewrite, leaves: list[Expr]) -> list[Expr]:
        return [
            joined(rewrite, copy_of[output]) if output in copy_of else leaf
            for leaf, output in zip(leaves, outputs, strict=True)
        ]

    return rewrite_main(module, [rule], results=results)
