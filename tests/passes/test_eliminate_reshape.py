"""Reshapes at the edges, in chains and before dense layers vanish."""

import numpy as np

from tests.passes.layout_modules import assert_same_function, main, max_pool
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import Reshape
from tinyseg_tvm.relay_passes.eliminate_reshape import eliminate_reshape
from tinyseg_tvm.relay_passes.to_network import to_network

FLAT = {"x": ((1, 32), "int8")}
MAP = {"x": ((1, 4, 4, 2), "int8")}
WEIGHT = (np.arange(3 * 32) % 11 - 5).astype(np.int8).reshape(3, 32)


def test_reshapes_at_the_edges_become_ports():
    def before(b, x):
        return b(Reshape((4, 2)), b(max_pool(), b(Reshape((1, 4, 4, 2)), x)))

    def expected(b, x):
        return b(max_pool(), x)

    module = eliminate_reshape(main(FLAT, before))
    assert_same_function(module, main(MAP, expected))
    x = np.arange(32, dtype=np.int8).reshape(1, 32)
    first, second = to_network(main(FLAT, before)), to_network(module)
    np.testing.assert_array_equal(reference.run(first, [x])[0], reference.run(second, [x])[0])
    assert second.outputs[0].model_shape == (4, 2)


def test_chains_are_one_reshape_and_none_where_they_lead_back():
    def before(b, x):
        return b(max_pool(), b(Reshape((1, 4, 4, 2)), b(Reshape((32,)), b(max_pool(1), x))))

    def expected(b, x):
        return b(max_pool(), b(max_pool(1), x))

    assert_same_function(eliminate_reshape(main(MAP, before)), main(MAP, expected))


def test_dense_layers_flatten_by_themselves():
    def before(b, x):
        return b.dense(b(Reshape((1, 32)), b(max_pool(1), x)), WEIGHT, flatten=False)

    def expected(b, x):
        return b.dense(b(max_pool(1), x), WEIGHT, flatten=True)

    assert_same_function(eliminate_reshape(main(MAP, before)), main(MAP, expected))


def test_a_network_that_only_reshapes_keeps_its_reshape():
    def before(b, x):
        return b(Reshape((1, 4, 4, 2)), x)

    found = eliminate_reshape(main(FLAT, before))
    x = np.arange(32, dtype=np.int8).reshape(1, 32)
    network = to_network(found)
    np.testing.assert_array_equal(reference.run(network, [x])[0], x.reshape(1, 4, 4, 2))
    assert network.inputs[0].tensor != network.outputs[0].tensor
