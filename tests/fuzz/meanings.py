"""Changes what a model says, in a file that is sound: shapes, types, scales, edges, options and values that hurt.

Most of such mutants pass the reader, and reach what lies behind it.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.frontend.tflite import schema

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 64, 255)
NUMBERS = (0, 1, -1, 2, 3, -2, 4, 5, 8, 16, 127, -128, 128, 255, 32767, -(1 << 31), (1 << 31) - 1)
REALS = (0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 3.4e38, float("inf"), float("nan"), -0.0, 100.0)
TFLITE_TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool", "float16")
SCALES = (1e-30, 1e-6, 0.003, 0.1, 1.0, 7.5, 1e20, 1e30)
ONNX_TYPES = ("FLOAT", "INT8", "UINT8", "INT16", "UINT16", "INT32", "INT64", "BOOL", "FLOAT16", "DOUBLE")


def pick(rng: np.random.Generator, choices: Any) -> Any:
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def neighbour(number: int, rng: np.random.Generator) -> int:
    """Another number, mostly a near one."""
    return number + int(pick(rng, (-2, -1, 1, 2))) if rng.random() < 0.6 else int(pick(rng, NUMBERS))


def changed_values(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of the same shape and type in which some values are others."""
    values = array.copy().reshape(-1)
    for index in rng.integers(0, max(1, values.size), rng.integers(1, 4)) if values.size else ():
        if values.dtype.kind == "f":
            values[index] = pick(rng, REALS)
        elif values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            values[index] = np.clip(neighbour(int(values[index]), rng), limits.min, limits.max)
        else:
            values[index] = not values[index]
    changed: np.ndarray = values.reshape(array.shape)
    return changed


def changed_shape(shape: list[int], rng: np.random.Generator) -> list[int]:
    """One extent is another, two are exchanged, or there is one more or less."""
    way = int(rng.integers(6))
    if not shape or way == 0:
        return [1, *shape]
    at, other = int(rng.integers(len(shape))), int(rng.integers(len(shape)))
    changed = list(shape)
    if way == 1:
        del changed[at]
    elif way == 2:
        changed[at], changed[other] = changed[other], changed[at]
    else:
        changed[at] = max(1, shape[at] + int(pick(rng, (-1, 1)))) if rng.random() < 0.5 else int(pick(rng, EXTENTS))
    return changed


def filled(array: np.ndarray, shape: list[int]) -> np.ndarray:
    """The array's values, repeated or cut, in another shape."""
    resized: np.ndarray = np.resize(array, shape)
    return resized


class ChangedTflite:
    """A TensorFlow Lite model of which some facts are others."""

    def __init__(self, made: TfliteFile, inputs: list[int], outputs: list[int]) -> None:
        """Keeps copies."""
        self.made, self.inputs, self.outputs = copy.deepcopy(made), list(inputs), list(outputs)

    def unchanged(self) -> bytes:
        """The file as it is."""
        return self.made.to_bytes(self.inputs, self.outputs)

    def mutated(self, rng: np.random.Generator) -> bytes:
        """A file with one or two facts changed."""
        changed = ChangedTflite(self.made, self.inputs, self.outputs)
        for _ in range(rng.integers(1, 3)):
            pick(rng, (changed._tensor, changed._operator, changed._operator, changed._edge))(rng)
        return changed.made.to_bytes(changed.inputs, changed.outputs)

    def _tensor(self, rng: np.random.Generator) -> None:
        tensor = pick(rng, self.made.tensors)
        data, way = tensor["data"], int(rng.integers(5))
        if way == 0:
            tensor["shape"] = changed_shape(list(tensor["shape"]), rng)
            tensor["data"] = None if data is None else filled(np.asarray(data), tensor["shape"])
        elif way == 1:
            tensor["dtype"] = pick(rng, TFLITE_TYPES)
            if data is not None:
                tensor["data"] = np.asarray(data).astype(tensor["dtype"])
        elif way == 2:
            count = len(tensor["scales"])
            tensor["scales"] = [pick(rng, SCALES)] * (count if rng.random() < 0.7 else 1 - min(count, 1))
        elif way == 3:
            tensor["zero_point"] = int(pick(rng, (-129, -128, -1, 0, 1, 3, 127, 128, 255)))
        elif data is not None:
            tensor["data"] = changed_values(np.asarray(data), rng)

    def _operator(self, rng: np.random.Generator) -> None:
        at = int(rng.integers(len(self.made.operators)))
        kind, inputs, outputs, options = self.made.operators[at]
        known = schema.OPTIONS.get(kind)
        if not options or known is None or rng.random() < 0.2:
            simple = [name for name in schema.OPERATORS.values() if name not in schema.OPTIONS and name != "CUSTOM"]
            self.made.operators[at] = (str(pick(rng, simple)), inputs, outputs, {})
            return
        name = pick(rng, sorted(options))
        field = known.fields[name]
        value: Any = options[name]
        if field.names:
            options[name] = pick(rng, field.names)
        elif field.code == "f":
            options[name] = pick(rng, REALS)
        elif field.code.endswith("*"):
            options[name] = changed_shape(list(value), rng)
        else:
            options[name] = int(np.clip(neighbour(int(value), rng), -128, 127))

    def _edge(self, rng: np.random.Generator) -> None:
        _, inputs, outputs, _ = pick(rng, self.made.operators)
        ends = pick(rng, (inputs, inputs, inputs, outputs, self.inputs, self.outputs))
        if ends is inputs and rng.random() < 0.2:
            ends[int(rng.integers(len(ends)))] = -1
        elif ends is inputs and rng.random() < 0.2:
            del ends[int(rng.integers(len(ends)))]
        if ends:
            ends[int(rng.integers(len(ends)))] = int(rng.integers(len(self.made.tensors)))


def changed_onnx(data: bytes, rng: np.random.Generator) -> bytes:
    """An ONNX file with one or two facts changed: attributes, constants, operators, edges, ports, the operator set."""
    model = onnx.ModelProto.FromString(data)
    changes = (_attribute, _attribute, _constant, _constant, _operator, _edge, _port, _opset)
    for _ in range(rng.integers(1, 3)):
        pick(rng, changes)(model, rng)
    return bytes(model.SerializeToString())


def _attribute(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    attribute = pick(rng, pick(rng, nodes).attribute)
    if attribute.type == onnx.AttributeProto.INT:
        attribute.i = neighbour(attribute.i, rng)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = pick(rng, REALS)
    elif attribute.type == onnx.AttributeProto.INTS:
        if attribute.ints and rng.random() < 0.8:
            at = int(rng.integers(len(attribute.ints)))
            attribute.ints[at] = neighbour(attribute.ints[at], rng)
        else:
            attribute.ints.append(int(pick(rng, NUMBERS)))
    elif attribute.type == onnx.AttributeProto.STRING:
        attribute.s = pick(rng, (b"", b"linear", b"nearest", b"cubic", b"SAME_UPPER", b"reflect", b"none", b"add"))


def _constant(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    if not model.graph.initializer:
        return
    tensor = pick(rng, model.graph.initializer)
    array = numpy_helper.to_array(tensor)
    way = int(rng.integers(3))
    if way == 0:
        array = filled(array, changed_shape(list(array.shape), rng))
    elif way == 1:
        array = array.astype(helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(pick(rng, ONNX_TYPES))))
    else:
        array = changed_values(array, rng)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _operator(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    node = pick(rng, model.graph.node)
    schemas = [s for s in onnx.defs.get_all_schemas() if s.domain == "" and not s.deprecated]
    fitting = [s.name for s in schemas if s.min_input <= len(node.input) <= s.max_input]
    node.op_type = pick(rng, fitting)
    if rng.random() < 0.5:
        del node.attribute[:]


def _edge(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    known = [*(port.name for port in model.graph.input), *(tensor.name for tensor in model.graph.initializer)]
    at = int(rng.integers(len(model.graph.node)))
    known += [name for node in model.graph.node[:at] for name in node.output]
    node = model.graph.node[at]
    if node.input and known:
        node.input[int(rng.integers(len(node.input)))] = pick(rng, known)


def _port(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    port = pick(rng, [*model.graph.input, *model.graph.output])
    tensor = port.type.tensor_type
    if rng.random() < 0.4 and port in model.graph.input:
        tensor.elem_type = onnx.TensorProto.DataType.Value(pick(rng, ONNX_TYPES))
        return
    shape = changed_shape([dim.dim_value for dim in tensor.shape.dim], rng)
    del tensor.shape.dim[:]
    for extent in shape:
        tensor.shape.dim.add().dim_value = extent


def _opset(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    model.opset_import[0].version = int(pick(rng, (7, 9, 11, 13, 15, 18, 21, 23)))
