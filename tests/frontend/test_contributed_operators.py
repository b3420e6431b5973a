"""Operators of ONNX Runtime, and quantisation at run time, give its results in ONNX's own operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.frontend.onnx_models import check, feeds_of, model, node, operators, port, run_onnxruntime
from tinyseg_tvm import relay
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx, supported_operators
from tinyseg_tvm.frontend.onnx_model import normalized_graph
from tinyseg_tvm.frontend.rewrites.fused_operators import FUSED
from tinyseg_tvm.network import reference

F = np.float32
MS = "com.microsoft"
RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(4, 3, 3, 3)).astype(F)
VECTOR = RNG.normal(size=4).astype(F)
SQUARE = RNG.normal(size=(4, 4)).astype(F)


def fused(
    op_type: str, inputs: str, constants: dict[str, Any], shape: list[int], dtype: str = "float32", **attributes: Any
) -> onnx.ModelProto:
    nodes = [node(op_type, inputs, "y", "fused", MS, **attributes)]
    return model(nodes, [port("x", shape, dtype)], [port("y", None, dtype)], constants, microsoft=True)


ACTIVATIONS = [
    ("Relu", []),
    ("Tanh", []),
    ("Sigmoid", []),
    ("LeakyRelu", [0.2]),
    ("Clip", [-0.5, 1.5]),
    ("HardSigmoid", [0.3, 0.4]),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("activation", "parameters"), ACTIVATIONS)
def test_fused_convolution(activation: str, parameters: list[float]) -> None:
    options: dict[str, Any] = {"activation_params": parameters} if parameters else {}
    proto = fused(
        "FusedConv", "x w b", {"w": CONV, "b": VECTOR}, [1, 3, 6, 5], activation=activation, pads=[1] * 4, **options
    )
    assert operators(check(proto, exact=False)) == ["Conv", activation]


def test_fused_convolution_and_sum() -> None:
    constants = {"w": CONV, "b": VECTOR, "v": CONV[::-1].copy()}
    nodes = [
        node("Conv", "x v", "z", "first", pads=[1] * 4),
        node("FusedConv", "x w b z", "y", "second", MS, activation="Relu", pads=[1] * 4),
    ]
    proto = model(nodes, [port("x", [1, 3, 6, 5])], [port("y", None)], constants, microsoft=True)
    assert operators(check(proto, exact=False)) == ["Conv", "Conv", "Add", "Relu"]


def test_fused_gemm() -> None:
    constants = {"w": SQUARE, "b": VECTOR}
    proto = fused(
        "FusedGemm", "x w b", constants, [2, 4], activation="LeakyRelu", activation_alpha=0.2, transB=1, alpha=0.5
    )
    check(proto, exact=False)


@pytest.mark.parametrize("op_type", ["FusedMatMul", "TransposeMatMul"])
@pytest.mark.parametrize("transposed", ["A", "B"])
def test_fused_matmul(op_type: str, transposed: str) -> None:
    attributes = {f"trans{transposed}": 1, "alpha": 0.25}
    nodes = [node("Relu", "x", "r"), node(op_type, "x r", "y", "fused", MS, **attributes)]
    graph = check(model(nodes, [port("x", [2, 3, 4])], [port("y", None)], microsoft=True), exact=False)
    assert graph.types["y"].shape == ((2, 4, 4) if transposed == "A" else (2, 3, 3))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_pooling_of_channels_last(dtype: str) -> None:
    proto = fused("NhwcMaxPool", "x", {}, [1, 6, 5, 3], dtype, kernel_shape=[2, 3], strides=[2, 1])
    assert operators(check(proto)) == ["Transpose", "MaxPool", "Transpose"]


@pytest.mark.parametrize("op_type", ["Gelu", "FastGelu", "QuickGelu"])
def test_gelu(op_type: str) -> None:
    check(fused(op_type, "x", {}, [2, 4]), exact=False)


@pytest.mark.parametrize("op_type", ["BiasGelu", "FastGelu"])
def test_gelu_with_a_bias(op_type: str) -> None:
    check(fused(op_type, "x b", {"b": VECTOR}, [2, 4]), exact=False)


@pytest.mark.parametrize("inputs", ["x s g", "x s g b", "x s g b h"])
def test_normalisation_of_a_sum(inputs: str) -> None:
    constants = {"s": SQUARE[:1, np.newaxis], "g": VECTOR, "b": VECTOR[::-1].copy(), "h": SQUARE[2]}
    constants = {name: value for name, value in constants.items() if name in inputs.split()}
    constants["s"] = np.tile(constants["s"], (1, 3, 1))
    check(fused("SkipLayerNormalization", inputs, constants, [1, 3, 4], epsilon=1e-5), exact=False)


def matrix(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.4, shape).astype(F)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("sizes", [[8, 8, 8], [4, 4, 8]])
def test_attention_of_one_tensor(sizes: list[int], causal: int) -> None:
    constants = {"w": matrix(6, sum(sizes)), "b": matrix(sum(sizes))}
    options: dict[str, Any] = {"num_heads": 2, "unidirectional": causal, "qkv_hidden_sizes": sizes}
    proto = fused("Attention", "x w b", constants, [1, 5, 6], **options)
    graph = check(proto, exact=False)
    assert graph.types["y"].shape == (1, 5, sizes[2])
    kinds = [node.operator.kind for node in relay.build(from_onnx(proto), "c -tinyseg").network.nodes]
    assert kinds.count("matmul") == 2
    assert not {"transpose", "opaque"}.intersection(kinds)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("keys", ["x", "k"])
def test_attention_of_several_tensors(keys: str, bias: bool) -> None:
    constants = {"k": matrix(1, 7, 8), "b": matrix(24), "a": matrix(1, 2, 5, 7 if keys == "k" else 5)}
    names = ["x", keys, keys, "b" if bias else "-", "-", "a"]
    check(fused("MultiHeadAttention", " ".join(names), constants, [1, 5, 8], num_heads=2, scale=0.3), exact=False)


def test_attention_with_a_mask_of_lengths_is_refused() -> None:
    constants = {"w": matrix(6, 24), "b": matrix(24), "m": np.array([5], np.int32)}
    assert "masks of lengths" in refusal(fused("Attention", "x w b m", constants, [1, 5, 6], num_heads=2))


def test_every_fused_operator_is_listed_and_tried_here() -> None:
    listed = {row.name for row in supported_operators() if row.route == "rewritten"}
    assert {f"{MS}.{name}" for name in FUSED} <= listed
    assert "its activation 'Gelu9' is unknown" in refusal(
        fused("FusedConv", "x w", {"w": CONV}, [1, 3, 6, 5], activation="Gelu9")
    )


def test_convolution_of_channels_last() -> None:
    weights = RNG.integers(-20, 20, (4, 3, 3, 3)).astype(np.int8)
    constants = {"s": F(0.05), "z": np.int8(2), "w": weights, "k": F(0.02), "n": np.int8(0)}
    proto = fused("QLinearConv", "x s z w k n s z", constants, [1, 6, 5, 3], "int8", channels_last=1, pads=[1] * 4)
    graph, _ = normalized_graph(proto)
    assert graph.types["y"].shape == (1, 6, 5, 4)
    x = feeds_of(graph)["x"]
    flat = model(
        [
            node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
            node("QLinearConv", "t s z w k n s z", "c", pads=[1] * 4),
            node("Transpose", "c", "y", perm=[0, 2, 3, 1]),
        ],
        [port("x", [1, 6, 5, 3], "int8")],
        [port("y", None, "int8")],
        constants,
    )
    np.testing.assert_array_equal(result(proto, x), run_onnxruntime(flat, {"x": x})[0])


def test_choice_between_two_quantised_operands() -> None:
    constants = {
        "c": np.array([True, False, False, True]), "w": np.array([5, 6, -7, 8], np.int8), "s": F(0.1), "z": np.int8(3),
        "k": F(0.2), "n": np.int8(-1), "t": F(0.15), "o": np.int8(0),
    }  # fmt: skip
    proto = fused("QLinearWhere", "c x s z w k n t o", constants, [2, 4], "int8")
    x = feeds_of(normalized_graph(proto)[0])["x"]
    np.testing.assert_allclose(result(proto, x).astype(int), run_onnxruntime(proto, {"x": x})[0].astype(int), atol=1)


def result(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """What the compiled network gives."""
    return reference.run(relay.build(from_onnx(proto), "c -tinyseg").network, [x])[0]


def dynamic(core: str, shape: list[int], weight: np.ndarray, zero: np.ndarray, scale: np.ndarray) -> onnx.ModelProto:
    """As ``quantize_dynamic`` writes it."""
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z", "quantize"),
        node(core, "q w z wz", "acc", "core"),
        node("Cast", "acc", "f", to=TensorProto.FLOAT),
        node("Mul", "s ws", "factor"),
        node("Mul", "f factor", "y"),
    ]
    constants = {"w": weight, "wz": zero, "ws": scale}
    return model(nodes, [port("x", shape)], [port("y", None)], constants)


def seven_bits(shape: tuple[int, ...]) -> np.ndarray:
    """Weights whose products with uint8 onnxruntime adds in pairs without saturation, VNNI or not."""
    return RNG.integers(-64, 65, shape).astype(np.int8)


def agrees(proto: onnx.ModelProto, x: np.ndarray) -> None:
    expected, found = run_onnxruntime(proto, {"x": x})[0], result(proto, x)
    assert np.abs(expected - found).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["mixed", "positive", "negative", "zero"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_matmul_quantised_at_run_time(dtype: str, kind: str) -> None:
    weight = seven_bits((12, 5)) if dtype == "int8" else RNG.integers(0, 256, (12, 5)).astype(dtype)
    zero = np.array(3, dtype)
    proto = dynamic("MatMulInteger", [2, 12], weight, zero, np.array(0.02, F))
    x = RNG.normal(size=(2, 12)).astype(F)
    x = {"mixed": x, "positive": np.abs(x) + F(1), "negative": -np.abs(x) - F(1), "zero": x * F(0)}[kind]
    agrees(proto, x) if kind != "zero" else np.testing.assert_array_equal(result(proto, x), np.zeros((2, 5), F))


def test_matmul_of_weights_per_channel() -> None:
    weight = seven_bits((12, 5))
    proto = dynamic("MatMulInteger", [2, 12], weight, np.arange(5).astype(np.int8), np.arange(1, 6).astype(F))
    agrees(proto, RNG.normal(size=(2, 12)).astype(F))


def test_convolution_quantised_at_run_time() -> None:
    weight = RNG.integers(0, 256, (4, 3, 3, 3)).astype(np.uint8)
    proto = dynamic("ConvInteger", [1, 3, 6, 5], weight, np.array(128, np.uint8), np.array(0.02, F))
    proto.graph.node[1].attribute.append(onnx.helper.make_attribute("pads", [1, 1, 1, 1]))
    agrees(proto, RNG.normal(size=(1, 3, 6, 5)).astype(F))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_fused_matmul_quantised_at_run_time(zeros: bool, bias: bool) -> None:
    constants: dict[str, Any] = {"w": seven_bits((4, 5)), "ws": np.arange(1, 6).astype(F)}
    names = ["w", "ws", "wz" if zeros else "-", "b" if bias else "-"]
    constants |= {"wz": np.arange(5).astype(np.int8)} if zeros else {}
    constants |= {"b": np.arange(5).astype(F)} if bias else {}
    proto = fused("DynamicQuantizeMatMul", " ".join(["x", *names]), constants, [2, 4])
    agrees(proto, RNG.normal(size=(2, 4)).astype(F))
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z", "quantize"),
        node("MatMulIntegerToFloat", " ".join(["q w s ws z", *names[2:]]), "y", "core", MS),
    ]
    split = model(nodes, [port("x", [2, 4])], [port("y", None)], constants, microsoft=True)
    agrees(split, RNG.normal(size=(2, 4)).astype(F))


def test_codes_that_leave_the_network_are_integers() -> None:
    nodes = [node("DynamicQuantizeLinear", "x", "q s z", "quantize")]
    outputs = [port("q", None, "uint8"), port("s", None), port("z", None, "uint8")]
    proto = model(nodes, [port("x", [3, 5])], outputs)
    x = RNG.normal(size=(3, 5)).astype(F)
    found = reference.run(relay.build(from_onnx(proto), "c -tinyseg").network, [x])
    for expected, got in zip(run_onnxruntime(proto, {"x": x}), found, strict=True):
        np.testing.assert_array_equal(expected, got)


def refusal(proto: onnx.ModelProto) -> str:
    with pytest.raises(TinySegError) as caught:
        normalized_graph(proto)
    return str(caught.value)


@pytest.mark.parametrize(
    ("op_type", "reason"),
    [
        ("MatMulNBits", "in blocks of 4 bits"),
        ("DynamicQuantizeLSTM", "at run time"),
        ("GroupNorm", "of domain com.micro"),
    ],
)
def test_what_has_no_spelling_is_refused_by_name(op_type: str, reason: str) -> None:
    message = refusal(fused(op_type, "x w", {"w": SQUARE}, [2, 4]))
    assert f"fused ({MS}.{op_type}): " in message
    assert reason in message


def test_a_convolution_quantised_at_run_time_is_scaled_where_it_lies() -> None:
    weight = RNG.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    proto = dynamic("ConvInteger", [1, 3, 6, 5], weight, np.array(0, np.int8), np.array(0.02, F))
    network = relay.build(from_onnx(proto), "c -tinyseg").network
    after = [node.operator.kind for node in network.nodes]
    assert "transpose" not in after[after.index("conv2d") :]
