"""Splits tensors along their channels where the planner decided to use storage for some of the channels only.

The slices stand right behind the binding of their tensor, a concatenation right before each late reader. Names are
those of planner/channel_split.py, so that the network of the result is the one that network/channel_split.py makes of
the same decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm

from tinyseg_tvm.network.channel_split import operators_of
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, rest_name
from tinyseg_tvm.relay_passes.dataflow import Binding, Rewriter, module_pass, resolve, rewrite
from tinyseg_tvm.relay_passes.operators_registration import call, tensor_type
from tinyseg_tvm.relay_passes.ports import read_ports


def split_channels(splits: Sequence[ChannelSplit]) -> Any:
    """The pass for ``splits``."""

    @module_pass("split_channels")
    def transform(module: tvm.IRModule) -> tvm.IRModule:
        for split in splits:
            module = _split(module, split)
        return module

    return transform


def _split(module: tvm.IRModule, split: ChannelSplit) -> tvm.IRModule:
    copy_of = {reader: joined_name(split.tensor, index) for index, reader in enumerate(split.late)}
    outputs = [f"output {port.name}" for port in read_ports(module).outputs]
    made: list[Any] = []  # the new variables of the tensor, the part and the rest

    def divide(writer: Rewriter, variable: Any) -> None:
        first, others, _ = operators_of(tensor_type(variable.ty), split)
        part = writer.emit(call(first, variable), part_name(split.tensor))
        made.extend((variable, part, writer.emit(call(others, variable), rest_name(split.tensor))))

    def joined(writer: Rewriter, name: str) -> Any:
        variable, part, rest = made
        *_, join = operators_of(tensor_type(variable.ty), split)
        return writer.emit(call(join, part, rest), name)

    def rule(writer: Rewriter, binding: Binding) -> Any:
        if not made:
            for parameter in writer.params:
                if str(parameter.name) == split.tensor:
                    divide(writer, parameter)
        value = writer.substitute(binding.value)
        if binding.name in copy_of:
            value = resolve(value, {made[0]: joined(writer, copy_of[binding.name])})
        bound = writer.emit(value, binding.name)
        if binding.name == split.tensor:
            divide(writer, bound)
        return bound

    def results(writer: Rewriter) -> list[Any]:
        leaves = [writer.substitute(result) for result in writer.old.results]
        return [
            joined(writer, copy_of[output]) if output in copy_of else leaf
            for leaf, output in zip(leaves, outputs, strict=True)
        ]

    return rewrite(module, rule, results=results)
