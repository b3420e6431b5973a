"""Breaks how an ONNX model hangs together: names, order, ports, graphs inside graphs, functions, what tensors claim."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tests.fuzz.meanings import pick

NAMES = (
    *("", " ", "a\nb", "a\x1b[2Jb", "*/ int x; /*", '"); system("true', "%n%s", "??/", "int", "main", "_", "9", "a.b"),
    *("a_b", "a/b", "../../x", "\u202eabc", "\U0001f600", "\u00e9", "e\u0301", "x" * 70_000, "\\", "#define a"),
)
EXTENTS = (0, -1, -5, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))
SCALES = (0.0, -0.0, -1.0, 1e-45, 1e-38, 3.4e38, float("inf"), float("-inf"), float("nan"))
OPSETS = (-1, 0, 1, 2, 5, 6, 7, 8, 9, 10, 12, 14, 16, 17, 19, 20, 22, 24, 26, 99, 1 << 40)
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "ai.onnx.preview.training", "nowhere")
MANY = 20_000
DEEP = 15  # graphs inside graphs; protocol buffers take 100 messages inside each other


def restructured_onnx(data: bytes, rng: np.random.Generator) -> bytes:
    """An ONNX file with one or two of ``ONNX_CHANGES``."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.integers(1, 3)):
        if model.graph.node:
            pick(rng, ONNX_CHANGES)(model, rng)
    return bytes(model.SerializeToString())


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    found = [*(p.name for p in graph.input), *(t.name for t in graph.initializer)]
    return found + [name for node in graph.node for name in node.output]


def _rename(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """One name or all are others; every reader follows."""
    known = sorted(set(_names(model)))
    chosen = known if rng.random() < 0.3 else [str(pick(rng, known))]
    new = {name: pick(rng, NAMES) + (str(number) if len(chosen) > 1 else "") for number, name in enumerate(chosen)}
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                names[at] = new.get(name, name)
        if rng.random() < 0.5:
            node.name = str(pick(rng, NAMES))
    for named in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        named.name = new.get(named.name, named.name)


def _edge_anywhere(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """A node reads what it makes itself or what a later one makes, or makes what another one does."""
    node = pick(rng, model.graph.node)
    names = node.input if rng.random() < 0.6 and node.input else node.output
    if names:
        names[int(rng.integers(len(names)))] = pick(rng, _names(model))


def _order(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    nodes = [copy.deepcopy(node) for node in model.graph.node]
    order = rng.permutation(len(nodes))
    del model.graph.node[:]
    model.graph.node.extend(nodes[at] for at in order)


def _remove(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    graph = model.graph
    parts = [part for part in (graph.node, graph.initializer, graph.input, graph.output, model.opset_import) if part]
    part: Any = pick(rng, parts)
    del part[int(rng.integers(len(part)))]


def _double(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    graph = model.graph
    parts = [part for part in (graph.node, graph.initializer, graph.input, graph.output, model.opset_import) if part]
    part: Any = pick(rng, parts)
    part.add().CopyFrom(pick(rng, part))


def _exchange_ports(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """A port is another tensor: an input as output, a constant as input, an inner tensor as both."""
    ports: Any = pick(rng, (model.graph.input, model.graph.output))
    if ports:
        pick(rng, ports).name = pick(rng, _names(model))


def _port_type(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    ports = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    if not ports:
        return
    port = pick(rng, ports)
    way = int(rng.integers(6))
    if way == 0:
        port.ClearField("type")
    elif way == 1:
        port.type.tensor_type.ClearField("shape")
    elif way == 2:
        element = copy.deepcopy(port.type)
        kind = pick(rng, (port.type.sequence_type, port.type.optional_type))
        kind.elem_type.CopyFrom(element)
    elif way == 3:
        port.type.tensor_type.elem_type = int(pick(rng, (0, 1, 2, 8, 14, 16, 17, 20, 22, 23, 99)))
    elif way == 4:
        del port.type.tensor_type.shape.dim[:]
        for _ in range(int(pick(rng, (0, 1, 12, 300)))):
            port.type.tensor_type.shape.dim.add().dim_value = 1
    elif dims := port.type.tensor_type.shape.dim:
        dim = pick(rng, dims)
        if rng.random() < 0.3:
            dim.dim_param = str(pick(rng, NAMES))
        else:
            dim.dim_value = int(pick(rng, EXTENTS))


def _claims(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """A constant says what is not so: its extents, type, place or length."""
    if not model.graph.initializer:
        return
    tensor = pick(rng, model.graph.initializer)
    way = int(rng.integers(6))
    if way == 0 and tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = int(pick(rng, EXTENTS))
    elif way == 1:
        tensor.data_type = int(pick(rng, (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 16, 17, 20, 21, 22, 23, 24, 99)))
    elif way == 2:
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", pick(rng, ("../../etc/passwd", "/dev/zero", "weights.bin", "", "a\0b", "."))),
            ("offset", pick(rng, ("0", "-1", "x", "9" * 40))),
            ("length", pick(rng, ("4", "-4", "", "9" * 25))),
        ):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
    elif way == 3:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data) + 1))]
    elif way == 4:
        tensor.float_data.extend([1.0] * int(pick(rng, (1, 3, MANY))))
    else:
        tensor.dims.extend([int(pick(rng, (1, 0, -1)))] * int(pick(rng, (1, 40))))


def _attribute_kind(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """An attribute is missing, there twice, of another kind, endless, or a huge number."""
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    node = pick(rng, nodes)
    at = int(rng.integers(len(node.attribute)))
    name, way = node.attribute[at].name, int(rng.integers(8))
    if way == 0:
        del node.attribute[at]
        return
    if way == 1:
        node.attribute.add().CopyFrom(node.attribute[at])
        return
    if way == 2 and node.attribute[at].ints:
        ints = node.attribute[at].ints
        ints[int(rng.integers(len(ints)))] = int(pick(rng, EXTENTS))
        return
    if way == 3 and node.attribute[at].type == AttributeProto.INT:
        node.attribute[at].i = int(pick(rng, EXTENTS))
        return
    values: tuple[Any, ...] = (
        1,
        1.5,
        b"\xff\xfe",
        "x" * MANY,
        [0] * MANY,
        [1, 1],
        [0.5],
        [b"a", b"\0"],
        numpy_helper.from_array(np.zeros((0, 3), np.float32)),
        helper.make_graph([], "empty", [], []),
    )
    node.attribute[at].CopyFrom(helper.make_attribute(name, values[int(rng.integers(len(values)))]))
    if way == 4:
        node.attribute[at].type = int(rng.integers(0, 15))
    elif way == 5:
        node.attribute[at].ref_attr_name = str(pick(rng, NAMES))
    elif way == 6:
        node.attribute[at].name = str(pick(rng, NAMES))


def _versions(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    if rng.random() < 0.3:
        model.ir_version = int(pick(rng, (0, 1, 2, 3, 4, 9, 13, 99, 1 << 40, -1)))
    elif rng.random() < 0.5 and model.opset_import:
        pick(rng, model.opset_import).version = int(pick(rng, OPSETS))
    else:
        model.opset_import.append(helper.make_operatorsetid(str(pick(rng, DOMAINS)), int(pick(rng, OPSETS))))


def _kind(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    node = pick(rng, model.graph.node)
    if rng.random() < 0.5:
        node.domain = str(pick(rng, DOMAINS))
    else:
        node.op_type = str(pick(rng, (*NAMES, "If", "Loop", "Scan", "SequenceAt", "Optional", "NonMaxSuppression")))


def _wrapped(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """All nodes become a body: of an ``If``, a ``Loop`` that runs how often it says, or deep in each other."""
    graph = model.graph
    if not graph.output:
        return
    nodes, results = [copy.deepcopy(node) for node in graph.node], [copy.deepcopy(port) for port in graph.output]
    way = int(rng.integers(4))
    if way < 2:
        for level in range(1 if way == 0 else int(rng.integers(2, DEEP))):
            inner = [
                helper.make_tensor_value_info(f"{p.name}_{level}", p.type.tensor_type.elem_type, None) for p in results
            ]
            named = [helper.make_node("Identity", [p.name], [q.name]) for p, q in zip(results, inner, strict=True)]
            body = helper.make_graph([*nodes, *named], f"body{level}", [], inner)
            names = [p.name for p in results]
            other = body if level == 0 else helper.make_graph(named, "other", [], inner)
            nodes = [helper.make_node("If", ["yes"], names, then_branch=body, else_branch=other)]
        graph.initializer.append(numpy_helper.from_array(np.array(bool(rng.integers(4))), "yes"))
    else:
        count = int(pick(rng, (0, 1, 2, 1000, 1 << 31, (1 << 63) - 1, -1)))
        flag = [helper.make_node("Identity", ["going"], ["goes"])]
        inner = [helper.make_tensor_value_info(f"{p.name}_i", p.type.tensor_type.elem_type, None) for p in results]
        named = [helper.make_node("Identity", [p.name], [q.name]) for p, q in zip(results, inner, strict=True)]
        ports = [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        ]
        out = helper.make_tensor_value_info("goes", TensorProto.BOOL, [])
        body = helper.make_graph([*flag, *nodes, *named], "body", ports, [out, *inner])
        nodes = [helper.make_node("Loop", ["count", "yes"], [p.name for p in results], body=body)]
        graph.initializer.append(numpy_helper.from_array(np.array(count, np.int64), "count"))
        graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    del graph.node[:]
    graph.node.extend(nodes)


def _function(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """A node becomes a call of a function that holds the node, calls itself, or another one that calls it back."""
    at = int(rng.integers(len(model.graph.node)))
    node = copy.deepcopy(model.graph.node[at])
    inputs, outputs = [name for name in node.input if name], list(node.output)
    opsets = [helper.make_operatorsetid("", 17), helper.make_operatorsetid("mine", 1)]
    way = int(rng.integers(3))
    called = [
        node,
        helper.make_node("f", inputs, outputs, domain="mine"),
        helper.make_node("g", inputs, outputs, domain="mine"),
    ]
    model.functions.append(helper.make_function("mine", "f", inputs, outputs, [called[way]], opsets))
    if way == 2:
        model.functions.append(helper.make_function("mine", "g", inputs, outputs, [called[1]], opsets))
    if rng.random() < 0.9:
        model.opset_import.append(helper.make_operatorsetid("mine", 1))
    model.graph.node[at].CopyFrom(helper.make_node("f", inputs, outputs, domain="mine"))


def _scales(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """A scale or zero point of the wrong length, type or value."""
    quantised = [n for n in model.graph.node if "Linear" in n.op_type or n.op_type.startswith("QLinear")]
    if not quantised:
        return
    node = pick(rng, quantised)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    held = [constants[name] for name in node.input if name in constants]
    if not held:
        return
    tensor = pick(rng, held)
    try:
        array = numpy_helper.to_array(tensor)
    except (TypeError, ValueError):
        return
    way = int(rng.integers(4))
    if way == 0:
        array = np.resize(array, int(pick(rng, (0, 1, 2, 3, 5, 1000)))) if array.size else array
    elif way == 1:
        array = array.reshape([1] * int(rng.integers(1, 4)) + list(array.shape))
    elif way == 2 and array.dtype.kind == "f" and array.size:
        array = array.copy()
        array.reshape(-1)[int(rng.integers(array.size))] = pick(rng, SCALES)
    else:
        with np.errstate(all="ignore"):
            array = array.astype(pick(rng, (np.uint8, np.int8, np.int16, np.int32, np.float64, np.bool_, np.int64)))
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for attribute in node.attribute:
        if attribute.name in ("axis", "block_size") and rng.random() < 0.5:
            attribute.i = int(pick(rng, (-9, -1, 0, 1, 9, 1 << 40)))


def _constant_node(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """An initialiser becomes a node: of Constant in its forms, or of ConstantOfShape with an enormous shape."""
    if not model.graph.initializer:
        return
    at = int(rng.integers(len(model.graph.initializer)))
    tensor = copy.deepcopy(model.graph.initializer[at])
    del model.graph.initializer[at]
    values: tuple[dict[str, Any], ...] = (
        {"value": tensor},
        {"value_float": 1.0},
        {"value_ints": [1, 2]},
        {"value_string": "x"},
        {},
        {"value": tensor, "value_int": 3},
    )
    if rng.random() < 0.3:
        shape = numpy_helper.from_array(np.array([int(pick(rng, EXTENTS))], np.int64), "enormous")
        model.graph.initializer.append(shape)
        model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["enormous"], [tensor.name]))
    else:
        model.graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], **pick(rng, values)))


ONNX_CHANGES: tuple[Callable[[onnx.ModelProto, np.random.Generator], None], ...] = (
    _rename,
    _rename,
    _edge_anywhere,
    _edge_anywhere,
    _order,
    _remove,
    _double,
    _exchange_ports,
    _port_type,
    _port_type,
    _claims,
    _claims,
    _attribute_kind,
    _attribute_kind,
    _attribute_kind,
    _versions,
    _kind,
    _wrapped,
    _function,
    _scales,
    _scales,
    _constant_node,
)
