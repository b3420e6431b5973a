"""Comparisons of codes of TensorFlow Lite: all pairs, of quantisations that differ, with tables and constants."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tests.operators.tflite_loops import multiply, quantize_multiplier
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne,
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
}
QUANTISATIONS = [((0.5, 3), (0.5, 3)), ((0.03, -5), (0.047, 90)), ((0.002, 40), (0.0007, -128)), ((0.9, 0), (0.004, 0))]
"""Equal ones, others, and two so small that neighbouring codes are alike."""


def compared(codes: np.ndarray, quantisation: tuple[float, int]) -> np.ndarray:
    """What the reference kernels compare in place of codes."""
    pair = quantize_multiplier(float(np.float32(quantisation[0])))
    return np.array([multiply((int(code) - quantisation[1]) << 8, *pair) for code in codes.flat]).reshape(codes.shape)


def results(kind: str, lhs: tuple[float, int], rhs: tuple[float, int], dtype: str, constant: int | None) -> np.ndarray:
    """Of all codes upwards along the columns, and along the rows; operand ``constant`` is one."""
    low = int(np.iinfo(dtype).min)
    codes = np.arange(low, low + 256).astype(dtype)
    data = (codes.reshape(1, 256), codes.reshape(256, 1))
    made = TfliteFile()
    operands = [
        made.tensor(array.shape, dtype, scale, zero_point + low + 128, array if index == constant else None)
        for index, (array, (scale, zero_point)) in enumerate(zip(data, (lhs, rhs), strict=True))
    ]
    result = made.tensor((256, 256), "bool", None)
    made.operator(kind, operands, [result])
    inputs = [index for index in range(2) if index != constant]
    network = lower(from_tflite(made.to_bytes([operands[index] for index in inputs], [result]))[0])
    found: np.ndarray = run(network, [data[index] for index in inputs])[0]
    return found


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("quantisations", QUANTISATIONS, ids=["equal", "other", "small", "wide"])
@pytest.mark.parametrize(("dtype", "constant"), [("int8", None), ("uint8", 0), ("int8", 1)])
def test_every_pair_of_codes_is_compared_as_the_kernels_do(kind, quantisations, dtype, constant):
    codes = np.arange(-128, 128)
    lhs_quantisation, rhs_quantisation = quantisations
    lhs, rhs = compared(codes, lhs_quantisation), compared(codes, rhs_quantisation)
    expected = FUNCTIONS[kind](lhs.reshape(1, 256), rhs.reshape(256, 1))
    np.testing.assert_array_equal(results(kind, lhs_quantisation, rhs_quantisation, dtype, constant), expected)
