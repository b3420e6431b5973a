"""A channel concat that only convolutions read disappears: they read its pieces as if concatenated.

Only ungrouped convolutions take several pieces. A concat with any other reader stays, as a copy, for all of
its readers. A concat of concats is one concat of all pieces.
"""

from __future__ import annotations

from typing import Any

import tvm

from tinyseg_tvm.operators import Concat, Conv2d, FloatConv2d
from tinyseg_tvm.relay_passes.dataflow import MAIN, Binding, Dataflow, Rewriter, module_pass, rewrite, shape_of
from tinyseg_tvm.relay_passes.operator_calls import operator_call


@module_pass("virtual_concat")
def virtual_concat(module: tvm.IRModule) -> tvm.IRModule:
    """Hand the pieces of channel concats to the convolutions that read them."""
    flow = Dataflow.of(module[MAIN])
    uses = flow.uses()
    pieces: dict[Any, list[Any]] = {}
    for binding in reversed(flow.bindings):
        readers = uses.get(binding.var, [])
        if _is_channel_concat(binding) and all(_takes_pieces(reader, pieces) for reader in readers):
            call = operator_call(binding.value)
            assert call is not None
            pieces[binding.var] = list(call.activations)

    def rule(writer: Rewriter, binding: Binding) -> Any:
        call = operator_call(binding.value)
        if call is None or not any(a in pieces for a in call.activations):
            return None
        operands = [writer.substitute(p) for a in call.activations for p in _flattened(a, pieces)]
        return writer.emit(call.on(*operands).to_relax(), binding.name)

    return rewrite(module, rule) if pieces else module


def _is_channel_concat(binding: Binding) -> bool:
    call = operator_call(binding.value)
    return call is not None and isinstance(call.operator, Concat) and call.operator.axis == 3 == _rank(binding) - 1


def _rank(binding: Binding) -> int:
    return len(shape_of(binding.var))


def _takes_pieces(reader: Binding | None, virtual: dict[Any, list[Any]]) -> bool:
    """True for an ungrouped convolution and for a concat that is virtual itself."""
    if reader is None:
        return False
    if reader.var in virtual:
        return True
    call = operator_call(reader.value)
    return call is not None and isinstance(call.operator, (Conv2d, FloatConv2d)) and call.operator.groups == 1


def _flattened(operand: Any, virtual: dict[Any, list[Any]]) -> list[Any]:
    if operand not in virtual:
        return [operand]
    return [piece for part in virtual[operand] for piece in _flattened(part, virtual)]
