"""Integer forms of binary arithmetic are equal to the float32 definition wherever they are offered."""

from __future__ import annotations

import numpy as np
import pytest

from tinyseg_tvm.codegen.operators.integer_forms import find_integer_form, find_narrow_product
from tinyseg_tvm.operators.arithmetic import onnx


def every_result(function: str, arithmetic: onnx.Binary) -> np.ndarray:
    codes = np.arange(-128, 128).astype(np.int8)
    return arithmetic.results(function, codes[:, None], codes[None, :])


def random_arithmetic(rng: np.random.Generator, kind: str) -> onnx.Binary:
    scales = np.exp(rng.uniform(-5, -1, 3)).astype(np.float32).tolist()
    if kind == "mul":
        scales[2] = scales[0] * scales[1] * float(np.exp(rng.uniform(3, 6)))
    zero_points = rng.integers(-128, 128, 3).tolist()
    low = int(rng.choice([-128, zero_points[2]]))
    return onnx.Binary(scales[0], zero_points[0], scales[1], zero_points[1], scales[2], zero_points[2], low, 127)


@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
def test_most_ordinary_arithmetic_has_an_integer_form(kind):
    rng = np.random.default_rng(3)
    forms = [find_integer_form(kind, random_arithmetic(rng, kind)) for _ in range(12)]
    assert sum(form is not None for form in forms) >= 9


@pytest.mark.parametrize("kind", ["add", "sub"])
def test_ties_round_to_even(kind):
    """Equal scales and an output scale twice as large: every odd sum is a tie."""
    arithmetic = onnx.Binary(0.5, 3, 0.5, -7, 1.0, 11, -128, 127)
    form = find_integer_form(kind, arithmetic)
    assert form is not None
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    np.testing.assert_array_equal(form.apply((a, b), -128, 127), every_result(kind, arithmetic))


def test_no_form_is_offered_for_what_is_not_proved():
    """Scales so far apart that no 32-bit form is exact."""
    assert find_integer_form("mul", onnx.Binary(3e38, 0, 3e38, 0, 1e-30, 0, -128, 127)) is None


def test_most_products_have_a_narrow_form_which_is_exact_as_the_kernels_compute_it():
    """Products of factor and operand without zero point are int32, then 16 bits are dropped before the offset."""
    rng = np.random.default_rng(4)
    found = 0
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    for _ in range(12):
        arithmetic = random_arithmetic(rng, "mul")
        form = find_narrow_product("mul", arithmetic)
        if form is not None:
            found += 1
            scaled = form.factors[0] * (b - arithmetic.rhs_zero_point)
            wide = scaled * (a - arithmetic.lhs_zero_point)
            total = (wide >> 16) + (form.offset >> 16)
            assert max(np.abs(scaled).max(), abs(form.factors[0]) * 255, np.abs(total).max()) < 2**31
            assert 0 <= form.shift - 16 <= 31
            results = np.clip(total >> (form.shift - 16), arithmetic.output_min, arithmetic.output_max)
            np.testing.assert_array_equal(results, every_result("mul", arithmetic))
    assert found >= 9


def test_a_product_on_ties_has_no_narrow_form():
    """An eighth of a product lies halfway between two results in one of eight cases."""
    arithmetic = onnx.Binary(0.5, 0, 0.25, 0, 1.0, 0, -128, 127)
    assert find_integer_form("mul", arithmetic) is not None
    assert find_narrow_product("mul", arithmetic) is None
