"""Rules for QUANTIZE, DEQUANTIZE, SOFTMAX and the indices of ARG_MAX."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import ArgMax, Dequantize, Lookup, Softmax
from tinyseg_tvm.operators.arithmetic import float32, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.operators.l2_normalize import L2Normalize
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError
from tinyseg_tvm.relay_passes.tflite.pointwise import quantize as quantize_float
from tinyseg_tvm.relay_passes.tflite.tables import CODES, requantized
from tinyseg_tvm.relay_passes.tflite.weighted_sums import dequantized


def dequantize(found: TfliteCall) -> Expr:
    """To float32; of constants at import."""
    source = found.operand()
    if source.described.dtype == "float32":
        return source.expression
    constant, described = source.constant, source.described
    if constant is not None:
        real = constant if constant.dtype == np.float32 else dequantized(constant, described)
        return relax.const(np.asarray(real, np.float32))
    quantization = source.quantization
    return found.emit(Dequantize(quantization.scale, quantization.zero_point), [source.expression])


def quantize(found: TfliteCall) -> Expr:
    """Of float32 or codes to codes."""
    return quantize_float(found) if found.is_float else requantized(found)


def softmax(found: TfliteCall) -> Expr:
    """Over the last axis."""
    if found.is_float:
        if found.option_float("beta") != 1:
            raise UnsupportedError("a beta other than 1 is not supported in float32")
        return found.emit(Softmax(float32.Softmax()), [found.operand().expression])
    if found.operand().described.dtype == "int16":
        return _softmax_of_int16(found)
    after, limits = found.result.quantization, found.result.limits
    types = (found.operand().described.dtype, found.result.dtype)
    if types not in (("int8", "int8"), ("uint8", "uint8"), ("int8", "int16")):
        raise UnsupportedError(f"it is of {types[0]} to {types[1]}; int8, uint8 and int16 are supported")
    least, most = limits
    # Of int8 with results of int16 no scale is looked at: files have 1/65535 there.
    scale_fits = types[1] == "int16" or np.float32(after.scale) == np.float32(1 / (most - least + 1))
    if not scale_fits or after.zero_point != least:
        raise UnsupportedError(
            f"its result is quantised by {after.scale:g} and not by 1/{most - least + 1} from the least code on"
        )
    table = tflite.softmax_table(found.operand().quantization.scale, found.option_float("beta"))
    arithmetic = tflite.Softmax(after.scale, after.zero_point, wide_result=types[1] == "int16")
    return found.emit(Softmax(arithmetic), [found.operand().expression], {"table": table})


def log_softmax(found: TfliteCall) -> Expr:
    """Over the last axis."""
    if found.is_float:
        return found.moved(relax.op.nn.log_softmax(found.operand().expression, axis=-1))
    found.expect_types("int8")
    after = found.result.quantization
    if np.float32(after.scale) != np.float32(1 / 16) or after.zero_point != 127:
        raise UnsupportedError(f"its result is quantised by ({after.scale:g}, {after.zero_point}), not (1/16, 127)")
    arithmetic, table = tflite.log_softmax(found.operand().quantization.scale)
    return found.emit(Softmax(arithmetic), [found.operand().expression], {"table": table})


def l2_normalization(found: TfliteCall) -> Expr:
    """Over the last axis."""
    if found.option_name("fused_activation_function") != "NONE":
        raise UnsupportedError("its fused activation is not supported")
    if found.is_float:
        return _divided_by_length(found)
    found.expect_types("int8", "uint8")
    after = found.result.quantization
    if np.float32(after.scale) != np.float32(1 / 128) or after.zero_point != 0:
        raise UnsupportedError(f"its result is quantised by {after.scale:g} and not by 1/128 about the middle code")
    of_uint8 = found.operand().described.dtype == "uint8"
    arithmetic = tflite.Normalization(found.operand().quantization.zero_point, of_uint8)
    return found.emit(L2Normalize(arithmetic), [found.operand().expression])


def _divided_by_length(found: TfliteCall) -> Expr:
    """In float32: by the root of the squares' sum, or of 1e-6 where that is more."""
    value = found.operand().expression
    squares = found.move(relax.op.multiply(value, value), "squares")
    total = found.move(relax.op.sum(squares, axis=-1, keepdims=True), "sum")
    least = found.move(relax.op.maximum(total, relax.const(np.float32(1e-6))), "least")
    return found.moved(relax.op.divide(value, found.move(relax.op.sqrt(least), "length")))


def _softmax_of_int16(found: TfliteCall) -> Expr:
    found.expect_types("int16")
    after, elements = found.result.quantization, found.operand().shape[-1]
    if np.float32(after.scale) != np.float32(2.0**-15):
        raise UnsupportedError(f"its result is quantised by {after.scale:g} and not by 1/32768")
    if elements > _MOST_SHARES:
        raise UnsupportedError(f"it is of {elements} values, more than {_MOST_SHARES}")
    scale = np.float64(np.float32(found.operand().quantization.scale)) * np.float64(
        np.float32(found.option_float("beta"))
    )
    multiplier, shift = quantize_multiplier(scale / (10.0 / 65535.0))
    arithmetic = tflite.Softmax(
        after.scale, after.zero_point, dtype="int16", multiplier=int(multiplier), shift=int(shift)
    )
    return found.emit(Softmax(arithmetic), [found.operand().expression])


_MOST_SHARES = 65535
"""Of a vector of int16, whose exponentials an int32 sums."""


def arg_max(found: TfliteCall) -> Expr:
    """Along any axis; the lowest index wins."""
    return _index(found, found.operand().expression)


def arg_min(found: TfliteCall) -> Expr:
    """The index of the most of all codes the other way round."""
    if found.operand().described.dtype not in ("int8", "uint8"):
        raise UnsupportedError(f"it is of {found.operand().described.dtype}; int8 and uint8 are supported")
    return _index(found, found.emit(Lookup("int8"), [found.operand().expression], {"table": (~CODES).astype(np.int8)}))


def _index(found: TfliteCall, value: Expr) -> Expr:
    rank = len(found.operand().shape)
    axis = int(found.constant(1, "axis").reshape(-1)[0]) % max(rank, 1)
    if axis != rank - 1:
        order = [*(other for other in range(rank) if other != axis), axis]
        value = found.move(relax.op.permute_dims(value, order), "last")
    operator = ArgMax(keepdims=False, select_last_index=False, output_dtype=found.result.dtype)
    result = found.emit(operator, [value])
    return found.shaped(result)


RULES: dict[str, Lower] = {
    "DEQUANTIZE": dequantize,
    "QUANTIZE": quantize,
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": log_softmax,
    "L2_NORMALIZATION": l2_normalization,
    "ARG_MAX": arg_max,
    "ARG_MIN": arg_min,
}
