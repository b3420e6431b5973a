"""Before and after fold_batch_norm."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.fold_batch_norm import fold_batch_norm

WEIGHT = np.arange(12, dtype=np.float32).reshape(2, 3, 2, 1)
BIAS = np.array([1, -2], np.float32).reshape(1, 2, 1, 1)
GAMMA, BETA = np.array([2, 3], np.float32), np.array([0.5, -0.5], np.float32)
MEAN, VARIANCE = np.array([1, 4], np.float32), np.array([3, 0], np.float32)
# factor = gamma / sqrt(variance + 1) = [1, 3]
FOLDED_WEIGHT = WEIGHT * np.array([1, 3], np.float32).reshape(2, 1, 1, 1)
FOLDED_BIAS = np.array([(1 - 1) * 1 + 0.5, (-2 - 4) * 3 - 0.5], np.float32).reshape(1, 2, 1, 1)
FACTOR = np.array([1, 3], np.float32).reshape(1, 2, 1, 1)
OFFSET = np.array([-1 * 1 + 0.5, -4 * 3 - 0.5], np.float32).reshape(1, 2, 1, 1)


def test_batch_norm_goes_into_the_convolution_before_it() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 5, 4), "float32")) -> R.Tensor((1, 2, 4, 4), "float32"):
            with R.dataflow():
                conv = R.nn.conv2d(x, R.const(WEIGHT, "float32"))
                biased = R.add(conv, R.const(BIAS, "float32"))
                normal = R.nn.batch_norm(
                    biased,
                    R.const(GAMMA, "float32"),
                    R.const(BETA, "float32"),
                    R.const(MEAN, "float32"),
                    R.const(VARIANCE, "float32"),
                    axis=1,
                    epsilon=1.0,
                )
                y = normal[0]
                R.output(y)
            return y

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 3, 5, 4), "float32")) -> R.Tensor((1, 2, 4, 4), "float32"):
            with R.dataflow():
                y_conv2d = R.nn.conv2d(x, R.const(FOLDED_WEIGHT, "float32"))
                y = R.add(y_conv2d, R.const(FOLDED_BIAS, "float32"))
                R.output(y)
            return y

    expect(fold_batch_norm, Before, Expected)


def test_batch_norm_of_anything_else_is_a_multiply_and_an_add() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 5, 4), "float32")) -> R.Tensor((1, 2, 5, 4), "float32"):
            with R.dataflow():
                normal = R.nn.batch_norm(
                    x,
                    R.const(GAMMA, "float32"),
                    R.const(BETA, "float32"),
                    R.const(MEAN, "float32"),
                    R.const(VARIANCE, "float32"),
                    axis=1,
                    epsilon=1.0,
                )
                y = normal[0]
                R.output(y)
            return y

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 5, 4), "float32")) -> R.Tensor((1, 2, 5, 4), "float32"):
            with R.dataflow():
                y_scaled = R.multiply(x, R.const(FACTOR, "float32"))
                y = R.add(y_scaled, R.const(OFFSET, "float32"))
                R.output(y)
            return y

    expect(fold_batch_norm, Before, Expected)
