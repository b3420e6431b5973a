"""Turns an onnx.ModelProto into a Graph, checking its structure on the way.

Checked: operator set, every tensor has exactly one producer, every input exists, no cycle, all shapes static and of a
size a microcontroller could address. Floats of 16 bits become float32: constants, inputs, and what a Cast makes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.graph import Body, Graph, Node, ValueType, node_error
from tinyseg_tvm.frontend.loading import MAX_RANK, MAX_TENSOR_BYTES, dtype_name, four_bit_type, tensor_array
from tinyseg_tvm.frontend.names import NameSupply

OLDEST_OPSET = 7
ShapeRequest = Mapping[str, Sequence[int] | int]

_INPUT_TYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.UINT8: "uint8",
    TensorProto.INT8: "int8",
    TensorProto.UINT16: "uint16",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.FLOAT16: "float32",
    TensorProto.BFLOAT16: "float32",
}
# Floats of 16 bits are widened as they are read: there is no arithmetic in them.
_HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
# Attributes that name an element type.
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype")


def read_graph(model: onnx.ModelProto, folder: Path | None, shapes: ShapeRequest, batch: int) -> Graph:
    """The model's graph with static input shapes.

    Args:
        model: the decoded file.
        folder: where its external data may lie.
        shapes: per input name its shape, or per named dimension its value; a number for an input's name is the shape
            of an input of one dimension.
        batch: value of an unnamed or unlisted first dimension.

    Raises:
        TinySegError: the model is broken, or a dimension is dynamic and has no value.
    """
    proto = model.graph
    graph = Graph(proto.name, _opset(model), [], _constants(proto, folder), [], [], {})
    graph.types = {name: ValueType(value.dtype.name, value.shape) for name, value in graph.constants.items()}
    _read_inputs(graph, proto, shapes, batch)
    graph.four_bit = _four_bit_constants(proto)
    graph.outputs = [value.name for value in proto.output]
    for value in (*proto.value_info, *proto.output):
        graph.declared[value.name] = _declared_shape(value)
    ports = (*proto.input, *proto.output)
    kinds = {value.name: value.type.tensor_type.elem_type for value in ports}
    graph.half = {name: dtype_name(kind) for name, kind in kinds.items() if kind in _HALF}
    supply = NameSupply()
    graph.nodes = _named_nodes(proto, folder, supply)
    if not graph.nodes:
        raise TinySegError("the model has no nodes. Remedy: the file may be damaged; export it again")
    check_producers(graph)
    graph.sort()
    return graph


def _opset(model: onnx.ModelProto) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version = versions.get("", versions.get("ai.onnx"))
    newest = onnx.defs.onnx_opset_version()
    if version is None and not any(node.domain in ("", "ai.onnx") for node in model.graph.node):
        return int(newest)  # nothing in the model is of that set
    if version is None:
        raise TinySegError("the model names no version of ONNX's operator set. Remedy: export the model again")
    if 0 < version < OLDEST_OPSET and _unchanged_since(model.graph, version):
        return OLDEST_OPSET
    if not OLDEST_OPSET <= version <= newest:
        raise TinySegError(
            f"the model uses ONNX opset {version}; supported are {OLDEST_OPSET} to {newest}. "
            "Remedy: export the model with an opset in this range, or install a newer onnx package"
        )
    return int(version)


def _unchanged_since(proto: onnx.GraphProto, version: int) -> bool:
    """Whether all operators are in the oldest supported set what they were in an older one."""

    def since(name: str, opset: int) -> int:
        return int(onnx.defs.get_schema(name, opset).since_version) if onnx.defs.has(name, opset) else 0

    names = {node.op_type for node in proto.node if node.domain in ("", "ai.onnx")}
    return all(0 < since(name, version) == since(name, OLDEST_OPSET) for name in names)


def _constants(proto: onnx.GraphProto, folder: Path | None) -> dict[str, np.ndarray]:
    if proto.sparse_initializer:
        name = proto.sparse_initializer[0].values.name
        raise TinySegError(f"initialiser {name!r} is sparse, which is not supported. Remedy: store it dense")
    constants: dict[str, np.ndarray] = {}
    for tensor in proto.initializer:
        if not tensor.name:
            raise TinySegError("an initialiser has no name. Remedy: export the model again")
        if tensor.name in constants:
            raise TinySegError(f"two initialisers are named {tensor.name!r}. Remedy: export the model again")
        constants[tensor.name] = tensor_array(tensor, folder, f"initialiser {tensor.name!r}")
    return constants


def _four_bit_constants(proto: onnx.GraphProto) -> dict[str, str]:
    stored = [(tensor.name, tensor) for tensor in proto.initializer]
    stored += [
        (node.output[0], attribute.t)
        for node in proto.node
        for attribute in node.attribute
        if node.op_type == "Constant" and node.output and attribute.type == AttributeProto.TENSOR
    ]
    return {name: dtype for name, tensor in stored if (dtype := four_bit_type(tensor)) is not None}


def _declared_shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims)


def _read_inputs(graph: Graph, proto: onnx.GraphProto, shapes: ShapeRequest, batch: int) -> None:
    symbols = {dim.dim_param for value in proto.input for dim in value.type.tensor_type.shape.dim if dim.dim_param}
    for value in proto.input:
        if value.name in graph.constants:
            continue  # IR versions before 4 list initialisers among the inputs
        if not value.name or value.name in graph.inputs:
            raise TinySegError(f"graph input {value.name!r} is unnamed or listed twice. Remedy: export the model again")
        graph.inputs.append(value.name)
        graph.types[value.name] = _input_type(value, shapes, batch, symbols)
    if unknown := sorted(set(shapes) - set(graph.inputs) - symbols):
        raise TinySegError(
            f"shapes were given for {unknown}, which are neither inputs {graph.inputs} nor named dimensions "
            f"{sorted(symbols)} of the model"
        )


def _input_type(value: onnx.ValueInfoProto, shapes: ShapeRequest, batch: int, symbols: Collection[str]) -> ValueType:
    where = f"graph input {value.name!r}"
    if value.type.WhichOneof("value") != "tensor_type":
        raise TinySegError(f"{where} is not a dense tensor. Remedy: give the network tensors as inputs")
    tensor = value.type.tensor_type
    if tensor.elem_type not in _INPUT_TYPES:
        raise TinySegError(
            f"{where} has element type {dtype_name(tensor.elem_type)}, which is not supported. "
            f"Remedy: use one of {sorted({*_INPUT_TYPES.values(), *map(dtype_name, _HALF)})}"
        )
    requested = shapes.get(value.name)
    if isinstance(requested, int):
        if len(tensor.shape.dim) == 1:
            requested = [requested]
        elif value.name in symbols:
            requested = None
        else:
            raise TinySegError(f"{where} needs a shape (a list of integers), not the number {requested}")
    if not tensor.HasField("shape") and requested is None:
        raise TinySegError(
            f"{where} has no shape. Remedy: give it, for example shapes={{{value.name!r}: [1, 3, 96, 96]}}"
        )
    dims = [_dimension(dim) for dim in tensor.shape.dim] if tensor.HasField("shape") else [None] * len(requested or ())
    if requested is not None and len(requested) != len(dims):
        raise TinySegError(f"{where} has {len(dims)} dimensions, but the shape {list(requested)} was given")
    shape = tuple(_resolve(value.name, axis, dim, requested, shapes, batch) for axis, dim in enumerate(dims))
    check_size(ValueType(_INPUT_TYPES[tensor.elem_type], shape), where)
    return ValueType(_INPUT_TYPES[tensor.elem_type], shape)


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return dim.dim_param or None


def _resolve(
    name: str, axis: int, dim: int | str | None, requested: Sequence[int] | None, shapes: ShapeRequest, batch: int
) -> int:
    where = f"graph input {name!r}, dimension {axis}"
    if isinstance(dim, int) and dim < 0 and dim != -1:
        raise TinySegError(f"{where} is negative ({dim}). Remedy: export the model again")
    if dim == 0:
        raise TinySegError(f"{where} is 0: the tensor has no elements. Remedy: export the model with a positive size")
    static = dim if isinstance(dim, int) and dim > 0 else None
    given: Any = requested[axis] if requested is not None else shapes.get(dim) if isinstance(dim, str) else None
    if given is None and static is None and axis == 0:
        given = batch
    if given is None and static is None:
        label, example = "without a name", ""
        if isinstance(dim, str):
            label, example = f"{dim!r}", f" or shapes={{{dim!r}: 96}}"
            example += f" (--shape {dim}=96)" if dim.isidentifier() else ""
        raise TinySegError(
            f"{where} ({label}) is dynamic and has no value. Remedy: give it, for example shapes={{{name!r}: "
            f"[...]}}{example}"
        )
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise TinySegError(f"{where} was given the value {given!r}; a dimension is a positive integer")
    if static is not None and given not in (None, static):
        raise TinySegError(f"{where} is {static} in the model, but {given} was given")
    if static is not None:
        return static
    assert given is not None
    return int(given)


def check_size(value: ValueType, where: str) -> None:
    """Raise TinySegError for a tensor with a dimension below 0, which aborts ONNX's inference behind, with more than
    MAX_RANK dimensions, or above MAX_TENSOR_BYTES.
    """
    if len(value.shape) > MAX_RANK:
        raise TinySegError(
            f"{where} has {len(value.shape)} dimensions, more than the limit of {MAX_RANK}. Remedy: reshape the tensor"
        )
    if any(extent < 0 for extent in value.shape):
        raise TinySegError(f"{where} would have the negative shape {list(value.shape)}. Remedy: correct the model")
    size = math.prod(value.shape) * np.dtype(value.dtype).itemsize
    if size > MAX_TENSOR_BYTES:
        raise TinySegError(
            f"{where} of shape {list(value.shape)} {value.dtype} needs {size} bytes, more than the limit of "
            f"{MAX_TENSOR_BYTES}. Remedy: use a smaller input"
        )


def _named_nodes(proto: onnx.GraphProto, folder: Path | None, supply: NameSupply) -> list[Node]:
    return [
        read_node(node, supply.unique(node.name, f"{node.op_type or 'node'}_{index}"), folder)
        for index, node in enumerate(proto.node)
    ]


def read_node(proto: onnx.NodeProto, name: str, folder: Path | None = None) -> Node:
    """A node under the name given; ``folder`` is where external data of its attributes may lie.

    Raises:
        TinySegError: it has no type, or an attribute that cannot be read.
    """
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    node = Node(name, proto.op_type, list(proto.input), list(proto.output), {}, domain)
    if not proto.op_type:
        raise TinySegError(f"node '{name}' has no operator type. Remedy: export the model again")
    for attribute in proto.attribute:
        node.attributes[attribute.name] = _attribute(attribute, node, folder)
    while node.inputs and not node.inputs[-1]:
        node.inputs.pop()
    return node


def _attribute(attribute: onnx.AttributeProto, node: Node, folder: Path | None) -> Any:
    where = f"node '{node.name}' ({node.qualified_type}), attribute {attribute.name!r}"
    if attribute.type == AttributeProto.TENSOR:
        return tensor_array(attribute.t, folder, where)
    if attribute.type == AttributeProto.GRAPH:
        return _body(attribute.g, folder)
    try:
        value = helper.get_attribute_value(attribute)
    except ValueError as error:
        raise TinySegError(f"{where}: {error}") from None
    if attribute.name in _TYPE_ATTRIBUTES and value in _HALF:
        return int(TensorProto.FLOAT)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if attribute.type == AttributeProto.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    return list(value) if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS) else value


def _body(proto: onnx.GraphProto, folder: Path | None) -> Body:
    supply, constants = NameSupply(), _constants(proto, folder)
    nodes = tuple(_named_nodes(proto, folder, supply))
    inputs = tuple(value.name for value in proto.input if value.name not in constants)
    return Body(inputs, tuple(value.name for value in proto.output), nodes, constants)


def check_producers(graph: Graph) -> None:
    """Raise TinySegError unless every tensor that is read has exactly one producer."""
    if not graph.outputs:
        raise TinySegError("the model has no outputs. Remedy: export the model again")
    known = {*graph.inputs, *graph.constants}
    for node in graph.nodes:
        for name in node.outputs:
            if name and name in known:
                raise node_error(node, f"tensor {name!r} already has a producer", "export the model again")
            known.add(name)
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in known:
                raise node_error(node, f"input tensor {name!r} does not exist", "an initialiser or node is missing")
    for name in graph.outputs:
        if not name or name not in known:
            raise TinySegError(f"graph output {name!r} has no producer. Remedy: export the model again")
