"""Before and after fold_constants."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.fold_constants import fold_constants

STORED = np.array([[1, -2, 3], [4, 5, -6]], np.int8)
TURNED = np.ascontiguousarray(STORED.T)


def test_movement_and_arithmetic_of_constants_are_computed() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((3, 2), "float32")) -> R.Tensor((3, 2), "float32"):
            with R.dataflow():
                missing = R.isnan(R.const(6.0, "float32"))
                bound = R.where(missing, R.const(1.0, "float32"), R.const(6.0, "float32"))
                y = R.minimum(x, bound)
                R.output(y)
            return y

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((3, 2), "float32")) -> R.Tensor((3, 2), "float32"):
            with R.dataflow():
                y = R.minimum(x, R.const(6.0, "float32"))
                R.output(y)
            return y

    expect(fold_constants, Before, Expected)


def test_weights_stay_quantised() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4, 3), "float32")) -> R.Tensor((4, 2), "float32"):
            with R.dataflow():
                turned = R.permute_dims(R.const(STORED, "int8"), axes=[1, 0])
                w = R.dequantize(turned, R.const(0.5, "float32"), R.const(0, "int8"), axis=1)
                y = R.matmul(x, w)
                R.output(y)
            return y

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4, 3), "float32")) -> R.Tensor((4, 2), "float32"):
            with R.dataflow():
                w = R.dequantize(R.const(TURNED, "int8"), R.const(0.5, "float32"), R.const(0, "int8"), axis=1)
                y = R.matmul(x, w)
                R.output(y)
            return y

    expect(fold_constants, Before, Expected)
