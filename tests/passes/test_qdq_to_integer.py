"""Before and after qdq_to_integer; test_operator_families.py has every family and its numbers."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.operators.arithmetic import onnx, to_attributes
from tinyseg_tvm.relay_passes.qdq_to_integer import qdq_to_integer

OIHW = np.arange(-12, 12).astype(np.int8).reshape(2, 3, 2, 2)
OHWI = np.asarray(OIHW.transpose(0, 2, 3, 1), order="C")
SCALES = np.array([0.25, 0.5], np.float32)
ZEROS = np.zeros(2, np.int8)
BIAS = np.array([70, -80], np.int32)
BIAS_1O11 = BIAS.reshape(1, 2, 1, 1)
BIAS_SCALES = np.array([0.125, 0.25], np.float32)  # 0.5 * SCALES
BIAS_ZEROS = np.zeros(2, np.int32)
ARITHMETIC = to_attributes(onnx.WeightedSum(3, -5, -128, 127))
MULTIPLIER = np.array([0.0625, 0.125], np.float32)  # 0.5 * SCALES / 2


def test_convolution_with_bias() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 4, 5), "int8")) -> R.Tensor((1, 2, 2, 5), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                w = R.dequantize(R.const(OIHW, "int8"), R.const(SCALES, "float32"), R.const(ZEROS, "int8"), axis=0)
                conv_conv2d = R.nn.conv2d(real, w, strides=[2, 1], padding=[0, 0, 1, 1])
                b = R.dequantize(
                    R.const(BIAS_1O11, "int32"), R.const(BIAS_SCALES, "float32"), R.const(BIAS_ZEROS, "int32"), axis=1
                )
                conv = R.add(conv_conv2d, b)
                q = R.quantize(conv, R.const(2.0, "float32"), R.const(-5, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 3, 4, 5), "int8")) -> R.Tensor((1, 2, 2, 5), "int8"):
            with R.dataflow():
                conv_nhwc = R.permute_dims(x, axes=[0, 2, 3, 1])
                conv = R.tinyseg.conv2d(
                    conv_nhwc,
                    R.const(OHWI, "int8"),
                    R.const(BIAS, "int32"),
                    R.const(MULTIPLIER, "float32"),
                    strides=[2, 1],
                    padding=[0, 0, 1, 1],
                    dilation=[1, 1],
                    groups=1,
                    arithmetic=ARITHMETIC,
                )
                conv_nchw = R.permute_dims(conv, axes=[0, 3, 1, 2])
                R.output(conv_nchw)
            return conv_nchw

    expect(qdq_to_integer, Before, Expected)


def test_convolution_with_float_weights_stays() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((1, 3, 4, 5), "int8"), w: R.Tensor((2, 3, 2, 2), "float32")) -> R.Tensor(
            (1, 2, 3, 4), "int8"
        ):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                conv = R.nn.conv2d(real, w)
                q = R.quantize(conv, R.const(2.0, "float32"), R.const(-5, "int8"), axis=1)
                R.output(q)
            return q

    expect(qdq_to_integer, Module, Module)


def test_sum_of_equal_shapes_needs_no_transposes() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 4, 5), "int8"), y: R.Tensor((1, 3, 4, 5), "int8")) -> R.Tensor(
            (1, 3, 4, 5), "int8"
        ):
            with R.dataflow():
                a = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                b = R.dequantize(y, R.const(0.25, "float32"), R.const(-1, "int8"), axis=1)
                c = R.add(a, b)
                q = R.quantize(c, R.const(0.75, "float32"), R.const(9, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 3, 4, 5), "int8"), y: R.Tensor((1, 3, 4, 5), "int8")) -> R.Tensor(
            (1, 3, 4, 5), "int8"
        ):
            with R.dataflow():
                c = R.tinyseg.elementwise(
                    x,
                    y,
                    function="add",
                    arithmetic={
                        "rule": "onnx",
                        "form": "Binary",
                        "lhs_scale": 0.5,
                        "lhs_zero_point": 3,
                        "rhs_scale": 0.25,
                        "rhs_zero_point": -1,
                        "output_scale": 0.75,
                        "output_zero_point": 9,
                        "output_min": -128,
                        "output_max": 127,
                    },
                )
                R.output(c)
            return c

    expect(qdq_to_integer, Before, Expected)
