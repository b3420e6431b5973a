"""16 bit activations of TensorFlow Lite: biases of 64 bits are kept, and what its kernels do not compute is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

LOGISTIC_SCALE = 2.0**-15
NONE = {"fused_activation_function": "NONE"}


def lowered(made: TfliteFile, inputs: list[int], output: int) -> Network:
    return lower(from_tflite(made.to_bytes(inputs, [output]))[0])


def dense(bias: np.ndarray, output_scale: float = 1.0, zero_point: int = 0) -> Network:
    made = TfliteFile()
    x, y = made.tensor((1, 2), "int16", 1.0, zero_point), made.tensor((1, 1), "int16", output_scale)
    weight = made.tensor((1, 2), "int8", 2.0**-16, 0, np.array([[100, -100]], np.int8))
    stored = made.tensor((1,), str(bias.dtype), 2.0**-16, 0, bias)
    made.operator("FULLY_CONNECTED", [x, weight, stored], [y], **NONE)
    return lowered(made, [x], y)


@pytest.mark.parametrize("bias", [0x7FFF0000, -0x7FFF0000, 3 << 29])
def test_a_bias_of_64_bits_counts_in_full(bias: int):
    product = 32767 * 100 + 32768 * 100
    result = run(dense(np.array([bias], np.int64)), [np.array([[32767, -32768]], np.int16)])[0]
    assert result.item() == np.clip((bias + product + (1 << 15)) >> 16, -32768, 32767)


def test_sums_with_a_bias_of_32_bits_wrap():
    product = 32767 * 100 + 32768 * 100
    bias = (1 << 31) - 1 - product // 2
    result = run(dense(np.array([bias], np.int32)), [np.array([[32767, -32768]], np.int16)])[0]
    wrapped = np.array(bias + product, np.int64).astype(np.int32)
    assert result.item() == np.clip(np.trunc(wrapped / 2**16 + np.copysign(0.5, wrapped)), -32768, 32767)


def test_sums_without_a_bias_are_rounded_once():
    made = TfliteFile()
    x, y = made.tensor((1, 1), "int16", 1.0), made.tensor((1, 1), "int16", 1.0)
    weight = made.tensor((1, 1), "int8", 1 / 254, 0, np.array([[127]], np.int8))
    made.operator("FULLY_CONNECTED", [x, weight, -1], [y], **NONE)
    result = run(lowered(made, [x], y), [np.array([[-5]], np.int16)])[0]
    assert result.item() == -2  # -2.5: rounded twice, it is -3


def binary(kind: str, scales: tuple[float, float, float]) -> Network:
    made = TfliteFile()
    a, b, y = (made.tensor((1, 4), "int16", scale) for scale in scales)
    made.operator(kind, [a, b], [y], pot_scale_int16=1, **NONE)
    return lowered(made, [a, b], y)


def unary(kind: str, result_scale: float, **options: object) -> Network:
    made = TfliteFile()
    x, y = made.tensor((1, 4), "int16", 1e-4), made.tensor((1, 4), "int16", result_scale)
    made.operator(kind, [x], [y], **options)
    return lowered(made, [x], y)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: dense(np.array([0], np.int64), zero_point=3), "a zero point of int16 is not 0"),
        (lambda: dense(np.array([1 << 48], np.int64)), "can leave 48 bits"),
        (lambda: dense(np.array([0], np.int64), output_scale=2.0**-26), "8 bits too large"),
        (lambda: binary("ADD", (0.5, 0.5, 1.0)), "powers of two below the result's"),
        (lambda: binary("SQUARED_DIFFERENCE", (0.3, 0.5, 1.0)), "squared_difference is of int8"),
        (lambda: unary("LOGISTIC", 1e-4), "not by 1/32768"),
        (lambda: unary("SOFTMAX", 1e-4, beta=1.0), "not by 1/32768"),
        (lambda: unary("ELU", 1e-4), "it is of int16"),
    ],
)
def test_what_no_kernel_computes_is_refused(make: Callable[[], Network], reason: str):
    with pytest.raises(TinySegError, match=reason):
        make()


def test_sums_by_powers_of_two_are_shifted_and_saturated():
    network = binary("SUB", (0.5, 1.0, 1.0))
    a, b = np.array([[5, -5, 32767, 6]], np.int16), np.array([[1, 1, -32768, 0]], np.int16)
    assert run(network, [a, b])[0].tolist() == [[2, -4, 32767, 3]]


def test_a_choice_keeps_codes():
    made = TfliteFile()
    which, (a, b, y) = made.tensor((1, 3), "bool", None), (made.tensor((1, 3), "int16", 0.1) for _ in range(3))
    made.operator("SELECT_V2", [which, a, b], [y])
    network = lowered(made, [which, a, b], y)
    first, second = np.array([[32767, -32768, 5]], np.int16), np.array([[-1, 32766, -32767]], np.int16)
    assert run(network, [np.array([[True, False, False]]), first, second])[0].tolist() == [[32767, 32766, -32767]]
