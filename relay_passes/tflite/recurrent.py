"""The rule for UNIDIRECTIONAL_SEQUENCE_LSTM, whose states the frontend made operands and results (its ``memories``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tvm import relax

from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import power_of_two, quantize_multiplier
from tinyseg_tvm.operators.integer_lstm import IntegerLstm
from tinyseg_tvm.relay_passes.expressions import Expr, Var
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import Lower, Operand, TfliteCall, UnsupportedError

_INPUT, _FORGET, _CELL, _OUTPUT = range(4)
"""Gates in the order of the file's operands."""
_GATES = (_INPUT, _OUTPUT, _FORGET, _CELL)
"""The same in the order of our weights."""
_WEIGHTS, _RECURRENCES, _BIASES, _HIDDEN, _CELLS = 1, 5, 12, 18, 19
"""Operands, the first of four each but for the states."""
_ABSENT = {"peepholes": range(9, 12), "a projection": range(16, 18), "layer normalisation": range(20, 24)}
"""Operands of what is not supported."""
_GATE_SCALE = 2.0**-12
_REMEDY = "Remedy: unroll the layer when you convert the model (Keras: LSTM(..., unroll=True))"


def lstm(found: TfliteCall) -> Expr:
    """One of three results: the units' states over time, and those of units and cells behind the last step."""
    shared, key = found.rewrite.memory, ("lstm", found.call)
    if key not in shared:
        shared[key] = _emitted(found)
    result: Var = shared[key][found.item]
    return result


def _emitted(found: TfliteCall) -> tuple[Expr, Expr, Expr]:
    """The node, and what lays its operands and results out: a line per step, all of a batch in it."""
    _expect_supported(found)
    values, hidden, cells = (found.operand(index) for index in (0, _HIDDEN, _CELLS))
    time_major = bool(found.option("time_major"))
    if len(values.shape) != 3 or len(hidden.shape) != 2 or hidden.shape != cells.shape:
        raise UnsupportedError(f"values {values.shape} and states {hidden.shape}, {cells.shape} do not fit each other")
    steps, batch = values.shape[:2] if time_major else values.shape[1::-1]
    if hidden.shape[0] != batch:
        raise UnsupportedError(f"states {hidden.shape} do not fit a batch of {batch}")
    units = hidden.shape[1]
    weights, recurrences = _rows(found, _WEIGHTS), _rows(found, _RECURRENCES)
    arithmetic = _cell(found, values, hidden, cells)
    scales = [_scales(found, _WEIGHTS, values), _scales(found, _RECURRENCES, hidden)]
    multiplier, shift = quantize_multiplier(np.concatenate(scales))
    constants = {
        "weight": weights,
        "recurrence": recurrences,
        "bias": _bias(found, units, "int64" if arithmetic.dtype == "int16" else "int32"),
        "multiplier": multiplier,
        "shift": shift,
    }
    lines = _moved(found, values.expression, time_major, (steps, -1), "steps", values.quantization)
    states = [
        _bound(found, relax.op.reshape(each.expression, (1, batch * units)), suffix, each.quantization)
        for each, suffix in ((hidden, "units"), (cells, "cells"))
    ]
    try:
        node = accepted_call(IntegerLstm(units, batch, arithmetic), [lines, *states], constants)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    bundle = found.rewrite.emit(node, f"{found.name}_lstm")
    over_time, last, kept = (
        _bound(found, relax.TupleGetItem(bundle, item), suffix, each.quantization)
        for item, (suffix, each) in enumerate((("lines", hidden), ("last", hidden), ("kept", cells)))
    )
    shape = (steps, batch, units) if batch > 1 or time_major else (1, steps, units)
    result = _bound(found, relax.op.reshape(over_time, shape), "states", hidden.quantization)
    if batch > 1 and not time_major:
        result = _bound(found, relax.op.permute_dims(result, [1, 0, 2]), "batches", hidden.quantization)
    after = (
        _bound(found, relax.op.reshape(each, hidden.shape), suffix, state.quantization)
        for each, suffix, state in ((last, "units_next", hidden), (kept, "cells_next", cells))
    )
    return (result, *after)


def _expect_supported(found: TfliteCall) -> None:
    """Raises UnsupportedError for forms of the layer that have no operator."""
    for what, operands in _ABSENT.items():
        if any(found.optional(index) is not None for index in operands):
            raise UnsupportedError(f"{what} is not supported. {_REMEDY}")
    if any(found.optional(index) is None for index in (*range(_WEIGHTS, 9), _HIDDEN, _CELLS)):
        raise UnsupportedError(f"an input gate that is coupled to the forget gate is not supported. {_REMEDY}")
    if found.option("diagonal_recurrent_tensors"):
        raise UnsupportedError(f"diagonal recurrent weights are not supported. {_REMEDY}")
    if found.option_name("fused_activation_function") != "TANH":
        raise UnsupportedError(f"its activation is not TANH. {_REMEDY}")
    types = [found.operand(index).described.dtype for index in (0, _HIDDEN, _CELLS)]
    if types not in (["int8", "int8", "int16"], ["int16", "int16", "int16"]) or found.result.dtype != types[found.item]:
        raise UnsupportedError(
            f"values, states and cells are of {', '.join(types)}; int8 or int16 with cells of int16 is supported. "
            f"{_REMEDY}, or convert it with full integer quantisation"
        )


def _cell(found: TfliteCall, values: Operand, hidden: Operand, cells: Operand) -> tflite.Cell:
    """Raises UnsupportedError where scales are none of an LSTM's."""
    exponent = power_of_two(cells.quantization.scale)
    if exponent is None or cells.quantization.zero_point:
        raise UnsupportedError(
            "the cells' scale is no power of two, or their zero point is not 0. Remedy: convert the model anew"
        )
    clip = np.float32(found.option_float("cell_clip"))
    if clip < 0 or not np.isfinite(clip):
        raise UnsupportedError(f"cells are limited to {clip}. Remedy: the file may be damaged; convert the model anew")
    return tflite.Cell(
        values.quantization.zero_point,
        float(hidden.quantization.scale),
        hidden.quantization.zero_point,
        exponent,
        int(min(clip / np.float32(cells.quantization.scale), 32767)),
        dtype=values.described.relax_dtype,
    )


def _rows(found: TfliteCall, first: int) -> np.ndarray:
    """The weights of all gates, one behind the other in our order."""
    return np.concatenate([found.constant(first + gate, "weights") for gate in _GATES])


def _scales(found: TfliteCall, first: int, values: Operand) -> np.ndarray:
    """What sums of values times each gate's weights are multiplied by."""
    given = [found.operand(first + gate) for gate in _GATES]
    if any(each.described.dtype != "int8" or each.quantization.zero_point for each in given):
        raise UnsupportedError("its weights are not of int8 with a zero point of 0. Remedy: convert the model anew")
    x = np.float64(np.float32(values.quantization.scale))
    return np.array([x * np.float64(np.float32(each.quantization.scale)) / _GATE_SCALE for each in given])


def _bias(found: TfliteCall, units: int, dtype: str) -> np.ndarray:
    """Of all gates in our order; 0 where there is none."""
    parts: list[np.ndarray] = []
    for gate in _GATES:
        given = found.optional(_BIASES + gate)
        stored = np.zeros(units, dtype) if given is None else found.constant(_BIASES + gate, "bias").reshape(-1)
        if stored.dtype.name != dtype or stored.shape != (units,):
            raise UnsupportedError(f"a bias is {stored.dtype.name} {stored.shape}; {dtype} ({units},) is needed")
        parts.append(stored)
    return np.concatenate(parts)


def _moved(
    found: TfliteCall, value: Expr, time_major: bool, shape: Sequence[int], suffix: str, known: Quantization
) -> Expr:
    """(T, B, N) or, unless ``time_major``, (B, T, N) as ``shape``, whose first axis is time."""
    if not time_major and value.ty.shape.values[0] != 1:
        value = _bound(found, relax.op.permute_dims(value, [1, 0, 2]), f"{suffix}_first", known)
    return _bound(found, relax.op.reshape(value, shape), suffix, known)


def _bound(found: TfliteCall, value: Expr, suffix: str, known: Quantization) -> Expr:
    return found.rewrite.emit(value, f"{found.name}_{suffix}", known)


RULES: dict[str, Lower] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": lstm}
