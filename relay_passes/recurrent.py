"""The rule for recurrent layers, which the frontend hands on as calls of ``tinyseg.recurrent``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tinyseg_tvm.operators.recurrent import Recurrent
from tinyseg_tvm.relay_passes.expressions import Expr, is_call
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.quantized_operands import float_constant, limits_of, quantized_constant
from tinyseg_tvm.relay_passes.rewriting import Rewrite

FUNCTION = "tinyseg.recurrent"
_WEIGHTS = ("weight", "recurrence")
_OPERANDS = ("x", "hidden", "cells")


def lower_recurrent(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """With weights as int8 where both are quantised per row or as a whole, without a zero point; else float32."""
    if not is_call(value, "call_pure_packed") or value.args[0].global_symbol != FUNCTION:
        return None
    *operands, text = list(value.args)[1:]
    stated: dict[str, Any] = json.loads(str(text.value))
    named = dict(zip(stated["operands"], operands, strict=True))
    constants = _quantized_weights(rewrite, named)
    quantized = constants is not None
    if constants is None:
        constants = {}
        for key in _WEIGHTS:
            found = float_constant(rewrite, named[key])
            if found is None:
                return None
            constants[key] = found
    for key, operand in named.items():
        if key not in (*_WEIGHTS, *_OPERANDS):
            found = float_constant(rewrite, operand)
            assert found is not None
            constants[key] = found
    operator = Recurrent.from_attributes({**stated["fields"], "quantized": quantized})
    activations = [named[key] for key in _OPERANDS if key in named]
    return emit_operator(rewrite, operator, activations, constants, name=name)


def _quantized_weights(rewrite: Rewrite, named: dict[str, Expr]) -> dict[str, np.ndarray] | None:
    constants: dict[str, np.ndarray] = {}
    for key in _WEIGHTS:
        found = quantized_constant(rewrite, named[key])
        if found is None or (found.scales.size > 1 and found.axis != 0):
            return None
        low, high = limits_of("int8")
        if found.values.min() < low or found.values.max() > high:
            return None
        constants[key] = found.values.astype(np.int8)
        scales = np.broadcast_to(found.scales, (len(found.values),))
        constants[f"{key}_scale"] = np.ascontiguousarray(scales, np.float32)
    return constants
