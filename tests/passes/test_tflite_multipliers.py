"""TensorFlow Lite's integers next to ties, where other arithmetic gives another code."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.operators import Elementwise
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes import lower

SCALES = (0.01, 0.003, 270.0)
"""Of operand, weight and result: by these 544,500,007 is 61, or 60 where the product is rounded to float32."""


def test_scales_of_a_dense_layer_are_multiplied_in_float64():
    made = TfliteFile()
    x, y = made.tensor((1, 1), "int8", SCALES[0]), made.tensor((1, 1), "int8", SCALES[2])
    weight = made.tensor((1, 1), "int8", SCALES[1], 0, np.ones((1, 1), np.int8))
    bias = made.tensor((1,), "int32", 3e-5, 0, np.array([544_500_007], np.int32))
    made.operator("FULLY_CONNECTED", [x, weight, bias], [y], fused_activation_function="NONE")
    network = lower(from_tflite(made.to_bytes([x], [y]))[0])
    assert run(network, [np.zeros((1, 1), np.int8)])[0].item() == 61


def test_scales_of_a_product_of_matrices_are_multiplied_in_float64():
    made = TfliteFile()
    a, b, y = (made.tensor((1, 1), "int8", scale) for scale in SCALES)
    made.operator("BATCH_MATMUL", [a, b], [y], adj_x=0, adj_y=0)
    node = lower(from_tflite(made.to_bytes([a, b], [y]))[0]).nodes[0]
    assert isinstance(node.operator, Matmul)
    assert isinstance(node.operator.arithmetic, tflite.ProductSum)
    a_scale, b_scale, y_scale = np.array(SCALES, np.float32).astype(np.float64)
    assert node.operator.arithmetic.multiplier == a_scale * b_scale / y_scale


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("kind", ["MUL", "PRELU"])
def test_scales_of_a_product_are_multiplied_in_float64_for_int8(kind: str, dtype: str):
    made = TfliteFile()
    zero_point = 0 if dtype == "int8" else 128
    a, b, y = (made.tensor((1, 4), dtype, scale, zero_point) for scale in SCALES)
    made.operator(kind, [a, b], [y], **({"fused_activation_function": "NONE"} if kind == "MUL" else {}))
    network = lower(from_tflite(made.to_bytes([a, b], [y]))[0])
    operator = next(node.operator for node in network.nodes if isinstance(node.operator, Elementwise))
    assert isinstance(operator.arithmetic, tflite.Binary)
    a_scale, b_scale, y_scale = np.array(SCALES, np.float32).astype(np.float64 if dtype == "int8" else np.float32)
    multiplier, shift = quantize_multiplier(float(a_scale * b_scale / y_scale))
    assert operator.arithmetic.fixed_point(operator.function).output == (int(multiplier), int(shift))


def test_tanh_of_int8_is_of_fixed_point():
    made = TfliteFile()
    x, y = made.tensor((1, 2), "int8", 1 / 256, -128), made.tensor((1, 2), "int8", 1 / 128)
    made.operator("TANH", [x], [y])
    result = run(lower(from_tflite(made.to_bytes([x], [y]))[0]), [np.array([[-127, -128]], np.int8)])[0]
    assert result.tolist() == [[1, 0]]  # tanh(1/256) is 0.4999975 of a step, and Newton's method goes astray by more


def test_a_clamp_behind_a_maximum_is_not_lost():
    made = TfliteFile()
    x, y = made.tensor((1, 4), "int8", 0.1, 5), made.tensor((1, 4), "int8", 0.1, 5)
    other = made.tensor((4,), "int8", 0.1, 5, np.array([-100, -100, 0, 100], np.int8))
    largest = made.tensor((1, 4), "int8", 0.1, 5)
    made.operator("MAXIMUM", [x, other], [largest])
    made.operator("RELU", [largest], [y])
    network = lower(from_tflite(made.to_bytes([x], [y]))[0])
    result = run(network, [np.array([[-50, 50, -50, 50]], np.int8)])[0]
    assert result.tolist() == [[5, 50, 5, 100]]
