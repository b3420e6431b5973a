"""The lowered module's names, ports and quantisations reach the network."""

import pytest
from tvm import relax

from tests.passes.layout_modules import DEQUANTIZE, QUANTIZE, main, max_pool
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.record_quantization import record_quantization
from tinyseg_tvm.relay_passes.to_network import to_network

FLOAT = {"x": ((1, 4, 4, 3), "float32")}
MODEL_PORTS = {
    "inputs": [{"name": "image:0", "parameter": "x", "shape": [1, 4, 4, 3], "dtype": "float32"}],
    "outputs": [{"name": "mask:0", "parameter": "output", "shape": [1, 2, 2, 3], "dtype": "float32"}],
}


def quantised(b, x):
    return b(DEQUANTIZE, b(max_pool(), b(QUANTIZE, x, name="q"), name="pool"), name="result")


def test_names_of_bindings_become_names_of_nodes_and_tensors():
    network = to_network(main(FLOAT, quantised), "net")
    assert network.name == "net"
    assert [(n.name, n.inputs, n.outputs) for n in network.nodes] == [
        ("q", ("x",), ("q",)),
        ("pool", ("q",), ("pool",)),
        ("result", ("pool",), ("result",)),
    ]
    assert set(network.tensors) == {"x", "q", "pool", "result"}


def test_ports_have_the_names_of_the_model():
    network = to_network(main(FLOAT, quantised, **{"tinyseg.model_ports": MODEL_PORTS}))
    assert [(p.name, p.tensor, p.model_shape) for p in network.inputs] == [("image:0", "x", (1, 4, 4, 3))]
    assert [(p.name, p.tensor, p.model_shape) for p in network.outputs] == [("mask:0", "result", (1, 2, 2, 3))]


def test_quantisation_is_what_was_recorded_or_what_the_operators_say():
    network = to_network(record_quantization(main(FLOAT, quantised)))
    found = {name: (tensor.scale, tensor.zero_point) for name, tensor in network.tensors.items()}
    scale = (QUANTIZE.scale, QUANTIZE.zero_point)
    assert found == {"x": (None, None), "q": scale, "pool": scale, "result": (None, None)}
    recorded = to_network(record_quantization(main(FLOAT, quantised, **{"tinyseg.quantization": {"pool": [0.125, 9]}})))
    assert (recorded.tensors["pool"].scale, recorded.tensors["pool"].zero_point) == (0.125, 9)


def test_what_was_not_lowered_is_refused():
    with pytest.raises(TinySegError, match="left_over"):
        to_network(main(FLOAT, lambda b, x: b.relax(relax.op.nn.relu(x), "left_over")))


def test_two_results_are_two_ports():
    def build(b, x):
        y = b(QUANTIZE, x, name="first")
        return relax.Tuple([y, b(max_pool(), y, name="second")])

    network = to_network(main(FLOAT, build))
    assert [(p.name, p.tensor) for p in network.outputs] == [("output0", "first"), ("output1", "second")]
