"""What the imported module looks like, and that every real network imports."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
import tvm
from tvm import relax

from tests.frontend.onnx_models import feeds_of, model, node, operators, port, quantized, run_onnxruntime
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.frontend import from_onnx, supported_operators
from tinyseg_tvm.frontend.graph import to_model
from tinyseg_tvm.frontend.onnx_model import normalized_graph
from tinyseg_tvm.operators import OPERATORS, Lookup


def bindings(module: tvm.IRModule) -> list[tuple[str, str]]:
    """(binding name, Relax operator) of every call."""
    return [
        (binding.var.name, binding.value.op.name.removeprefix("relax."))
        for block in module["main"].body.blocks
        for binding in block.bindings
        if isinstance(binding.value, tvm.ir.Call) and isinstance(binding.value.op, tvm.ir.Op)
    ]


def test_binding_names_are_node_names_and_extra_calls_derive_from_them():
    core = [
        node("DequantizeLinear", "w s_w z_w", "wf", "weights"),
        node("DequantizeLinear", "b s_b z_b", "bf", "bias"),
        node("Conv", "x wf bf", "c", "stem/conv"),
        node("Clip", "c low high", "y", "stem/relu6"),
    ]
    constants = {
        "w": np.ones((2, 3, 1, 1), np.int8),
        "s_w": np.float32(0.1),
        "z_w": np.int8(0),
        "b": np.array([1, 2], np.int32),
        "s_b": np.float32(0.005),
        "z_b": np.int32(0),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    module, params = from_onnx(quantized(core, [1, 3, 4, 4], [1, 2, 4, 4], constants))
    assert params == {}
    assert bindings(module) == [
        ("dequantize", "dequantize"),
        ("weights", "dequantize"),
        ("bias", "dequantize"),
        ("stem_conv_conv2d", "nn.conv2d"),
        ("stem_conv_reshape", "reshape"),
        ("stem_conv", "add"),
        ("stem_relu6", "clip"),
        ("quantize", "quantize"),
    ]


def test_tuple_results_are_named_after_node_and_position():
    nodes = [node("Split", "x", "a b", "parts", axis=1, num_outputs=2), node("Add", "a b", "y", "sum")]
    module, _ = from_onnx(model(nodes, [port("x", [1, 4])], [port("y", [1, 2])], opset=18))
    names = [binding.var.name for binding in module["main"].body.blocks[0].bindings]
    assert names[:-1] == ["parts", "parts_0", "parts_1", "sum"]


def test_ports_hash_and_name_are_recorded(tmp_path):
    proto = quantized([node("Relu", "x", "y")], [1, 5], [1, 5], {}, "uint8")
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    module, _ = from_onnx(path, name="my net!")
    assert module.attrs["tinyseg.model_hash"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert module.attrs["tinyseg.model_name"] == "my_net"
    ports = module["main"].attrs["tinyseg.model_ports"]
    assert dict(ports["inputs"][0].items()) == {"name": "q", "parameter": "q", "shape": [1, 5], "dtype": "uint8"}
    assert dict(ports["outputs"][0].items()) == {"name": "out", "parameter": "out", "shape": [1, 5], "dtype": "uint8"}


def test_relays_calling_form_fixes_shapes_and_checks_types():
    proto = model([node("Relu", "x", "y")], [port("x", ["n", "c"])], [port("y", ["n", "c"])])
    by_input, _ = from_onnx(proto, {"x": (1, np.int64(5))}, dtype="float32")
    by_dimension, _ = from_onnx(proto, {"c": np.int32(5)}, {"x": "float32"})
    for module in (by_input, by_dimension, from_onnx(proto, shapes={"x": [1, 5]})[0]):
        assert [int(extent) for extent in module["main"].params[0].ty.shape.values] == [1, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 5],), r"shape is a mapping from inputs to shapes, not list: write \{"),
        (({"x": (1, 2.5)},), r"the shape of 'x' is \(1, 2.5\), not integers"),
        (({"x": "1x5"},), "the shape of 'x' is '1x5', not integers"),
        (({"x": (1, 5)}, 32), "dtype is a type's name or a mapping"),
        (({"x": (1, 5)}, {"x": "int8"}), "input 'x' is float32 in the model, not 'int8'"),
        (({"x": (1, 5)}, {"z": "int8"}), "dtype names 'z', and the model's inputs are x"),
    ],
)
def test_arguments_of_another_form_are_refused_with_a_sentence(arguments, message):
    proto = model([node("Relu", "x", "y")], [port("x", ["n", "c"])], [port("y", ["n", "c"])])
    with pytest.raises(UsageError, match=message):
        from_onnx(proto, *arguments)


def test_import_is_repeatable():
    proto = quantized([node("Relu", "x", "y")], [1, 5], [1, 5], {}, "uint8")
    assert from_onnx(proto)[0].script(show_meta=True) == from_onnx(proto)[0].script(show_meta=True)


def test_importing_does_not_change_the_callers_model():
    proto = quantized([node("Relu", "x", "y")], [1, 5], [1, 5], {}, "uint8")
    before = proto.SerializeToString(deterministic=True)
    from_onnx(proto)
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("bounds", "operator"),
    [
        ((0, 6), "clip"),
        ((-1, 1), "clip"),
        ((0, None), "nn.relu"),
        ((0, np.inf), "nn.relu"),
        ((-2, None), "maximum"),
        ((None, 3), "minimum"),
    ],
)
def test_clip_is_recognisable(bounds, operator):
    constants = {name: np.float32(value) for name, value in zip("lh", bounds, strict=True) if value is not None}
    inputs = " ".join(["x", *(name if name in constants else "-" for name in "lh")])
    module, _ = from_onnx(model([node("Clip", inputs, "y")], [port("x", [2])], [port("y", [2])], constants))
    assert [op for _, op in bindings(module)] == [operator]


def test_constant_pad_is_recognisable():
    constants = {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4], np.int64), "v": np.float32(0.5)}
    module, _ = from_onnx(model([node("Pad", "x p v", "y")], [port("x", [1, 1, 2, 2])], [port("y", None)], constants))
    assert [op for _, op in bindings(module)] == ["nn.pad"]


def test_supported_operators_cover_every_route():
    table = {row.name: row for row in supported_operators()}
    assert table["Conv"].route == "integer"
    assert table["com.microsoft.QLinearAdd"].route == "rewritten"
    assert table["QLinearConv"].route == "rewritten"
    assert table["Einsum"].route == "long tail"
    assert table["NonMaxSuppression"].route == "unsupported"
    assert len(table) > 150


def test_no_two_operators_name_one_onnx_operator_but_for_tables():
    names = [name for operator in OPERATORS.values() if operator is not Lookup for name in operator.onnx]
    assert len(set(names)) == len(names) > 20
    assert all(onnx.defs.has(name) for name in (*names, *Lookup.onnx))


MODELS = [
    "fdt_cif_cifar10", "fdt_cif_cifar10_int8_qdq", "fdt_kws_aww", "fdt_kws_cnn_s_quantized", "fdt_mw_magic_wand",
    "fdt_mw_magic_wand_int8_qdq", "fdt_pos_posenet_075_353_481_quant", "fdt_txt_text_class",
    "fdt_txt_text_class_int8_qdq", "gen_tinyunet_80x120_int8", "gen_tinyunet_80x120_int8_floatio",
    "gen_tinyunet_80x120_int8_implicit", "gen_tinyunet_80x120_int8_rescale", "gen_tinyunet_80x120_uint8",
    "gen_tinyunet_96x96_b4", "micro_kws_m_static_qdq", "micro_kws_m_static_qoperator", "mlperf_ad01_int8",
    "mlperf_kws_ref_model", "mlperf_resnet8_int8", "mlperf_vww_96_int8",
    "seg_coral_deeplabv3_mnv2_dm05_pascal_quant", "seg_nano_u_botanicgarden", "tflm_micro_speech_quantized",
    "tflm_person_detect", "tinyengine_mcunetv2_large", "tinyengine_vww", "tinyseg_tinyunet_int8io",
    "tinyseg_tinyunet_uint8io",
]  # fmt: skip
# Too many operations for onnxruntime's unoptimised kernels in a quick test.
LARGE = ("posenet", "coral", "mcunetv2")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", MODELS)
def test_real_network_imports_and_keeps_its_results(models_dir, name):
    path = models_dir / "onnx" / f"{name}.onnx"
    graph, _ = normalized_graph(path)
    module, _ = from_onnx(path)
    assert relax.analysis.check_well_formed(module)
    opaque = {op for _, op in bindings(module)} & {"call_tir", "call_dps_packed"}
    assert not opaque
    assert "uint8" not in {graph.types[n.outputs[0]].dtype for n in graph.nodes if n.outputs[0] not in graph.outputs}
    if any(word in name for word in LARGE):
        return
    feeds = feeds_of(graph)
    if "text_class" in name:  # token numbers
        feeds = {key: np.floor(np.abs(value) * 100) for key, value in feeds.items()}
    expected = run_onnxruntime(onnx.load(path), feeds)
    for a, b in zip(expected, run_onnxruntime(to_model(graph), feeds), strict=True):
        np.testing.assert_array_equal(a, b)


def test_relu_above_the_lowest_value_is_kept(models_dir):
    """Tiny U-Net skips: the zero point is -71, so the Relu is no consequence of saturation."""
    graph, _ = normalized_graph(models_dir / "onnx" / "tinyseg_tinyunet_int8io.onnx")
    assert operators(graph).count("Relu") == 14
