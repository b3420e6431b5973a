"""Tables are composed, become clamps, or vanish, and never change a value."""

import numpy as np

from tests.passes.layout_modules import assert_same_function, conv2d, conv_constants, main, max_pool, table_of
from tinyseg_tvm.operators import Concat, Lookup
from tinyseg_tvm.relay_passes.fold_lookup import fold_lookup

X = {"x": ((1, 4, 4, 3), "int8")}
RELU = table_of(lambda v: np.maximum(v, -5))
HALF = table_of(lambda v: v // 2)
TO_UINT8 = (np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int16) + 128).astype(np.uint8)
TO_INT8 = (np.arange(256) - 128).astype(np.int8)


def look(b, x, table, **name):
    return b(Lookup(str(table.dtype)), x, table=table, **name)


def test_a_clamp_becomes_the_clamp_of_the_convolution_before_it():
    def before(b, x):
        return look(b, b.conv(x, 2), RELU)

    def expected(b, x):
        return b.conv(x, 2, output_min=-5)

    assert_same_function(fold_lookup(main(X, before)), main(X, expected))


def test_a_clamp_stays_where_the_unclamped_value_is_read_too():
    def before(b, x):
        y = b.conv(x, 3, padding=(1, 1, 1, 1))
        return b(Concat(3), y, look(b, y, RELU))

    assert_same_function(fold_lookup(main(X, before)), main(X, before))


def test_a_table_that_does_more_than_clamp_stays():
    def before(b, x):
        return look(b, b.conv(x, 2), HALF)

    assert_same_function(fold_lookup(main(X, before)), main(X, before))


def test_a_table_that_only_clamps_what_the_operator_makes_is_a_clamp():
    odd = HALF.copy()
    odd[np.arange(-10, 11).astype(np.int8).view(np.uint8)] = np.clip(np.arange(-10, 11), -3, 4)

    def before(b, x):
        return look(b, b(conv2d(output_min=-10, output_max=10), x, **conv_constants(2, 3, 3)), odd)

    def expected(b, x):
        return b(conv2d(output_min=-3, output_max=4), x, **conv_constants(2, 3, 3))

    assert_same_function(fold_lookup(main(X, before)), main(X, expected))


def test_tables_of_tables_are_one_table():
    def before(b, x):
        return look(b, look(b, b(max_pool(), x), HALF), RELU)

    def expected(b, x):
        return look(b, b(max_pool(), x), RELU[HALF.view(np.uint8)])

    assert_same_function(fold_lookup(main(X, before)), main(X, expected))


def test_there_and_back_between_signed_and_unsigned_is_nothing():
    def before(b, x):
        return b(max_pool(), look(b, look(b, x, TO_UINT8), TO_INT8))

    def expected(b, x):
        return b(max_pool(), x)

    assert_same_function(fold_lookup(main(X, before)), main(X, expected))


def test_the_shift_of_unsigned_inputs_stays():
    unsigned = {"x": ((1, 4, 4, 3), "uint8")}

    def before(b, x):
        return b(max_pool(), look(b, x, TO_INT8))

    assert_same_function(fold_lookup(main(unsigned, before)), main(unsigned, before))


def test_a_clamp_behind_a_table_that_others_read_does_not_repeat_the_convolution():
    flip = table_of(lambda v: -v - 1)
    unflip_and_clamp = table_of(lambda v: np.maximum(-v - 1, -5))

    def before(b, x):
        flipped = look(b, b.conv(x, 3), flip)
        return b(Concat(3), flipped, look(b, flipped, unflip_and_clamp))

    def expected(b, x):
        y = b.conv(x, 3)
        return b(Concat(3), look(b, y, flip), look(b, y, RELU))

    assert_same_function(fold_lookup(main(X, before)), main(X, expected))
