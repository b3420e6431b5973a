"""Before and after normalize."""

from __future__ import annotations

from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect
from tinyseg_tvm.relay_passes.normalize import normalize


def test_squeeze_and_split_become_reshape_and_slice() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 4, 6), "float32")) -> R.Tensor((1, 2, 6), "float32"):
            with R.dataflow():
                squeezed = R.squeeze(x, axis=[0])
                halves = R.split(squeezed, indices_or_sections=2, axis=0)
                half = halves[1]
                result = R.expand_dims(half, axis=[0])
                R.output(result)
            return result

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 4, 6), "float32")) -> R.Tensor((1, 2, 6), "float32"):
            with R.dataflow():
                squeezed = R.reshape(x, R.shape([4, 6]))
                half = R.strided_slice(squeezed, [0], [2], [4])
                result = R.reshape(half, R.shape([1, 2, 6]))
                R.output(result)
            return result

    expect(normalize, Before, Expected)


def test_what_changes_nothing_disappears() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 4, 6), "float32")) -> R.Tensor((1, 4, 6), "float32"):
            with R.dataflow():
                a = R.reshape(x, R.shape([1, 4, 6]))
                b = R.permute_dims(a, axes=[0, 1, 2])
                c = R.strided_slice(b, [1], [0], [4])
                d = R.nn.pad(c, pad_width=[0, 0, 0, 0, 0, 0])
                e = R.astype(d, dtype="float32")
                f = R.nn.relu(e)
                R.output(f)
            return f

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 4, 6), "float32")) -> R.Tensor((1, 4, 6), "float32"):
            with R.dataflow():
                f = R.nn.relu(x)
                R.output(f)
            return f

    expect(normalize, Before, Expected)


def test_a_reversed_slice_stays() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                y = R.strided_slice(x, [0], [3], [-5], [-1])
                R.output(y)
            return y

    expect(normalize, Module, Module)


def test_maximum_and_minimum_become_clip() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 4), "float32")) -> R.Tensor((1, 4), "float32"):
            with R.dataflow():
                low = R.maximum(x, R.const(-1.5, "float32"))
                clipped = R.minimum(low, R.const(6.0, "float32"))
                R.output(clipped)
            return clipped

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 4), "float32")) -> R.Tensor((1, 4), "float32"):
            with R.dataflow():
                clipped = R.clip(x, R.prim_value(-1.5), R.prim_value(6.0))
                R.output(clipped)
            return clipped

    expect(normalize, Before, Expected)


def test_one_dimensional_convolution_gets_a_width() -> None:
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 9), "float32"), w: R.Tensor((4, 2, 3), "float32")) -> R.Tensor(
            (1, 4, 5), "float32"
        ):
            with R.dataflow():
                conv = R.nn.conv1d(x, w, strides=[2], padding=[1, 2])
                R.output(conv)
            return conv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 9), "float32"), w: R.Tensor((4, 2, 3), "float32")) -> R.Tensor(
            (1, 4, 5), "float32"
        ):
            with R.dataflow():
                conv_nchw = R.reshape(x, R.shape([1, 2, 9, 1]))
                conv_nchw_2 = R.reshape(w, R.shape([4, 2, 3, 1]))
                conv = R.nn.conv2d(conv_nchw, conv_nchw_2, strides=[2, 1], padding=[1, 0, 2, 0])
                conv_2 = R.reshape(conv, R.shape([1, 4, 5]))
                R.output(conv_2)
            return conv_2

    expect(normalize, Before, Expected)
