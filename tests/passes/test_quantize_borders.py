"""Before and after quantize_borders."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.quantize_borders import quantize_borders

STORED = np.array([[3, 5], [-7, 1], [0, 0]], np.int8)
SCALES = np.array([0.5, 0.25], np.float32)
ZEROS = np.array([1, 0], np.int8)
REAL = np.array([[1, 1.25], [-4, 0.25], [-0.5, 0]], np.float32)


def test_float_matmul_between_quantised_tensors() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3), "int8")) -> R.Tensor((2, 2), "int8"):
            with R.dataflow():
                a = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                root = R.sqrt(a)
                w = R.dequantize(R.const(STORED, "int8"), R.const(SCALES, "float32"), R.const(ZEROS, "int8"), axis=1)
                product = R.matmul(root, w)
                q = R.quantize(product, R.const(0.25, "float32"), R.const(-9, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3), "int8")) -> R.Tensor((2, 2), "int8"):
            with R.dataflow():
                a = R.tinyseg.dequantize(x, scale=0.5, zero_point=3)
                root = R.sqrt(a)
                product = R.matmul(root, R.const(REAL, "float32"))
                q = R.tinyseg.quantize(product, scale=0.25, zero_point=-9, output_dtype="int8")
                R.output(q)
            return q

    expect(quantize_borders, Before, Expected)
