"""With quantised I/O the edges carry one byte per element."""

from dataclasses import replace

import numpy as np
from tvm import relax

from tests.passes.layout_modules import DEQUANTIZE, QUANTIZE, assert_same_function, main, max_pool
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import ArgMax
from tinyseg_tvm.relay_passes.io_type_quantized import io_type_quantized
from tinyseg_tvm.relay_passes.to_network import to_network

FLOAT = {"x": ((1, 4, 4, 3), "float32")}
INT8 = {"x": ((1, 4, 4, 3), "int8")}


def test_edge_quantisation_is_dropped_and_the_ports_say_so():
    def before(b, x):
        return b(DEQUANTIZE, b(max_pool(), b(QUANTIZE, x)))

    def expected(b, x):
        return b(max_pool(), x)

    module = io_type_quantized(main(FLOAT, before))
    assert_same_function(module, main(INT8, expected))
    network = to_network(module)
    assert network.inputs[0].quantized
    assert network.outputs[0].quantized
    source = network.tensors[network.inputs[0].tensor]
    assert (source.scale, source.zero_point) == (QUANTIZE.scale, QUANTIZE.zero_point)


def test_the_model_sees_the_same_values():
    def before(b, x):
        return b(DEQUANTIZE, b(max_pool(), b(QUANTIZE, x)))

    attrs = {"tinyseg.quantization": {"max_pool2d": [DEQUANTIZE.scale, DEQUANTIZE.zero_point]}}
    module = main(FLOAT, before, **attrs)
    x = np.random.default_rng(0).normal(scale=20, size=(1, 4, 4, 3)).astype(np.float32)
    plain, quantised = to_network(module), to_network(io_type_quantized(module))
    np.testing.assert_array_equal(reference.run(plain, [x])[0], reference.run(quantised, [x])[0])


def test_a_port_means_what_its_dequantize_says():
    """Bytes that a table left as they were were taken otherwise by what made them; two meanings need two ports."""
    other = replace(DEQUANTIZE, scale=DEQUANTIZE.scale * 2, zero_point=7)

    def before(b, x):
        return b(other, b(max_pool(), b(QUANTIZE, x)))

    def twice(b, x):
        y = b(max_pool(), b(QUANTIZE, x))
        return [b(other, y), b(DEQUANTIZE, y)]

    attrs = {"tinyseg.quantization": {"max_pool2d": [DEQUANTIZE.scale, DEQUANTIZE.zero_point]}}
    x = np.random.default_rng(0).normal(scale=20, size=(1, 4, 4, 3)).astype(np.float32)
    for build in (before, twice):
        module = main(FLOAT, build, **attrs)
        plain, quantised = to_network(module), to_network(io_type_quantized(module))
        for ours, theirs in zip(reference.run(quantised, [x]), reference.run(plain, [x]), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert quantised.outputs[0].quantized


def test_a_float_input_with_another_reader_stays_float():
    def before(b, x):
        y = b(QUANTIZE, x)
        return b.relax(relax.op.add(b(DEQUANTIZE, y), x))

    assert_same_function(io_type_quantized(main(FLOAT, before)), main(FLOAT, before))


def test_class_maps_take_one_byte():
    def before(b, x):
        return b(ArgMax(keepdims=False, select_last_index=False, output_dtype="int64"), x)

    def expected(b, x):
        return b(ArgMax(keepdims=False, select_last_index=False, output_dtype="uint8"), x)

    module = io_type_quantized(main(INT8, before))
    assert_same_function(module, main(INT8, expected))
    network = to_network(module)
    assert network.outputs[0].quantized
    assert reference.run(network, [np.zeros((1, 4, 4, 3), np.int8)])[0].dtype == np.int64


def test_more_classes_than_a_byte_holds_keep_their_type():
    many = {"x": ((1, 2, 2, 257), "int8")}

    def before(b, x):
        return b(ArgMax(keepdims=False, select_last_index=False, output_dtype="int64"), x)

    assert_same_function(io_type_quantized(main(many, before)), main(many, before))
