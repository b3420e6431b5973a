"""Poolings over whole maps become reducers that compute the same."""

import numpy as np
import pytest

from tests.passes.layout_modules import assert_same_function, main
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import AveragePool2d, GlobalPool, MaxPool2d
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.reduce_whole_maps import reduce_whole_maps
from tinyseg_tvm.relay_passes.to_network import to_network

X = {"x": ((1, 5, 7, 3), "int8")}
AVERAGE = AveragePool2d((5, 7), (5, 7), (0, 0, 0, 0), False, onnx.Average(0.3, 4, 0.1, -20))
MAXIMUM = MaxPool2d((5, 7), (1, 1), (0, 0, 0, 0), (1, 1))


@pytest.mark.parametrize(
    ("pool", "reducer"),
    [(AVERAGE, GlobalPool("average", onnx.Average(0.3, 4, 0.1, -20))), (MAXIMUM, GlobalPool("max"))],
    ids=["average", "max"],
)
def test_a_window_over_the_whole_map_becomes_a_reducer(pool, reducer):
    before = main(X, lambda b, x: b(pool, x))
    module = reduce_whole_maps(before)
    assert_same_function(module, main(X, lambda b, x: b(reducer, x)))
    array = np.random.default_rng(2).integers(-128, 128, (1, 5, 7, 3)).astype(np.int8)
    windowed, reduced = (reference.run(to_network(each), [array])[0] for each in (before, module))
    np.testing.assert_array_equal(reduced, windowed)


@pytest.mark.parametrize(
    "pool",
    [
        AveragePool2d((5, 6), (5, 6), (0, 0, 0, 0), False, onnx.Average(0.3, 4, 0.1, -20)),
        AveragePool2d((5, 7), (5, 7), (1, 0, 0, 0), True, onnx.Average(0.3, 4, 0.1, -20)),
        MaxPool2d((5, 1), (5, 1), (0, 0, 0, 0), (1, 1)),
    ],
    ids=["part of the map", "padding counts", "columns apart"],
)
def test_other_windows_stay(pool):
    module = main(X, lambda b, x: b(pool, x))
    assert_same_function(reduce_whole_maps(module), module)
