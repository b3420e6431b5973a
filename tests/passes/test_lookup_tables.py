"""Before and after lookup_tables."""

from __future__ import annotations

import numpy as np
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.lookup_tables import compose, is_identity, lookup_tables

CODES = np.arange(256, dtype=np.uint8).view(np.int8)  # the int8 value of each byte
# x = (q - 3) / 2 squared, in units of 1/4, from -128: (q - 3)^2 - 128
SQUARE = np.clip((CODES.astype(np.int64) - 3) ** 2 - 128, -128, 127).astype(np.int8)
CLAMP = np.clip(CODES, -71, 127).astype(np.int8)
CLAMPED_SQUARE = np.maximum(SQUARE, -71).astype(np.int8)
TO_UINT8 = (CODES.astype(np.int64) + 128).astype(np.uint8)


def test_function_of_one_tensor_is_a_table_named_after_its_last_node() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 2, 3), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                product = R.multiply(real, real)
                q = R.quantize(product, R.const(0.25, "float32"), R.const(-128, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 2, 3), "int8"):
            with R.dataflow():
                product = R.tinyseg.lookup(x, R.const(SQUARE, "int8"), output_dtype="int8")
                R.output(product)
            return product

    expect(lookup_tables, Before, Expected)


def test_clip_of_integers_joins_the_table_before_it() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 2, 3), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                product = R.multiply(real, real)
                q = R.quantize(product, R.const(0.25, "float32"), R.const(-128, "int8"), axis=1)
                relu = R.clip(q, R.prim_value(-71), R.prim_value(127))
                R.output(relu)
            return relu

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 2, 3), "int8"):
            with R.dataflow():
                relu = R.tinyseg.lookup(x, R.const(CLAMPED_SQUARE, "int8"), output_dtype="int8")
                R.output(relu)
            return relu

    expect(lookup_tables, Before, Expected)


def test_table_that_others_read_too_stays() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2,), "int8")) -> R.Tensor((4,), "int8"):
            with R.dataflow():
                square = R.tinyseg.lookup(x, R.const(SQUARE, "int8"), output_dtype="int8")
                clamp = R.tinyseg.lookup(square, R.const(CLAMP, "int8"), output_dtype="int8")
                both = R.concat((square, clamp), axis=0)
                R.output(both)
            return both

    expect(lookup_tables, Before, Before)


def test_unsigned_result_and_identity() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2,), "int8")) -> R.Tensor((2,), "uint8"):
            with R.dataflow():
                clip = R.clip(x, R.prim_value(-128), R.prim_value(127))
                real = R.dequantize(clip, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                q = R.quantize(real, R.const(0.5, "float32"), R.const(131, "uint8"), axis=0, out_dtype="uint8")
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2,), "int8")) -> R.Tensor((2,), "uint8"):
            with R.dataflow():
                q = R.tinyseg.lookup(x, R.const(TO_UINT8, "uint8"), output_dtype="uint8")
                R.output(q)
            return q

    expect(lookup_tables, Before, Expected)


def test_function_of_two_tensors_is_no_table() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2,), "int8"), y: R.Tensor((2,), "int8")) -> R.Tensor((2,), "int8"):
            with R.dataflow():
                a = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                b = R.dequantize(y, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                c = R.multiply(a, b)
                q = R.quantize(c, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                R.output(q)
            return q

    expect(lookup_tables, Module, Module)


def test_composition_looks_up_the_byte_of_the_first_result() -> None:
    assert compose(CLAMP, SQUARE)[np.uint8(200)] == SQUARE[CLAMP[200].view(np.uint8)]
    assert is_identity(CODES, "int8")
    assert not is_identity(CODES.view(np.uint8), "int8")
    assert not is_identity(CLAMP, "int8")
