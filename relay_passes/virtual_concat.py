"""A channel concat that only convolutions read disappears: they read its pieces as if concatenated.

Only ungrouped convolutions take several pieces. A concat with any other reader stays, as a copy, for all of
its readers. A concat of concats is one concat of all pieces.
"""

from __future__ import annotations

from tinyseg_tvm.operators import Concat, Conv2d
from tinyseg_tvm.relay_passes.dataflow import Binding
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.operator_calls import called_operator, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def _read_pieces(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    call = operator_call(value)
    if call is None or not _takes_pieces(call.operator):
        return None
    pieces = [piece for activation in call.activations for piece in _pieces(rewrite, activation)]
    if len(pieces) == len(call.activations) and all(map(Expr.same_as, pieces, call.activations)):
        return None
    return call.on(*pieces).to_relax()


def _takes_pieces(operator: object) -> bool:
    return isinstance(operator, Conv2d) and operator.groups == 1


def _pieces(rewrite: Rewrite, operand: Expr) -> list[Expr]:
    """The operands of a concat that no reader needs in one piece, of concats among them too; else ``operand``."""
    call = operator_call(rewrite.producer(operand))
    if call is None or not _is_virtual(rewrite, rewrite.producer(operand), operand):
        return [operand]
    return [piece for part in call.activations for piece in _pieces(rewrite, part)]


def _is_virtual(rewrite: Rewrite, value: Expr | None, variable: Expr) -> bool:
    """True for a channel concat whose every reader takes pieces or is such a concat itself."""
    key = ("virtual", variable)
    if key not in rewrite.memory:
        operator = called_operator(value)
        is_channel_concat = isinstance(operator, Concat) and operator.axis == 3 == len(shape_of(variable)) - 1
        rewrite.memory[key] = is_channel_concat and all(_reads(rewrite, r) for r in rewrite.readers(variable))
    return bool(rewrite.memory[key])


def _reads(rewrite: Rewrite, reader: Binding | None) -> bool:
    if reader is None:
        return False
    return _takes_pieces(called_operator(reader.value)) or _is_virtual(rewrite, reader.value, reader.var)


virtual_concat = main_pass("virtual_concat", _read_pieces)
"""Hands the pieces of channel concats to the convolutions that read them."""
