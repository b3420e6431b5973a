"""Pads vanish into the operators that read them, where that is exact."""

from dataclasses import replace

import pytest

from tests.passes.layout_modules import assert_same_function, conv2d, conv_constants, main, max_pool
from tinyseg_tvm.operators import AveragePool2d, Concat, Pad
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.fold_pad import fold_pad

X = {"x": ((1, 6, 6, 3), "int8")}
SPATIAL = Pad((0, 0, 1, 0), (0, 1, 2, 0), -5.0)


def test_a_pad_with_the_zero_point_joins_the_padding_of_every_convolution_that_reads_it():
    def before(b, x):
        padded = b(SPATIAL, x)
        first = b.conv(padded, 2, input_zero_point=-5, padding=(1, 1, 1, 1), strides=(2, 2))
        return b(Concat(3), first, b.conv(padded, 4, input_zero_point=-5, padding=(1, 1, 1, 1), strides=(2, 2)))

    def expected(b, x):
        first = b.conv(x, 2, input_zero_point=-5, padding=(1, 2, 2, 3), strides=(2, 2))
        return b(Concat(3), first, b.conv(x, 4, input_zero_point=-5, padding=(1, 2, 2, 3), strides=(2, 2)))

    assert_same_function(fold_pad(main(X, before)), main(X, expected))


@pytest.mark.parametrize(
    ("pad", "conv"),
    [
        (replace(SPATIAL, value=0.0), conv2d(input_zero_point=-5)),
        (Pad((0, 0, 0, 1), (0, 0, 0, 0), -5.0), conv2d(input_zero_point=-5)),
    ],
    ids=["another value", "channels"],
)
def test_a_pad_that_means_something_else_stays(pad, conv):
    def before(b, x):
        padded = b(pad, x)
        return b(conv, padded, **conv_constants(2, 3, 3 + pad.before[3]))

    assert_same_function(fold_pad(main(X, before)), main(X, before))


def test_a_pad_that_others_read_too_stays():
    def before(b, x):
        padded = b(SPATIAL, x)
        return b(Concat(3), padded, b.conv(padded, 3, kernel=1, input_zero_point=-5))

    assert_same_function(fold_pad(main(X, before)), main(X, before))


def test_max_pools_take_pads_of_the_least_value():
    pad = Pad((0, 1, 0, 0), (0, 1, 0, 0), -128.0)

    def before(b, x):
        return b(max_pool(2), b(pad, x))

    def expected(b, x):
        return b(replace(max_pool(2), padding=(1, 0, 1, 0)), x)

    assert_same_function(fold_pad(main(X, before)), main(X, expected))


def test_a_window_in_the_padding_alone_keeps_the_pad_of_a_max_pool():
    def before(b, x):
        return b(max_pool(2), b(Pad((0, 2, 0, 0), (0, 0, 0, 0), -128.0), x))

    assert_same_function(fold_pad(main(X, before)), main(X, before))


def test_average_pools_count_what_was_padded():
    pool = AveragePool2d((2, 2), (2, 2), (0, 0, 0, 0), False, onnx.Average(0.5, 3, 0.5, 3))

    def before(b, x):
        return b(pool, b(Pad((0, 1, 1, 0), (0, 1, 1, 0), 3.0), x))

    def expected(b, x):
        return b(replace(pool, padding=(1, 1, 1, 1), count_include_pad=True), x)

    assert_same_function(fold_pad(main(X, before)), main(X, expected))
