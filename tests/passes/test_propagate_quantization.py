"""Before and after propagate_quantization."""

from __future__ import annotations

from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.propagate_quantization import propagate_quantization


def test_transpose_between_dequantize_and_quantize_works_on_int8() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 3, 2), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                turned = R.permute_dims(real, axes=[0, 2, 1])
                q = R.quantize(turned, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 3), "int8")) -> R.Tensor((1, 3, 2), "int8"):
            with R.dataflow():
                turned = R.permute_dims(x, axes=[0, 2, 1])
                R.output(turned)
            return turned

    expect(propagate_quantization, Before, Expected)


def test_a_maximum_with_fewer_axes_than_the_quantisation_before_it_is_picked_on_int8() -> None:
    """The axis that a per-tensor quantisation has, but does not need, is none of the result's."""

    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 40), "int8")) -> R.Tensor((1,), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                most = R.max(real, axis=[1])
                q = R.quantize(most, R.const(0.25, "float32"), R.const(-7, "int8"), axis=0)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 40), "int8")) -> R.Tensor((1,), "int8"):
            with R.dataflow():
                most = R.max(x, axis=[1])
                most_2 = R.dequantize(most, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                q = R.quantize(most_2, R.const(0.25, "float32"), R.const(-7, "int8"), axis=0)
                R.output(q)
            return q

    expect(propagate_quantization, Before, Expected)


def test_relu_clamps_the_quantised_value_at_its_zero_point() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(a: R.Tensor((2, 3), "float32"), b: R.Tensor((3, 2), "float32")) -> R.Tensor((2, 2), "int8"):
            with R.dataflow():
                product = R.matmul(a, b)
                relu = R.nn.relu(product)
                q = R.quantize(relu, R.const(0.5, "float32"), R.const(-71, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(a: R.Tensor((2, 3), "float32"), b: R.Tensor((3, 2), "float32")) -> R.Tensor((2, 2), "int8"):
            with R.dataflow():
                product = R.matmul(a, b)
                product_quantized = R.quantize(product, R.const(0.5, "float32"), R.const(-71, "int8"), axis=1)
                relu = R.clip(product_quantized, R.prim_value(-71), R.prim_value(127))
                R.output(relu)
            return relu

    expect(propagate_quantization, Before, Expected)


def test_concat_of_unequal_scales_quantises_its_operands() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2), "int8"), y: R.Tensor((1, 2), "int8")) -> R.Tensor((1, 4), "int8"):
            with R.dataflow():
                a = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                b = R.dequantize(y, R.const(0.25, "float32"), R.const(3, "int8"), axis=1)
                joined = R.concat((a, b), axis=1)
                q = R.quantize(joined, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                R.output(q)
            return q

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2), "int8"), y: R.Tensor((1, 2), "int8")) -> R.Tensor((1, 4), "int8"):
            with R.dataflow():
                b = R.dequantize(y, R.const(0.25, "float32"), R.const(3, "int8"), axis=1)
                b_quantized = R.quantize(b, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                joined = R.concat((x, b_quantized), axis=1)
                R.output(joined)
            return joined

    expect(propagate_quantization, Before, Expected)


def test_padding_with_zero_pads_with_the_zero_point() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 2), "int8")) -> R.Tensor((3, 2), "float32"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                padded = R.nn.pad(real, pad_width=[0, 1, 0, 0])
                root = R.sqrt(padded)
                R.output(root)
            return root

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 2), "int8")) -> R.Tensor((3, 2), "float32"):
            with R.dataflow():
                padded = R.nn.pad(x, pad_width=[0, 1, 0, 0], pad_value=3.0)
                padded_2 = R.dequantize(padded, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                root = R.sqrt(padded_2)
                R.output(root)
            return root

    expect(propagate_quantization, Before, Expected)


def test_padding_with_another_value_waits_for_a_quantize() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((2, 2), "int8")) -> R.Tensor((3, 2), "float32"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                padded = R.nn.pad(real, pad_width=[0, 1, 0, 0], pad_value=0.3)
                R.output(padded)
            return padded

    expect(propagate_quantization, Module, Module)


def test_average_pool_does_not_commute() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((1, 2, 4, 4), "int8")) -> R.Tensor((1, 2, 3, 3), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                mean = R.nn.avg_pool2d(real, pool_size=[2, 2])
                q = R.quantize(mean, R.const(0.5, "float32"), R.const(3, "int8"), axis=1)
                R.output(q)
            return q

    expect(propagate_quantization, Module, Module)
