"""Broken and hostile models end in one TinySegError that names the place; nothing else escapes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.frontend.onnx_models import model, node, port, small_network
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.names import NameSupply
from tinyseg_tvm.frontend.onnx_model import normalized_graph


def relu(name: str = "relu", shape: Sequence[int | str | None] | None = (1, 3, 4, 4), **options) -> onnx.ModelProto:
    return model([node("Relu", "x", "y", name)], [port("x", shape)], [port("y", None)], **options)


def refused(proto_or_path, *words: str, **options) -> str:
    with pytest.raises(TinySegError) as caught:
        normalized_graph(proto_or_path, **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)


# Files ---------------------------------------------------------------------------------------------------------------


def test_missing_file(tmp_path):
    refused(tmp_path / "none.onnx", "none.onnx", "cannot be read")


def test_folder_and_device_are_not_models(tmp_path):
    refused(tmp_path, "not a regular file")
    refused(Path("/dev/zero"), "not a regular file")


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"hello, this is no protobuf at all", b"\xff" * 1000])
def test_file_that_is_no_model(tmp_path, data):
    (tmp_path / "m.onnx").write_bytes(data)
    refused(tmp_path / "m.onnx", "is not an ONNX model", "Remedy")


def test_tflite_file_is_recognised(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\x1c\x00\x00\x00TFL3" + b"\x00" * 50)
    refused(tmp_path / "m.onnx", "TensorFlow Lite")


def test_truncated_file(tmp_path):
    data = small_network().SerializeToString()
    for length in range(0, len(data), 37):
        (tmp_path / "m.onnx").write_bytes(data[:length])
        refused(tmp_path / "m.onnx")


def test_name_that_is_no_text(tmp_path):
    data = relu("SOMENAME").SerializeToString().replace(b"SOMENAME", b"\xff\xfe\x00\x80NAME")
    (tmp_path / "m.onnx").write_bytes(data)
    refused(tmp_path / "m.onnx", "not valid UTF-8")


def test_wrong_argument():
    refused(42, "onnx.ModelProto or a path")


def test_unsupported_opset():
    ports = [port("x", [2]), port("y", [2])]
    refused(model([node("Add", "x x", "y")], ports[:1], ports[1:], opset=6), "opset 6")
    assert normalized_graph(relu(opset=6))[0].nodes  # Relu did not change from 6 to 7, Add did
    refused(relu(opset=0), "opset 0")
    proto = relu()
    proto.opset_import[0].version = 9999
    refused(proto, "opset 9999")
    del proto.opset_import[:]
    refused(proto, "operator set")


# Structure -----------------------------------------------------------------------------------------------------------


def test_cyclic_graph():
    nodes = [node("Add", "x b", "a", "first"), node("Relu", "a", "b", "second")]
    refused(model(nodes, [port("x", [2])], [port("b", [2])]), "cyclic", "first")


def test_node_that_reads_its_own_result():
    refused(model([node("Add", "x y", "y", "self")], [port("x", [2])], [port("y", [2])]), "cyclic", "self")


def test_unsorted_nodes_are_sorted():
    nodes = [node("Relu", "a", "y", "second"), node("Neg", "x", "a", "first")]
    graph, _ = normalized_graph(model(nodes, [port("x", [2])], [port("y", [2])]))
    assert [n.name for n in graph.nodes] == ["first", "second"]


def test_missing_initialiser():
    nodes = [node("Conv", "x w", "y", "conv_1")]
    refused(model(nodes, [port("x", [1, 1, 4, 4])], [port("y", None)]), "conv_1", "'w'", "does not exist")


def test_duplicate_producers():
    nodes = [node("Relu", "x", "y", "one"), node("Neg", "x", "y", "two")]
    refused(model(nodes, [port("x", [2])], [port("y", [2])]), "two", "already has a producer")
    refused(model([node("Relu", "x", "x", "own")], [port("x", [2])], [port("x", [2])]), "already has a producer")


def test_duplicate_initialisers_and_inputs():
    proto = model([node("Add", "x c", "y")], [port("x", [2])], [port("y", [2])], {"c": np.zeros(2, np.float32)})
    proto.graph.initializer.append(proto.graph.initializer[0])
    refused(proto, "two initialisers", "'c'")
    proto = relu()
    proto.graph.input.append(proto.graph.input[0])
    refused(proto, "listed twice")


def test_output_without_producer_and_empty_graphs():
    refused(model([node("Relu", "x", "y")], [port("x", [2])], [port("z", [2])]), "'z'", "no producer")
    refused(model([], [port("x", [2])], [port("x", [2])]), "no nodes")
    refused(model([node("Relu", "x", "y")], [port("x", [2])], []), "no outputs")


def test_sparse_and_unnamed_initialisers():
    proto = relu()
    proto.graph.initializer.append(helper.make_tensor("", TensorProto.FLOAT, [1], [0.0]))
    refused(proto, "no name")
    proto = relu()
    values = helper.make_tensor("sparse", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("indices", TensorProto.INT64, [1], [0])
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    refused(proto, "'sparse'")


def test_functions_that_call_themselves_or_explode():
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    proto = model([node("F0", "x", "y", "call", "mine")], [port("x", [3])], [port("y", [3])])
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    proto.functions.append(helper.make_function("mine", "F0", ["a"], ["b"], [node("F0", "a", "b", "", "mine")], opset))
    refused(proto, "calls itself")
    del proto.functions[:]
    for i in range(20):
        body = [node(f"F{i + 1}", "a", "t", "", "mine"), node(f"F{i + 1}", "t", "b", "", "mine")]
        proto.functions.append(helper.make_function("mine", f"F{i}", ["a"], ["b"], body, opset))
    proto.functions.append(helper.make_function("mine", "F20", ["a"], ["b"], [node("Relu", "a", "b")], opset))
    refused(proto, "expand to 1048576 nodes")


# Shapes --------------------------------------------------------------------------------------------------------------


def test_dynamic_batch_is_one_unless_given():
    assert normalized_graph(relu(shape=("N", 3)))[0].types["y"].shape == (1, 3)
    assert normalized_graph(relu(shape=(None, 3)), batch=4)[0].types["y"].shape == (4, 3)
    assert normalized_graph(relu(shape=(2, 3)), batch=4)[0].types["y"].shape == (2, 3)


def test_dynamic_dimension_without_value():
    refused(relu(shape=(1, 3, "height", 4)), "'x'", "'height'", "shapes={")
    refused(relu(shape=(1, 3, None, 4)), "dimension 2", "without a name")
    assert normalized_graph(relu(shape=(1, "h", "h")), shapes={"h": 5})[0].types["y"].shape == (1, 5, 5)
    assert normalized_graph(relu(shape=(1, None)), shapes={"x": [1, 5]})[0].types["y"].shape == (1, 5)


def test_a_number_is_a_named_dimension_or_the_shape_of_an_input_of_one_dimension():
    assert normalized_graph(relu(shape=("h",)), shapes={"x": 5})[0].types["y"].shape == (5,)
    assert normalized_graph(relu(shape=(1, "x")), shapes={"x": 5})[0].types["y"].shape == (1, 5)
    refused(relu(shape=(1, "h")), "not the number 5", shapes={"x": 5})
    assert "--shape" not in refused(relu(shape=(1, "h\ntinyseg: error")), "dynamic")


def test_outputs_that_depend_on_no_input_are_constants():
    proto = model(
        [node("Relu", "x", "y"), node("Identity", "c", "anchors"), node("Shape", "y", "extent")],
        [port("x", [1, 3])],
        [port("y", [1, 3]), port("anchors", [2]), port("extent", [2], "int64")],
        {"c": np.array([1, 2], np.float32)},
    )
    graph, _ = normalized_graph(proto)
    assert [graph.constants[name].tolist() for name in ("anchors", "extent")] == [[1, 2], [1, 3]]


def test_given_shapes_must_fit():
    refused(relu(), "[9, 9]", shapes={"x": [9, 9]})
    refused(relu(), "is 3 in the model", shapes={"x": [1, 2, 4, 4]})
    refused(relu(), "neither inputs", shapes={"nothing": [1]})
    refused(relu(shape=("N", 3)), "positive", shapes={"x": [0, 3]})
    refused(relu(shape=("N", 3)), "positive", batch=-1)


def test_negative_zero_and_unknown_shapes():
    refused(relu(shape=(1, -7)), "negative")
    refused(relu(shape=(1, 0, 4)), "no elements")
    refused(relu(shape=None), "has no shape")


def test_huge_input_is_refused_before_allocation():
    refused(relu(shape=(1, 1 << 40)), "more than the limit")
    refused(relu(shape=(1 << 62, 1 << 62)), "more than the limit")


def test_huge_constant_claims():
    proto = relu()
    proto.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 11]))
    refused(proto, "'w'", "more than the limit")
    proto.graph.initializer[0].dims[:] = [1000]
    refused(proto, "'w'", "holds 0")
    proto.graph.initializer[0].dims[:] = [-3]
    refused(proto, "'w'", "negative")


@pytest.mark.parametrize("op_type", ["Tile", "Expand", "ConstantOfShape", "Pad", "Range"])
def test_folding_does_not_allocate_what_a_node_claims(op_type):
    huge = np.array([1 << 18, 1 << 18], np.int64)
    constants = {
        "c": np.zeros((1, 1), np.float32),
        "n": huge,
        "pads": np.array([0, 0, 1 << 30, 1 << 30], np.int64),
        "zero": np.int64(0),
    }
    constants |= {"end": np.int64(1 << 60), "one": np.int64(1)}
    inputs = {"ConstantOfShape": "n", "Pad": "c pads", "Range": "zero end one"}.get(op_type, "c n")
    nodes = [
        node(op_type, inputs, "big", "bomb"),
        node("Shape", "big", "s"),
        node("Cast", "s", "f", to=1),
        node("Add", "x f", "y"),
    ]
    refused(model(nodes, [port("x", [2])], [port("y", None)], constants), "bomb")


def test_large_constant_is_not_computed():
    constants = {"c": np.zeros((1,), np.float32), "n": np.array([1 << 25], np.int64)}
    nodes = [node("Tile", "c n", "big", "bomb"), node("ReduceSum", "big", "s"), node("Add", "x s", "y")]
    refused(model(nodes, [port("x", [1])], [port("y", None)], constants), "bomb", "constant result needs")


def test_shapes_that_contradict():
    nodes = [node("Add", "x c", "y", "sum")]
    refused(model(nodes, [port("x", [1, 3])], [port("y", None)], {"c": np.zeros((1, 4), np.float32)}), "sum", "Add")


def test_empty_intermediate_tensor():
    nodes = [node("Slice", "x a a", "s", "cut"), node("Relu", "s", "y")]
    refused(model(nodes, [port("x", [4])], [port("y", None)], {"a": np.array([2], np.int64)}), "cut", "no elements")


def test_kernel_larger_than_input():
    nodes = [node("MaxPool", "x", "y", "pool", kernel_shape=[9, 9])]
    refused(model(nodes, [port("x", [1, 1, 4, 4])], [port("y", None)]), "pool")


# Quantisation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [np.nan, np.inf, -np.inf, 0.0, -0.0, -0.1, 1e-42, 1e38])
@pytest.mark.parametrize("place", ["activation", "weight"])
def test_unusable_scale(scale, place):
    proto = small_network()
    tensor = next(t for t in proto.graph.initializer if t.name == ("s_in" if place == "activation" else "s_w"))
    values = np.frombuffer(tensor.raw_data, np.float32).copy()
    values[-1] = scale
    tensor.raw_data = values.tobytes()
    refused(proto, "scale", "Remedy")


def test_wrong_number_of_scales_and_types():
    constants = {
        "s": np.array([0.1, 0.2], np.float32),
        "z": np.array([0, 0], np.int8),
        "z8": np.uint8(0),
        "s64": np.float64(0.1),
        "z1": np.int8(0),
    }

    def dequantize(inputs: str, **attributes) -> onnx.ModelProto:
        nodes = [node("DequantizeLinear", inputs, "y", "dq", **attributes)]
        return model(nodes, [port("q", [1, 3], "int8")], [port("y", None)], constants)

    refused(dequantize("q s z"), "dq", "do not fit axis")
    refused(dequantize("q s z1", axis=7), "dq")
    refused(dequantize("q s64 z1"), "dq")
    refused(dequantize("q s z8"), "dq")


def test_wrong_input_type():
    proto = relu()
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    refused(proto, "string")
    proto.graph.input[0].type.tensor_type.elem_type = 99
    refused(proto, "element type 99")
    nodes = [node("Conv", "x w", "y", "conv")]
    constants = {"w": np.zeros((1, 1, 3, 3), np.int8)}
    refused(model(nodes, [port("x", [1, 1, 4, 4])], [port("y", None)], constants), "conv")


def test_what_is_equally_wrong_with_several_nodes_is_said_once():
    nodes = [node("NonZero", "x", f"y{i}", f"found{i}") for i in range(28)]
    message = refused(model(nodes, [port("x", [2])], [port("y0", None)]), "Remedy")
    assert "28 unsupported node(s)" in message
    assert "found0 (NonZero), found1 (NonZero), found2 (NonZero) and 25 more: its result's shape depends" in message
    assert message.count("Remedy") == 1


# Names ---------------------------------------------------------------------------------------------------------------

EVIL = [
    'a"b',
    "a\nb",
    "*/ int x; /*",
    "../../etc/passwd",
    "",
    " ",
    "\u202e",
    "конв",
    "%s%n",
    "1st",
    "a;b",
    "x" * 5000,
    "Conv",
    "conv",
]


def test_hostile_node_names_become_unique_printable_names():
    tensors = ["x", *(f"t{i}" for i in range(len(EVIL)))]
    nodes = [node("Relu" if i % 2 else "Neg", f"{tensors[i]}", tensors[i + 1], name) for i, name in enumerate(EVIL)]
    module, _ = from_onnx(model(nodes, [port("x", [2])], [port(tensors[-1], [2])]))
    names = [binding.var.name for block in module["main"].body.blocks for binding in block.bindings]
    assert len({name.lower() for name in names}) == len(names)
    assert all(name.isascii() and name.replace("_", "a").isalnum() and len(name) < 120 for name in names)
    assert {"a_b", "int_x", "etc_passwd", "a", "_1st"} <= set(names)


def test_duplicate_node_names_and_hostile_tensor_names():
    nodes = [
        helper.make_node("Relu", ['in "put"\n'], ["*/"], name="same"),
        helper.make_node("Neg", ["*/"], ["../out"], name="same"),
    ]
    proto = model(nodes, [port('in "put"\n', [2])], [port("../out", [2])])
    module, _ = from_onnx(proto)
    ports = module["main"].attrs["tinyseg.model_ports"]
    assert ports["inputs"][0]["name"] == 'in "put"\n'
    assert ports["outputs"][0]["name"] == "../out"
    assert module["main"].params[0].name == "in_put"
    assert [b.var.name for b in module["main"].body.blocks[0].bindings][:2] == ["same", "same_1"]


@given(st.lists(st.text(), max_size=20))
def test_supplied_names_differ_and_are_identifiers(names):
    supply = NameSupply()
    results = [supply.unique(name, "node") for name in names]
    assert len({name.lower() for name in results}) == len(results)
    assert all(name.isidentifier() and name.isascii() for name in results)


# External data -------------------------------------------------------------------------------------------------------


def external(location: str, offset: str = "0", length: str | None = None) -> onnx.ModelProto:
    proto = model([node("Add", "x c", "y", "add")], [port("x", [4])], [port("y", None)], {"c": np.zeros(4, np.float32)})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": offset, **({} if length is None else {"length": length})}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return proto


def save(folder: Path, proto: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_external_data_beside_the_model(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(b"\0" * 4 + np.arange(4, dtype=np.float32).tobytes())
    graph, digest = normalized_graph(save(tmp_path, external("data/w.bin", "4", "16")))
    assert [value.tolist() for value in graph.constants.values()] == [[0, 1, 2, 3]]
    (tmp_path / "data" / "w.bin").write_bytes(b"\1" * 20)
    assert normalized_graph(tmp_path / "model.onnx")[1] != digest


def test_external_data_outside_the_folder(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(16))
    for location in ["../w.bin", str(tmp_path / "w.bin"), "a/../../w.bin", "", "w\0.bin"]:
        refused(save(inner, external(location)), "outside the model's folder")
    (inner / "link.bin").symlink_to(tmp_path / "w.bin")
    refused(save(inner, external("link.bin")), "outside the model's folder")
    (inner / "up").symlink_to(tmp_path)
    refused(save(inner, external("up/w.bin")), "outside the model's folder")


def test_external_data_that_is_not_there(tmp_path):
    refused(save(tmp_path, external("w.bin")), "cannot be read")
    (tmp_path / "w.bin").write_bytes(bytes(10))
    refused(save(tmp_path, external("w.bin")), "10 bytes")
    (tmp_path / "w.bin").write_bytes(bytes(16))
    refused(save(tmp_path, external("w.bin", "1")), "offset 1")
    refused(save(tmp_path, external("w.bin", "-1")), "'-1'")
    refused(save(tmp_path, external("w.bin", "0", str(1 << 40))), "claims")
    refused(external("w.bin"), "give the model's path")
    os.mkfifo(tmp_path / "pipe")
    refused(save(tmp_path, external("pipe")), "pipe")


# Unsupported nodes ---------------------------------------------------------------------------------------------------


def test_all_unsupported_nodes_are_listed_with_reason_and_remedy():
    nodes = [
        node("Bernoulli", "x", "b", "dice"),
        node("NonZero", "x", "n", "where"),
        node("Mystery", "x", "m", "strange"),
        node("FusedThing", "x", "f", "fused", "com.microsoft"),
        node("Relu", "x", "y", "fine"),
    ]
    proto = model(nodes, [port("x", [1, 1, 2])], [port("y", None)], microsoft=True)
    message = refused(proto, "4 unsupported", "dice (Bernoulli)", "where (NonZero)", "strange (Mystery)")
    assert "fused (com.microsoft.FusedThing)" in message
    assert message.count("Remedy:") == 4
    assert "fine" not in message


def test_several_nodes_are_refused_together():
    nodes = [
        node("ConvTranspose", "x w", "p", "up", output_padding=[1, 1]),
        node("ConvTranspose", "p w", "r", "again", output_padding=[1, 1]),
        node("Relu", "r", "y"),
    ]
    constants = {"w": np.ones((1, 1, 2, 2), np.float32)}
    proto = model(nodes, [port("x", [1, 1, 4, 4])], [port("y", None)], constants)
    refused(proto, "2 unsupported", "up (ConvTranspose)", "again (ConvTranspose)")


def test_error_of_tvm_names_the_node():
    nodes = [node("Einsum", "x x", "y", "sum", equation="ij,jk->ik,ik")]
    refused_by_import(model(nodes, [port("x", [2, 2])], [port("y", [2, 2])]))


def refused_by_import(proto: onnx.ModelProto) -> None:
    with pytest.raises(TinySegError, match="sum"):
        from_onnx(proto)


# Fuzzing -------------------------------------------------------------------------------------------------------------

VALID = small_network().SerializeToString()


def import_bytes(folder: Path, data: bytes) -> None:
    path = folder / "fuzz.onnx"
    path.write_bytes(data)
    with contextlib.suppress(TinySegError):
        from_onnx(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    length=st.one_of(st.none(), st.integers(0, len(VALID))),
)
def test_damaged_file_ends_in_one_error_or_imports(tmp_path, flips, length):
    data = bytearray(VALID)
    for position, value in flips:
        data[position] = value
    import_bytes(tmp_path, bytes(data[:length]))


@pytest.mark.slow
@settings(max_examples=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_damaged_file_ends_in_one_error_or_imports_in_a_long_sweep(tmp_path, flips):
    data = bytearray(VALID)
    for position, value in flips:
        data[position] = value
    import_bytes(tmp_path, bytes(data))
