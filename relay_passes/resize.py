"""Rules for resizing: ``image.resample2d``, whose tables the frontend computed, becomes Resize2d."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Resize2d
from tinyseg_tvm.operators.arithmetic.onnx import WEIGHT_UNIT
from tinyseg_tvm.relay_passes.computations import Computation, computing
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, is_call, is_constant
from tinyseg_tvm.relay_passes.quantized_operands import emit_operator, to_nchw, to_nhwc
from tinyseg_tvm.relay_passes.rewriting import Rewrite

RESAMPLE = "image.resample2d"
_TABLES = ("rows", "row_weights", "columns", "column_weights")


def resize_nearest(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Nearest resizing, of any type."""
    if not is_call(value, RESAMPLE) or str(value.attrs["method"]) != "nearest" or is_constant(value.args[0]):
        return None
    constants = {table: array.astype(np.int32) for table, array in _tables(value).items()}
    quantization = rewrite.quantization.get(value.args[0])
    operand = to_nhwc(rewrite, value.args[0], name)
    resized = emit_operator(rewrite, Resize2d("nearest"), [operand], constants, name=name, quantization=quantization)
    return None if resized is None else to_nchw(rewrite, resized, name)


@computing(RESAMPLE)
def resize_linear(found: Computation) -> Expr | None:
    """Sums of neighbours."""
    activation = found.activation()
    if activation is None or str(found.call.attrs["method"]) == "nearest":
        return None
    interpolation = found.interpolation()
    constants = _tables(found.call)
    if interpolation.weight_dtype == "int32":
        for weights in ("row_weights", "column_weights"):
            constants[weights] = integer_weights(constants[weights])
    return found.in_nhwc(Resize2d("linear", interpolation), [activation], constants)


def _tables(call: Expr) -> dict[str, np.ndarray]:
    return dict(zip(_TABLES, (array_of(operand) for operand in list(call.args)[1:]), strict=True))


def integer_weights(weights: np.ndarray) -> np.ndarray:
    """Weights (N, T) that sum to 1, in units of 1 / 2048, int32: each rounded half to even, the first of a pair so that
    it sums to the unit, of more the largest.
    """
    rounded = np.rint(weights.astype(np.float64) * WEIGHT_UNIT).astype(np.int32)
    balanced = np.zeros(len(rounded), np.intp) if weights.shape[1] == 2 else np.abs(rounded).argmax(axis=1)
    rounded[np.arange(len(rounded)), balanced] += WEIGHT_UNIT - rounded.sum(axis=1)
    return rounded
