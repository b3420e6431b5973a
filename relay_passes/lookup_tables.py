"""Any function of one int8 value becomes a table of 256 entries.

* ``quantize(f(g(... dequantize(x))))`` with elementwise ``f``, ``g``, ... and constants of one value: unary activations
  and their compositions, arithmetic with scalars, x * sigmoid(x), requantisation (no ``f`` at all), int8 from uint8;
* elementwise operators on 8-bit integers themselves (a clip of int8);
* a table after a table, where nothing else reads what lies between. A table that changes nothing disappears.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Lookup
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize, quantize
from tinyseg_tvm.relay_passes.elementwise_evaluation import evaluate, is_elementwise, tensor_operands
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    array_of,
    dtype_of,
    has_static_shape,
    is_call,
    is_constant,
    shape_of,
)
from tinyseg_tvm.relay_passes.operators_registration import constants_of
from tinyseg_tvm.relay_passes.quantization import Quantization, per_tensor_quantization
from tinyseg_tvm.relay_passes.quantized_operands import emit_operator
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass

_CODES = {dtype: np.arange(256, dtype=np.uint8).view(dtype) for dtype in ("int8", "uint8")}


def table_of_chain(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A quantised function of one dequantised tensor."""
    if not is_call(value, "quantize") or dtype_of(value) not in _CODES:
        return None
    output = per_tensor_quantization(value)
    if output is None or not isinstance(value.args[0], tvm.ir.Var):
        return None
    chain = _Chain(rewrite)
    result = chain.evaluate(value.args[0])
    if result is None or chain.source is None or shape_of(chain.source) != shape_of(value):
        return None
    table = quantize(np.broadcast_to(result, (256,)), output.scale, output.zero_point, dtype_of(value))
    is_requantization = is_call(rewrite.producer(value.args[0]), "dequantize")
    return _lookup(rewrite, chain.source, table, name if is_requantization else rewrite.name(value.args[0]), output)


def table_of_integers(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """An elementwise function of one 8-bit tensor, in integers: a clip after quantisation."""
    if not is_call(value, "clip", "nn.relu", "maximum", "minimum") or dtype_of(value) not in _CODES:
        return None
    operands = tensor_operands(value)
    sources = [operand for operand in operands if not is_constant(operand)]
    if len(sources) != 1 or not has_static_shape(value) or shape_of(sources[0]) != shape_of(value):
        return None
    if any(is_constant(operand) and array_of(operand).size != 1 for operand in operands):
        return None
    codes = _CODES[dtype_of(value)]
    arrays = [array_of(operand).reshape(()) if is_constant(operand) else codes for operand in operands]
    return _lookup(rewrite, sources[0], evaluate(value, arrays), name, rewrite.quantization.get(sources[0]))


def table_of_table(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Two tables in a row are one."""
    if not is_call(value, "tinyseg.lookup"):
        return None
    before = rewrite.producing_call(value.args[0], "tinyseg.lookup")
    if before is None or rewrite.uses(value.args[0]) > 1:
        return None
    composed = compose(constants_of(before)["table"], constants_of(value)["table"])
    return _lookup(rewrite, before.args[0], composed, name, None)


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The table of ``second`` after ``first``."""
    return np.asarray(second[first.view(np.uint8)])


def is_identity(table: np.ndarray, input_dtype: str) -> bool:
    """True for a table that gives back each byte it is given, as the type it has."""
    return str(table.dtype) == input_dtype and bool((table.view(np.uint8) == np.arange(256)).all())


class _Chain:
    """Evaluates a tree of elementwise calls over all values of the one quantised tensor that it reads."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.source: Expr = None
        self.quantization: Quantization | None = None
        self._known: dict[Expr, np.ndarray | None] = {}

    def evaluate(self, expression: Expr) -> np.ndarray | None:
        """(256,) values of ``expression``, or () where it is constant; None where it is no function of one tensor."""
        if is_constant(expression):
            array = array_of(expression)
            uniform = array.size > 0 and (array.size == 1 or bool((array == array.flat[0]).all()))
            return array.reshape(-1)[0].reshape(()) if uniform else None
        if expression not in self._known:
            self._known[expression] = self._evaluate_call(self.rewrite.producer(expression))
        return self._known[expression]

    def _evaluate_call(self, call: Call) -> np.ndarray | None:
        if is_call(call, "dequantize"):
            return self._leaf(call)
        if not isinstance(call, relax.Call) or not isinstance(call.op, tvm.ir.Op) or not is_elementwise(call):
            return None
        operands = [self.evaluate(operand) for operand in tensor_operands(call)]
        if any(operand is None for operand in operands):
            return None
        return np.asarray(evaluate(call, [operand for operand in operands if operand is not None]))

    def _leaf(self, call: Call) -> np.ndarray | None:
        quantization = per_tensor_quantization(call)
        if quantization is None:
            return None
        if is_constant(call.args[0]):
            codes = self.evaluate(call.args[0])
            return None if codes is None else dequantize(codes, quantization.scale, quantization.zero_point)
        dtype = dtype_of(call.args[0])
        if dtype not in _CODES:
            return None
        if self.source is None:
            self.source, self.quantization = call.args[0], quantization
        if not self.source.same_as(call.args[0]) or quantization != self.quantization:
            return None
        return dequantize(_CODES[dtype], quantization.scale, quantization.zero_point)


def _lookup(
    rewrite: Rewrite, source: Expr, table: np.ndarray, name: str, quantization: Quantization | None
) -> Expr | None:
    if is_identity(table, dtype_of(source)):
        return source
    operator = Lookup(output_dtype=str(table.dtype))
    return emit_operator(rewrite, operator, [source], {"table": table}, name=name, quantization=quantization)


lookup_tables = tvm.transform.Sequential(
    [main_pass("make_tables", table_of_chain, table_of_integers), main_pass("compose_tables", table_of_table)],
    name="tinyseg.lookup_tables",
)
