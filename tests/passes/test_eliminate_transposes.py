"""No transpose stays where layouts can express it, and every result keeps its elements."""

import numpy as np
import pytest
from tvm import relax

from tests.passes.layout_modules import (
    DEQUANTIZE,
    NCHW_TO_NHWC,
    NHWC_TO_NCHW,
    QUANTIZE,
    assert_same_function,
    main,
    table_of,
)
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import (
    Concat,
    Elementwise,
    ElementwiseConstant,
    Lookup,
    Pad,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.eliminate_transposes import eliminate_transposes
from tinyseg_tvm.relay_passes.to_network import to_network

NCHW = {"x": ((1, 3, 6, 5), "int8")}
NHWC = {"x": ((1, 6, 5, 3), "int8")}
ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))
RELU = table_of(lambda v: np.maximum(v, 0))


def wrapped(b, x, outputs, name):
    """A convolution as the integer passes leave it: between transposes."""
    y = b.conv(b(Transpose(NCHW_TO_NHWC), x, name=f"{name}_nhwc"), outputs, padding=(1, 1, 1, 1), name=name)
    return b(Transpose(NHWC_TO_NCHW), y, name=f"{name}_nchw")


def ports(module, side):
    return [tuple(int(a) for a in port["permutation"]) for port in module["main"].attrs["tinyseg.ports"][side]]


def assert_same_results(before, after):
    """Both compute the same from the same model inputs."""
    first, second = to_network(before), to_network(after)
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(-128, 127, p.model_shape).astype(p.model_dtype)
        if p.model_dtype == "int8"
        else rng.normal(size=p.model_shape).astype(p.model_dtype)
        for p in first.inputs
    ]
    for a, b in zip(reference.run(first, arrays), reference.run(second, arrays), strict=True):
        np.testing.assert_array_equal(a, b)


def test_transposes_between_convolutions_and_at_the_edges_vanish():
    def before(b, x):
        first = wrapped(b, x, 4, "a")
        second = wrapped(b, b(Lookup("int8"), first, table=RELU), 4, "b")
        total = b(ADD, first, second)
        joined = b(Concat(1), total, second)
        return wrapped(b, b(Pad((0, 0, 1, 0), (0, 0, 0, 2), 5.0), joined), 2, "c")

    def expected(b, x):
        first = b.conv(x, 4, padding=(1, 1, 1, 1))
        second = b.conv(b(Lookup("int8"), first, table=RELU), 4, padding=(1, 1, 1, 1))
        total = b(ADD, first, second)
        joined = b(Concat(3), total, second)
        return b.conv(b(Pad((0, 1, 0, 0), (0, 0, 2, 0), 5.0), joined), 2, padding=(1, 1, 1, 1))

    module = eliminate_transposes(main(NCHW, before))
    assert_same_function(module, main(NHWC, expected))
    assert ports(module, "inputs") == ports(module, "outputs") == [NCHW_TO_NHWC]
    assert_same_results(main(NCHW, before), module)


def test_a_model_in_nhwc_behind_transposes_keeps_its_ports():
    def before(b, x):
        quantized = b(QUANTIZE, b(Transpose(NHWC_TO_NCHW), x))
        return b(Transpose(NCHW_TO_NHWC), b(DEQUANTIZE, wrapped(b, quantized, 2, "a")))

    def expected(b, x):
        return b(DEQUANTIZE, b.conv(b(QUANTIZE, x), 2, padding=(1, 1, 1, 1)))

    inputs = {"x": ((1, 6, 5, 3), "float32")}
    module = eliminate_transposes(main(inputs, before))
    assert_same_function(module, main(inputs, expected))
    assert ports(module, "inputs") == [(0, 1, 2, 3)]


def test_flatten_of_an_nchw_map_becomes_a_permutation_of_dense_weights():
    weight = (np.arange(7 * 60) % 23 - 11).astype(np.int8).reshape(7, 60)

    def before(b, x):
        return b.dense(b(Reshape((1, 60)), wrapped(b, x, 2, "a")), weight, flatten=False)

    def expected(b, x):
        stored = weight.reshape(7, 2, 6, 5).transpose(0, 2, 3, 1).reshape(7, 60)
        return b.dense(b.conv(x, 2, padding=(1, 1, 1, 1)), np.ascontiguousarray(stored), flatten=True)

    module = eliminate_transposes(main(NCHW, before))
    assert_same_function(module, main(NHWC, expected))
    assert_same_results(main(NCHW, before), module)


def test_transposes_of_axes_of_one_element_are_reshapes_and_cancel():
    def before(b, x):
        return b.conv(b(Transpose(NCHW_TO_NHWC), b(Reshape((1, 1, 49, 10)), x)), 2)

    def expected(b, x):
        return b.conv(x, 2)

    inputs = {"x": ((1, 49, 10, 1), "int8")}
    assert_same_function(eliminate_transposes(main(inputs, before)), main(inputs, expected))


def test_a_flat_input_takes_the_shape_of_its_consumer():
    def before(b, x):
        return b.conv(b(Transpose(NCHW_TO_NHWC), b(Reshape((1, 1, 6, 5)), b(QUANTIZE, x))), 2)

    def expected(b, x):
        return b.conv(b(QUANTIZE, x), 2)

    module = eliminate_transposes(main({"x": ((1, 30), "float32")}, before))
    assert_same_function(module, main({"x": ((1, 6, 5, 1), "float32")}, expected))


def test_an_input_without_a_batch_axis_is_permuted_in_its_port():
    def before(b, x):
        return wrapped(b, b(Reshape((1, 3, 6, 5)), x), 2, "a")

    def expected(b, x):
        return b.conv(x, 2, padding=(1, 1, 1, 1))

    inputs = {"x": ((3, 6, 5), "int8")}
    module = eliminate_transposes(main(inputs, before))
    assert_same_function(module, main(NHWC, expected))
    assert ports(module, "inputs") == [(1, 2, 0)]
    assert_same_results(main(inputs, before), module)


def test_operands_in_different_layouts_meet_in_the_one_that_moves_least():
    def before(b, x, y):
        return wrapped(b, b(ADD, wrapped(b, x, 3, "a"), y), 2, "b")

    def expected(b, x, y):
        return b.conv(b(ADD, b.conv(x, 3, padding=(1, 1, 1, 1)), y), 2, padding=(1, 1, 1, 1))

    module = eliminate_transposes(main({**NCHW, "y": ((1, 3, 6, 5), "int8")}, before))
    assert_same_function(module, main({**NHWC, "y": ((1, 6, 5, 3), "int8")}, expected))


def test_slices_change_their_axes():
    def before(b, x):
        return b(Slice((0, 1, 0, 2), (1, 3, 6, 5), (1, 1, 2, 1)), wrapped(b, x, 4, "a"))

    def expected(b, x):
        return b(Slice((0, 0, 2, 1), (1, 6, 5, 3), (1, 2, 1, 1)), b.conv(x, 4, padding=(1, 1, 1, 1)))

    module = eliminate_transposes(main(NCHW, before))
    assert_same_function(module, main(NHWC, expected))
    assert_same_results(main(NCHW, before), module)


def test_softmax_works_through_a_reshape_that_keeps_its_axis():
    table = np.ones(256, np.float32)

    def before(b, x):
        return b(Softmax(onnx.Softmax(1 / 256, -128)), b(Reshape((30, 3)), x), table=table)

    def expected(b, x):
        return b(Softmax(onnx.Softmax(1 / 256, -128)), x, table=table)

    assert_same_function(eliminate_transposes(main(NHWC, before)), main(NHWC, expected))


@pytest.mark.parametrize("consumer", ["softmax", "float"])
def test_operators_with_a_layout_of_their_own_get_what_they_need(consumer):
    def before(b, x):
        y = wrapped(b, x, 4, "a")
        if consumer == "softmax":
            return b(Softmax(onnx.Softmax(1 / 256, -128)), y, table=np.ones(256, np.float32))
        return b.relax(relax.op.cumsum(b(DEQUANTIZE, y), axis=1))

    def expected(b, x):
        y = b.conv(x, 4, padding=(1, 1, 1, 1))
        if consumer == "softmax":
            rows_last = b(Transpose((0, 1, 3, 2)), y)
            return b(Softmax(onnx.Softmax(1 / 256, -128)), rows_last, table=np.ones(256, np.float32))
        return b.relax(relax.op.cumsum(b(Transpose(NHWC_TO_NCHW), b(DEQUANTIZE, y)), axis=1))

    assert_same_function(eliminate_transposes(main(NCHW, before)), main(NHWC, expected))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["map first", "gate first"])
@pytest.mark.parametrize("source", ["input", "convolution"])
def test_one_value_per_channel_is_broadcast_over_a_map_where_the_channels_lie_last(order, source):
    def before(b, x, gate):
        full = x if source == "input" else wrapped(b, x, 3, "c")
        operands = [b(Transpose(NCHW_TO_NHWC), full), b(Transpose(NCHW_TO_NHWC), gate)]
        return b(Transpose(NHWC_TO_NCHW), b(ADD, *(operands[i] for i in order)))

    inputs = {**NCHW, "gate": ((1, 3, 1, 1), "int8")}
    module = eliminate_transposes(main(inputs, before))
    assert "transpose" not in module.script()
    assert_same_results(main(inputs, before), module)


@pytest.mark.parametrize("function", ["add", "sub", "mul"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["map first", "row first"])
@pytest.mark.parametrize("clamp", [(-128, 127), (-20, 40)])
@pytest.mark.parametrize("constant", [False, True])
def test_one_value_per_column_is_broadcast_over_a_map_where_the_channels_lie_last(function, order, clamp, constant):
    arithmetic = onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, *clamp)

    def before(b, x, row):
        full = wrapped(b, x, 3, "c")
        if constant:
            operator = ElementwiseConstant(function, order == (1, 0), arithmetic)
            return wrapped(b, b(operator, b(ADD, full, row), other=np.array([-128, -3, 0, 90, 127], np.int8)), 2, "d")
        return wrapped(b, b(Elementwise(function, arithmetic), *((full, row)[i] for i in order)), 2, "d")

    inputs = {**NCHW, "row": ((1, 1, 1, 5), "int8")}
    module = eliminate_transposes(main(inputs, before))
    assert "transpose" not in module.script()
    assert_same_results(main(inputs, before), module)
