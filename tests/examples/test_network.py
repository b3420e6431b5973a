import json

import numpy as np
import onnx
import pytest
from evaluate import int8_predictor, iou
from onnx import TensorProto, numpy_helper, shape_inference
from scenes import TEST_SEEDS, quantised, scene

from tinyseg_tvm import relay
from tinyseg_tvm.network import reference


@pytest.fixture(scope="module")
def model(example):
    return onnx.load(example / "tinyunet_int8.onnx")


@pytest.fixture(scope="module")
def network(example):
    mod, params = relay.frontend.from_onnx(example / "tinyunet_int8.onnx")
    return relay.build(mod, target="c -tinyseg -board=mps2_an386 -stream-axis=rows", params=params).network


def constants(model):
    return {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}


def test_input_and_output_are_int8(model):
    ports = [(port.name, port.type.tensor_type.elem_type) for port in (*model.graph.input, *model.graph.output)]
    assert ports == [("image", TensorProto.INT8), ("logits", TensorProto.INT8)]


def test_the_metadata_tells_the_scales_of_the_edges(model):
    notes = {entry.key: entry.value for entry in model.metadata_props}
    values = constants(model)
    (first,) = (node for node in model.graph.node if node.input[0] == "image")
    (last,) = (node for node in model.graph.node if node.output[0] == "logits")
    for port, node in (("image", first), ("logits", last)):
        assert np.float32(notes[f"{port}.scale"]) == values[node.input[1]]
        assert int(notes[f"{port}.zero_point"]) == values[node.input[2]]
    assert values[first.input[1]] == np.float32(1 / 255)
    assert values[first.input[2]] == -128


def test_weights_are_quantised_per_channel_without_a_zero_point(model):
    values = constants(model)
    weights = [node for node in model.graph.node if node.name.endswith("_weight_DequantizeLinear")]
    assert len(weights) == 18
    for node in weights:
        weight, scale, zero_point = (values[name] for name in node.input)
        assert weight.dtype == np.int8
        assert scale.shape == (weight.shape[1 if node.name.startswith("up") else 0],)
        assert not zero_point.any()


def test_operands_of_a_concatenation_share_scale_and_zero_point(model):
    values = constants(model)
    makers = {name: node for node in model.graph.node for name in node.output}
    concats = [node for node in model.graph.node if node.op_type == "Concat"]
    assert len(concats) == 3
    for concat in concats:
        pairs = {tuple(values[name].item() for name in makers[operand].input[1:]) for operand in concat.input}
        assert len(pairs) == 1


def test_it_is_the_network_that_tinyseg_describes(model):
    inferred = shape_inference.infer_shapes(model)
    shapes = {
        info.name: [size.dim_value for size in info.type.tensor_type.shape.dim] for info in inferred.graph.value_info
    }
    assert shapes["enc4_conv2"] == [1, 64, 10, 15]
    assert shapes["up1"] == [1, 4, 80, 120]
    assert shapes["concat1"] == [1, 12, 80, 120]
    values = constants(model)
    sizes = [values[node.input[0]].size for node in model.graph.node if node.input[0].endswith("_quantized")]
    batch_norm_folded = 2 * sum((8, 16, 32, 64, 32, 16, 8))  # biases; in training gain and bias, twice as many
    assert sum(sizes) + batch_norm_folded == 109_725


def test_lowered_it_has_the_macs_and_names_of_the_original(network):
    macs = sum(
        node.operator.macs(network.input_types(node), network.output_types(node), node.constants)
        for node in network.nodes
    )
    assert macs == 75_878_400
    names = [node.name for node in network.nodes]
    assert names[:3] == ["enc1_conv1", "enc1_conv2", "pool1"]
    assert names[-1] == "logits"
    assert len(names) == 21  # concatenations cost nothing


def test_the_stated_accuracy_is_real(example):
    stated = json.loads((example / "metrics.json").read_text())
    assert stated["int8"]["iou"] > 0.85
    assert stated["float"]["iou"] - stated["int8"]["iou"] < 0.01
    assert stated["int8_bytes"] == (example / "tinyunet_int8.onnx").stat().st_size
    measured = iou(int8_predictor(example / "tinyunet_int8.onnx"), map(scene, TEST_SEEDS[:40]))
    assert measured["iou"] == pytest.approx(stated["int8"]["iou"], abs=0.04)


@pytest.mark.release
def test_the_stated_accuracy_is_exact(example):
    stated = json.loads((example / "metrics.json").read_text())
    assert iou(int8_predictor(example / "tinyunet_int8.onnx"), map(scene, TEST_SEEDS)) == stated["int8"]


def test_the_reference_sees_the_same_vehicles_as_onnx_runtime(example, network):
    predict = int8_predictor(example / "tinyunet_int8.onnx")
    zero_point = network.tensors[network.outputs[0].tensor].zero_point
    for seed in TEST_SEEDS[:3]:
        image = scene(seed).image
        (logits,) = reference.run(network, [quantised(image)])
        assert ((logits[0, 0] > zero_point) != predict(image)).mean() < 0.002
