"""What is known of a tensor's quantisation, and the attribute ``tinyseg.quantization`` that records it on ``main``.

The attribute maps the name of a parameter or variable to ``[scale, zero_point]``, for every tensor of one of
QUANTIZED_TYPES whose quantisation is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize, quantize
from tinyseg_tvm.relay_passes.expressions import Call, Var, array_of, is_constant

QUANTIZATION_ATTRIBUTE = "tinyseg.quantization"


@dataclass(frozen=True)
class Quantization:
    """Per-tensor quantisation: real value ``(q - zero_point) * scale``; the scale is a float32 value."""

    scale: float
    zero_point: int


def per_tensor_quantization(call: Call) -> Quantization | None:
    """Scale and zero point of a ``quantize`` or ``dequantize`` call with one of each, both constant."""
    if not (is_constant(call.args[1]) and is_constant(call.args[2])):
        return None
    scale, zero_point = array_of(call.args[1]), array_of(call.args[2])
    if scale.size == 0 or zero_point.size == 0 or np.ptp(scale) != 0 or np.ptp(zero_point.astype(np.int64)) != 0:
        return None
    return Quantization(float(np.float32(scale.flat[0])), int(zero_point.flat[0]))


def is_kept(before: Quantization, after: Quantization) -> bool:
    """Whether each int8 of one quantisation is the same int8 in another: a table between them would be no table."""
    levels = np.arange(-128, 128).astype(np.int8)
    values = dequantize(levels, before.scale, before.zero_point)
    return bool(np.array_equal(quantize(values, after.scale, after.zero_point), levels))


def recorded_quantization(attributes: Mapping[str, object], variables: Iterable[Var]) -> dict[Var, Quantization]:
    """What the attribute among a function's ``attributes`` says of ``variables``, by variable."""
    stored = attributes.get(QUANTIZATION_ATTRIBUTE)
    if not isinstance(stored, Mapping):
        return {}
    return {
        variable: Quantization(float(stored[variable.name][0]), int(stored[variable.name][1]))
        for variable in variables
        if variable.name in stored
    }


def quantization_record(known: Mapping[str, Quantization]) -> dict[str, list[float | int]]:
    """The value of the attribute."""
    return {name: [quantization.scale, quantization.zero_point] for name, quantization in known.items()}
