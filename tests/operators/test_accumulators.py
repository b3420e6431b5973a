"""Accumulators that could leave int32 are refused, all others are accepted."""

from __future__ import annotations

import numpy as np
import pytest

from tinyseg_tvm.operators import Dense, TensorType
from tinyseg_tvm.operators.arithmetic import onnx


def check(weight, bias, zero_point=0, multiplier=1e-3):
    operator = Dense(True, onnx.WeightedSum(zero_point, 0, -128, 127))
    weight = np.asarray(weight)
    constants = {
        "weight": weight,
        "bias": np.asarray(bias, np.int32),
        "multiplier": np.full(weight.shape[0], multiplier, np.float32),
    }
    operator.check([TensorType((1, weight.shape[1]), "int8")], constants)


def test_bias_at_the_end_of_int32_is_accepted_only_without_weights():
    check(np.zeros((1, 4), np.int8), [2**31 - 1])
    with pytest.raises(ValueError, match=r"channel 0 can reach .* beyond int32"):
        check(np.ones((1, 4), np.int8), [2**31 - 1])


def test_bound_is_exact_for_the_zero_point():
    # x - zero_point lies in [-28, 227]: the largest accumulator is bias + 227 * 127.
    limit = 2**31 - 1 - 227 * 127
    check(np.full((1, 1), 127, np.int8), [limit], zero_point=-100)
    with pytest.raises(ValueError, match="beyond int32"):
        check(np.full((1, 1), 127, np.int8), [limit + 1], zero_point=-100)


def test_long_sums_of_int16_weights_are_refused():
    check(np.full((1, 33_000), 254, np.int16), [0])
    with pytest.raises(ValueError, match=r"sum of .weight. 8890000"):
        check(np.full((1, 35_000), 254, np.int16), [0], zero_point=-128)


def test_refusal_names_the_channel():
    weight = np.zeros((3, 2), np.int8)
    weight[2] = 100
    with pytest.raises(ValueError, match="output channel 2"):
        check(weight, [0, 0, -(2**31)])


@pytest.mark.parametrize("multiplier", [np.nan, np.inf, -1.0])
def test_multipliers_that_are_not_finite_or_negative_are_refused(multiplier):
    with pytest.raises(ValueError, match="must be finite and not negative"):
        check(np.ones((1, 1), np.int8), [0], multiplier=multiplier)
