"""Rules for the two parts of SVDF (see the frontend's ``memories``): a memory that moves on, and the sum over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Conv2d, Dense, Operator, Unary
from tinyseg_tvm.operators.arithmetic import float32, forms, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.operators.arithmetic.tflite_unary import IDENTITY
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError

_INT16 = (-32768, 32767)


def memory(found: TfliteCall) -> Expr:
    """Operands: values (1, I), weights (F, I), the memory (1, T, 1, F). Features of int8 values are int16."""
    values, before = found.operand(0), found.operand(2)
    weight = found.constant(1, "weights")
    _, steps, _, features = found.result.shape
    if weight.shape != (features, values.shape[-1]) or values.shape[:-1] != (1,):
        raise UnsupportedError(f"weights {weight.shape} do not fit values {values.shape} and {features} features")
    if found.is_float:
        source = values.expression
        arithmetic: forms.WeightedSum = float32.WeightedSum(-float32.FLOAT32_MAX, float32.FLOAT32_MAX)
        constants = {"weight": weight.astype(np.float32), "bias": np.zeros(features, np.float32)}
    else:
        _expect_integers(found, ("int8", "int8", "int16"), "int16")
        zero_point = values.quantization.zero_point
        centred = tflite.Rescaling(zero_point, *IDENTITY, *IDENTITY, 1.0, 0, *_INT16, "int16", dtype="int8")
        known = Quantization(values.quantization.scale, 0)
        source = _emitted(found, Unary(centred), values.expression, {}, "centred", known)
        arithmetic = tflite.WeightedSum(0, 0, *_INT16, dtype="int16")
        constants = _constants(found, weight, np.zeros(features, np.int32))
    operator, known_result = Dense(flatten=False, arithmetic=arithmetic), found.result_quantization
    newest = _emitted(found, operator, source, constants, "features", known_result)
    row = relax.op.reshape(newest, (1, 1, 1, features))
    if steps == 1:
        return found.moved(row)
    row = found.rewrite.emit(row, f"{found.name}_newest", known_result)
    kept = relax.op.strided_slice(before.expression, axes=[1], begin=[1], end=[steps], strides=[1])
    return found.moved(relax.op.concat([found.move(kept, "kept", before), row], 1))


def weighed(found: TfliteCall) -> Expr:
    """Operands: the memory (1, T, 1, F), weights (F, T), a bias (F / rank) or none."""
    operand, weight, rank = found.operand(), found.constant(1, "weights"), found.option("rank")
    _, steps, _, features = operand.shape
    if rank < 1 or weight.shape != (features, steps) or found.result.shape != (1, features // rank):
        raise UnsupportedError(f"weights {weight.shape} of rank {rank} do not fit {found.result.shape}")
    units = features // rank
    kernel = np.ascontiguousarray(weight.reshape(units, rank, steps).transpose(0, 2, 1)[:, :, np.newaxis, :])
    stored = found.optional(2)
    bias = np.zeros(units, np.int32) if stored is None else found.constant(2, "bias").reshape(-1)
    if bias.shape != (units,):
        raise UnsupportedError(f"a bias of {bias.size} does not fit {units} units")
    if found.is_float:
        arithmetic: forms.WeightedSum = float32.WeightedSum(*found.float_clamp())
        constants = {"weight": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
        operator = Conv2d((1, 1), (0, 0, 0, 0), (1, 1), units, arithmetic)
        return found.shaped(_emitted(found, operator, operand.expression, constants, "total", None))
    _expect_integers(found, ("int16", "int16"), "int8")
    after, limits = found.result.quantization, found.result.limits
    arithmetic = tflite.WeightedSum(0, after.zero_point, *limits, dtype="int16")
    operator = Conv2d((1, 1), (0, 0, 0, 0), (1, 1), units, arithmetic)
    constants = _constants(found, kernel, bias.astype(np.int32))
    total = _emitted(found, operator, operand.expression, constants, "total", after)
    zero_point = after.zero_point
    narrow = tflite.Rescaling(zero_point, *IDENTITY, *IDENTITY, after.scale, zero_point, *limits, "int8", dtype="int16")
    return found.shaped(_emitted(found, Unary(narrow), total, {}, "codes", after))


def _expect_integers(found: TfliteCall, operands: Sequence[str], result: str) -> None:
    types = [found.operand(index).described.dtype for index in range(len(operands))]
    if types != list(operands) or found.result.dtype != result:
        raise UnsupportedError(
            f"it is of {', '.join(types)} to {found.result.dtype}; {', '.join(operands)} to {result} are supported"
        )
    if found.operand(1).quantization.zero_point:
        raise UnsupportedError("its weights have a zero point that is not 0")


def _constants(found: TfliteCall, weight: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Of a sum whose multiplier is ``f32(f32(s_x * s_w) / s_y)``."""
    x, w = (np.float32(found.operand(index).quantization.scale) for index in (0, 1))
    real = np.float64(np.float32(np.float32(x * w) / np.float32(found.result.quantization.scale)))
    multiplier, shift = quantize_multiplier(np.full(bias.size, real))
    return {"weight": weight, "bias": bias, "multiplier": multiplier, "shift": shift}


def _emitted(
    found: TfliteCall,
    operator: Operator,
    source: Expr,
    constants: Mapping[str, np.ndarray],
    suffix: str,
    known: Quantization | None,
) -> Expr:
    """Binds a part of the operator under ``<name>_<suffix>``."""
    try:
        accepted = accepted_call(operator, [source], constants)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    return found.rewrite.emit(accepted, f"{found.name}_{suffix}", known)


RULES: dict[str, Lower] = {"SVDF_MEMORY": memory, "SVDF_SUM": weighed}
