"""Before and after fuse_activation."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.operators.arithmetic import onnx, to_attributes
from tinyseg_tvm.relay_passes.fuse_activation import clamp_of, fuse_activation

CODES = np.arange(256, dtype=np.uint8).view(np.int8)
CLAMP = np.clip(CODES, -71, 100).astype(np.int8)
WEIGHT = np.ones((4, 3), np.int8)
BIAS = np.zeros(4, np.int32)
MULTIPLIER = np.full(4, 0.5, np.float32)


def weighted_sum(low: int, high: int) -> dict[str, object]:
    return to_attributes(onnx.WeightedSum(3, -71, low, high))


def test_clamp_goes_up_through_a_reshape() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3), "int8")) -> R.Tensor((8,), "int8"):
            with R.dataflow():
                dense = R.tinyseg.dense(
                    x,
                    R.const(WEIGHT, "int8"),
                    R.const(BIAS, "int32"),
                    R.const(MULTIPLIER, "float32"),
                    flatten=False,
                    arithmetic=weighted_sum(-128, 90),
                )
                flat = R.reshape(dense, R.shape([8]))
                relu = R.tinyseg.lookup(flat, R.const(CLAMP, "int8"), output_dtype="int8")
                R.output(relu)
            return relu

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3), "int8")) -> R.Tensor((8,), "int8"):
            with R.dataflow():
                dense = R.tinyseg.dense(
                    x,
                    R.const(WEIGHT, "int8"),
                    R.const(BIAS, "int32"),
                    R.const(MULTIPLIER, "float32"),
                    flatten=False,
                    arithmetic=weighted_sum(-71, 90),
                )
                flat = R.reshape(dense, R.shape([8]))
                R.output(flat)
            return flat

    expect(fuse_activation, Before, Expected)


def test_clamp_after_pooling_stays_a_table() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((1, 4, 4, 3), "int8")) -> R.Tensor((1, 2, 2, 3), "int8"):
            with R.dataflow():
                pool = R.tinyseg.max_pool2d(x, kernel=[2, 2], strides=[2, 2], padding=[0, 0, 0, 0], dilation=[1, 1])
                relu = R.tinyseg.lookup(pool, R.const(CLAMP, "int8"), output_dtype="int8")
                R.output(relu)
            return relu

    expect(fuse_activation, Module, Module)


def test_clamps_are_told_from_other_tables() -> None:
    assert clamp_of(CLAMP) == (-71, 100)
    assert clamp_of(np.full(256, 7, np.int8)) == (7, 7)
    assert clamp_of(CODES) == (-128, 127)
    assert clamp_of(np.roll(CODES, 1)) is None
    assert clamp_of((CODES // 2).astype(np.int8)) is None
    assert clamp_of(CODES.view(np.uint8)) is None
