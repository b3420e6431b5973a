"""Copies of float32 that a function of bytes has made become copies of the bytes, with the function behind them.

What follows can then take the function in (``fuse_pointwise``), or make a table of both; and what waits is bytes.
"""

from __future__ import annotations

from tinyseg_tvm.operators import (
    DepthToSpace,
    Dequantize,
    Pointwise,
    Rearrange,
    Reshape,
    Resize2d,
    Select,
    Slice,
    Transpose,
)
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_variable, shape_of
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite

COPIES = (DepthToSpace, Rearrange, Reshape, Resize2d, Select, Slice, Transpose)


def copy_bytes(rewrite: Rewrite, call: OperatorCall, name: str) -> Expr | None:
    """The function of what ``call`` copies; None where it copies something else, or others read that too."""
    if not isinstance(call.operator, COPIES) or not call.operator.keeps_quantization:
        return None
    (operand,) = call.activations
    made = operator_call(rewrite.producer(operand)) if is_variable(operand) else None
    if made is None or not _is_function_of_bytes(made) or dtype_of(operand) != "float32":
        return None
    names = {name, rewrite.name(operand)}
    alone = all(reader is not None and reader.name in names for reader in rewrite.readers(operand))
    (source,) = made.activations
    if shape_of(source) != shape_of(operand) or not (alone or isinstance(made.operator, Dequantize)):
        return None
    copied = emit_operator(rewrite, call.operator, [source], call.constants, name=f"{name}_bytes")
    if copied is None:
        return None
    if source in rewrite.quantization:
        rewrite.quantization[copied] = rewrite.quantization[source]
    result = emit_operator(rewrite, made.operator, [copied], made.constants, name=name)
    if result is not None:
        rewrite.memory[result] = frozenset({*names, f"{name}_bytes", *rewrite.memory.get(operand, ())})
    return result


def _is_function_of_bytes(call: OperatorCall) -> bool:
    operator = call.operator
    if not isinstance(operator, Dequantize) and (not isinstance(operator, Pointwise) or operator.constant_names):
        return False
    summed = isinstance(operator, Pointwise) and operator.summed
    return not summed and len(call.activations) == 1 and dtype_of(call.activations[0]) in ("int8", "uint8")
