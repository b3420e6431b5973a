import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tflm_arena import ALIGNMENT, Buffer, greedy_arena, greedy_offsets, live_sum
from tflm_buffers import layerwise, rival_rows

from tinyseg_tvm.errors import TinySegError

buffer_lists = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 12), st.integers(0, 6)).map(
        lambda b: Buffer("b", b[0], b[1], b[1] + b[2])
    ),
    max_size=24,
)


def test_the_largest_goes_first_and_others_fill_gaps_from_below():
    buffers = [
        Buffer("small", 16, 0, 1),
        Buffer("large", 64, 0, 2),
        Buffer("late", 32, 2, 3),
        Buffer("again", 32, 3, 4),
    ]
    # large at 0; late meets large: 64; again meets late alone: 0; small meets large: 64
    assert greedy_offsets(buffers) == [64, 0, 64, 0]
    assert greedy_arena(buffers) == 96


def test_equal_sizes_keep_their_order():
    assert greedy_offsets([Buffer("a", 16, 0, 1), Buffer("b", 16, 1, 2), Buffer("c", 16, 0, 2)]) == [0, 16, 32]


def test_sizes_are_rounded_up_to_the_alignment():
    assert greedy_arena([Buffer("a", 1, 0, 0), Buffer("b", 17, 0, 0)]) == 16 + 32


def test_greedy_can_be_worse_than_the_live_sum():
    # a and b lie at 0, c beside a at 64; d meets b and c and goes on top, where nobody made room for it
    sizes = {"a": (64, 0, 1), "b": (64, 3, 4), "c": (48, 1, 2), "d": (48, 2, 3), "e": (16, 0, 4)}
    buffers = [Buffer(name, *rest) for name, rest in sizes.items()]
    assert live_sum(buffers) == 64 + 48 + 16
    assert greedy_arena(buffers) == 64 + 48 + 48 + 16


@given(buffer_lists)
def test_blocks_alive_together_never_overlap(buffers):
    placed = list(zip(buffers, greedy_offsets(buffers), strict=True))
    for i, (a, at) in enumerate(placed):
        assert at % ALIGNMENT == 0
        for b, bt in placed[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert at + a.size <= bt or bt + b.size <= at


@given(buffer_lists)
def test_the_arena_is_at_least_the_live_sum(buffers):
    assert greedy_arena(buffers) >= live_sum(buffers)


def model(nodes, inputs, outputs, constants=()):
    def info(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, "g", [info(*port) for port in inputs], [info(*port) for port in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_concat_copies_and_relu_does_not():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Concat", ["x", "r"], ["y"], axis=1),
    ]
    network = layerwise(model(nodes, [("x", [1, 1, 4, 4])], [("y", [1, 2, 4, 4])], [("w", np.ones((1, 1, 1, 1), "f"))]))
    assert network.tensors == (Buffer("x", 64, 0, 1), Buffer("c", 64, 0, 1), Buffer("y", 128, 1, 1))
    assert network.operators == 2


def test_transposes_of_unit_axes_and_biases_cost_nothing():
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Reshape", ["t", "s"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["y"]),
    ]
    constants = [("s", np.array([1, 12])), ("w", np.ones((12, 3), "f")), ("b", np.ones(3, "f"))]
    network = layerwise(model(nodes, [("x", [1, 3, 4, 1])], [("y", [1, 3])], constants))
    assert network.tensors == (Buffer("x", 48, 0, 0), Buffer("m", 12, 0, 0))


def test_an_unknown_shape_is_an_error_that_names_the_tensor():
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Sigmoid", ["r"], ["y"])]
    with pytest.raises(TinySegError, match="x"):
        layerwise(model(nodes, [("x", [1, "height", 4])], [("y", [1, "height", 4])]))


MEASURED_HEADS = {  # bytes that the TFLite Micro interpreter used as head with reference kernels, KiB
    "tinyseg_tinyunet_int8io": 300.0,
    "seg_nano_u_botanicgarden": 75.0,
    "mlperf_resnet8_int8": 48.0,
    "mlperf_kws_ref_model": 15.6,
    "fdt_cif_cifar10": 140.6,
    "tinyengine_vww": 157.7,
    "mlperf_ad01_int8": 0.8,
}


@pytest.mark.parametrize("name", MEASURED_HEADS)
def test_the_figure_equals_what_tflm_was_measured_to_use(name, models_dir):
    network = layerwise(onnx.load(models_dir / "onnx" / f"{name}.onnx"))
    assert network.tflm_bytes(reference_kernels=True) / 1024 == pytest.approx(MEASURED_HEADS[name], abs=0.06)


def test_rivals_are_listed_from_large_to_small(models_dir):
    network = layerwise(onnx.load(models_dir / "onnx" / "gen_tinyunet_80x120_int8.onnx"))
    rows = rival_rows(network, [("ours", 100_000, "")])
    assert [row[1] for row in rows] == [307_200, 230_400, 100_000]
