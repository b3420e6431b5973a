"""Everything that is not an integer operator runs as a PrimFunc."""

import numpy as np
import pytest
from tvm import relax

from tests.passes.layout_modules import DEQUANTIZE, QUANTIZE, main
from tinyseg_tvm.codegen.programs.long_tail import lower_program
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import MaxPool2d
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.to_network import to_network

FLOAT = {"x": ((1, 3, 8), "float32")}


def network_of(build, inputs=None):
    return to_network(legalize_long_tail(main(inputs or FLOAT, build)))


def test_float_operators_become_opaque_nodes_between_integer_ones():
    def build(b, x):
        return b(QUANTIZE, b.relax(relax.op.cumsum(b(DEQUANTIZE, b(QUANTIZE, x)), axis=1), "running_sum"))

    network = network_of(build)
    assert [node.operator.kind for node in network.nodes] == ["quantize", "dequantize", "opaque", "quantize"]
    assert network.nodes[2].name == "running_sum"
    x = np.random.default_rng(0).normal(size=(1, 3, 8)).astype(np.float32)
    trace: dict[str, np.ndarray] = {}
    reference.run(network, [x], trace=trace)
    np.testing.assert_allclose(trace["running_sum"], np.cumsum(trace["dequantize"], axis=1), rtol=1e-6)


def test_constants_keep_their_places_among_the_operands():
    bound = np.linspace(-1, 1, 8).astype(np.float32)

    def build(b, x):
        return b.relax(relax.op.subtract(relax.const(bound), x))

    network = network_of(build)
    (node,) = network.nodes
    assert isinstance(node.operator, Opaque)
    assert node.operator.constant_positions == (0,)
    x = np.ones((1, 3, 8), np.float32)
    np.testing.assert_array_equal(reference.run(network, [x])[0], bound - x)


def test_nodes_may_have_several_results():
    def build(b, x):
        parts = b.relax(relax.op.split(x, 2, axis=2), "halves")
        return b.relax(relax.op.add(b.relax(parts[0], "left"), b.relax(parts[1], "right")), "sum")

    network = network_of(build)
    assert network.nodes[0].outputs == ("left", "right")
    x = np.arange(24, dtype=np.float32).reshape(1, 3, 8)
    np.testing.assert_array_equal(reference.run(network, [x])[0], x[..., :4] + x[..., 4:])


def test_an_unused_result_still_has_a_tensor():
    def build(b, x):
        return b.relax(b.relax(relax.op.split(x, 2, axis=2), "halves")[1], "right")

    assert network_of(build).nodes[0].outputs == ("halves_unused0", "right")


def test_expressions_of_constants_are_computed_at_compile_time():
    def build(b, x):
        scaled = b.relax(relax.op.multiply(relax.const(np.float32(2)), relax.const(np.float32(3))))
        return b.relax(relax.op.multiply(x, scaled))

    network = network_of(build)
    assert len(network.nodes) == 1
    assert network.nodes[0].constants["constant0"] == 6


def test_integer_networks_are_left_alone():
    def build(b, x):
        return b(MaxPool2d((1, 2), (1, 2), (0, 0, 0, 0), (1, 1)), x)

    module = main({"x": ((1, 4, 4, 2), "int8")}, build)
    assert legalize_long_tail(module).same_as(module)


def test_what_cannot_be_legalised_is_named():
    def build(b, x):
        return b.relax(relax.op.call_pure_packed("unknown", x, ty_args=[x.ty]), "mystery")

    with pytest.raises(TinySegError, match="mystery"):
        network_of(build)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [1, 2])
def test_the_largest_are_found_by_their_rank_the_first_of_equals_first(axis, largest):
    def build(b, x):
        parts = b.relax(relax.op.topk(x, k=2, axis=axis, ret_type="both", largest=largest, dtype="int64"), "top")
        values = b.relax(parts[0], "values")
        return b.relax(relax.op.add(values, b.relax(relax.op.astype(b.relax(parts[1], "places"), "float32"))), "sum")

    network = network_of(build)
    assert lower_program(network.nodes[0].operator.prim_func).source
    x = np.float32(np.random.default_rng(0).integers(0, 4, (1, 3, 8)))
    places = np.argsort(-x if largest else x, axis=axis, kind="stable").take([0, 1], axis=axis)
    expected = np.take_along_axis(x, places, axis) + places
    np.testing.assert_array_equal(reference.run(network, [x])[0], expected)
