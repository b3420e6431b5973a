"""Channel concats that convolutions alone read vanish into their operands."""

from tests.passes.layout_modules import assert_same_function, conv2d, conv_constants, main
from tinyseg_tvm.operators import Concat
from tinyseg_tvm.relay_passes.virtual_concat import virtual_concat

INPUTS = {"x": ((1, 6, 6, 3), "int8"), "y": ((1, 6, 6, 2), "int8")}


def test_convolutions_read_the_pieces():
    def before(b, x, y):
        return b.conv(b(Concat(3), x, y), 4)

    def expected(b, x, y):
        return b.conv(x, 4, y)

    assert_same_function(virtual_concat(main(INPUTS, before)), main(INPUTS, expected))


def test_nested_concats_become_one_list_of_pieces():
    def before(b, x, y):
        inner = b(Concat(3), x, y)
        return b.conv(b(Concat(3), b.conv(inner, 2, padding=(1, 1, 1, 1)), inner), 4)

    def expected(b, x, y):
        return b.conv(b.conv(x, 2, y, padding=(1, 1, 1, 1)), 4, x, y)

    assert_same_function(virtual_concat(main(INPUTS, before)), main(INPUTS, expected))


def test_a_concat_with_another_reader_stays_a_copy_for_all():
    def before(b, x, y):
        joined = b(Concat(3), x, y)
        return b(Concat(3), joined, b.conv(joined, 2, padding=(1, 1, 1, 1)))

    assert_same_function(virtual_concat(main(INPUTS, before)), main(INPUTS, before))


def test_a_concat_along_rows_and_a_grouped_convolution_need_the_copy():
    def rows(b, x, y):
        return b.conv(b(Concat(1), x, x), 4)

    assert_same_function(virtual_concat(main(INPUTS, rows)), main(INPUTS, rows))

    def grouped(b, x, y):
        return b(conv2d(groups=2), b(Concat(3), x, x), **conv_constants(4, 3, 3))

    assert_same_function(virtual_concat(main(INPUTS, grouped)), main(INPUTS, grouped))
