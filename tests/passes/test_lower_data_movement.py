"""Relax data movement becomes tinyseg operators."""

import numpy as np
from tvm import relax

from tests.passes.layout_modules import assert_same_function, main
from tinyseg_tvm.operators import Concat, Pad, Reshape, Select, Slice, Transpose
from tinyseg_tvm.relay_passes.lower_data_movement import lower_data_movement

X = {"x": ((2, 3, 4), "int8")}


def check(before, expected):
    found = lower_data_movement(main(X, lambda b, x: b.relax(before(b, x))))
    assert_same_function(found, main(X, expected))


def test_permute_dims():
    check(lambda b, x: relax.op.permute_dims(x, [0, -1, 1]), lambda b, x: b(Transpose((0, 2, 1)), x))
    check(lambda b, x: relax.op.permute_dims(x), lambda b, x: b(Transpose((2, 1, 0)), x))


def test_every_way_to_reshape():
    check(lambda b, x: relax.op.reshape(x, (4, -1)), lambda b, x: b(Reshape((4, 6)), x))
    check(lambda b, x: relax.op.flatten(x), lambda b, x: b(Reshape((24,)), x))
    check(lambda b, x: relax.op.expand_dims(x, [0]), lambda b, x: b(Reshape((1, 2, 3, 4)), x))


def test_concat_and_pad():
    check(lambda b, x: relax.op.concat([x, x], axis=-1), lambda b, x: b(Concat(2), x, x))
    check(
        lambda b, x: relax.op.nn.pad(x, [0, 0, 1, 2, 0, 3], pad_value=-7),
        lambda b, x: b(Pad((0, 1, 0), (0, 2, 3), -7.0), x),
    )


def test_slices_have_every_axis_and_positive_bounds():
    check(
        lambda b, x: relax.op.strided_slice(x, [2, 1], [-3, 0], [100, 2], [2, 1]),
        lambda b, x: b(Slice((0, 0, 1), (2, 2, 4), (1, 1, 2)), x),
    )


def test_steps_backwards_and_constant_indices_select_places():
    def before(b, x):
        y = b.relax(relax.op.strided_slice(x, [0, 2], [0, 3], [1, -5], [1, -1]))
        return b.relax(relax.op.take(y, relax.const(np.array([[2, -3], [1, 1]])), axis=1))

    def expected(b, x):
        y = b(Slice((0, 0, 0), (1, 3, 4), (1, 1, 1)), x)
        y = b(Select(2), y, indices=np.array([3, 2, 1, 0], np.int32))
        return b(Reshape((1, 2, 2, 4)), b(Select(1), y, indices=np.array([2, 0, 1, 1], np.int32)))

    assert_same_function(lower_data_movement(main(X, before)), main(X, expected))


def test_what_the_operators_cannot_express_stays():
    def reflected(b, x):
        return b.relax(relax.op.nn.pad(x, [0, 0, 0, 0, 1, 1], pad_mode="reflect"))

    assert_same_function(lower_data_movement(main(X, reflected)), main(X, reflected))


def test_movement_of_constants_is_computed():
    values = np.arange(24, dtype=np.int8).reshape(2, 4, 3)

    def before(b, x):
        moved = b.relax(relax.op.permute_dims(relax.const(values), [0, 2, 1]))
        return b.relax(relax.op.add(x, moved))

    def expected(b, x):
        return b.relax(relax.op.add(x, relax.const(np.ascontiguousarray(values.transpose(0, 2, 1)))))

    assert_same_function(lower_data_movement(main(X, before)), main(X, expected))


def test_quantisation_is_known_on_both_sides_of_a_movement():
    def build(b, x):
        return b.relax(relax.op.reshape(b.relax(relax.op.permute_dims(x), "moved"), (24,)), "flat")

    module = lower_data_movement(main(X, build, **{"tinyseg.quantization": {"moved": [0.5, 3]}}))
    found = {name: tuple(value) for name, value in module["main"].attrs["tinyseg.quantization"].items()}
    assert found == dict.fromkeys(("x", "moved", "flat"), (0.5, 3))
