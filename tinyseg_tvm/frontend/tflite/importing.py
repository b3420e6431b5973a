"""From a ``Model`` to a Relax module of ``relax.tflite`` calls, whose meaning is TensorFlow Lite's own.

See this package's docstring for the form.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.loading import MAX_FILE_BYTES, read_regular_file
from tinyseg_tvm.frontend.names import NameSupply, printable_name
from tinyseg_tvm.frontend.tflite.detection import cut_at_detection
from tinyseg_tvm.frontend.tflite.folding import folded
from tinyseg_tvm.frontend.tflite.memories import MEMORY_KINDS, with_memories
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Quantization, Subgraph, Tensor
from tinyseg_tvm.frontend.tflite.reading import read_model
from tinyseg_tvm.frontend.tflite.schema import CUSTOM_KINDS, IDENTIFIERS, OPERATORS
from tinyseg_tvm.frontend.tflite.variables import (
    ASSIGN,
    HANDLE,
    OPERATORS_OF_VARIABLES,
    READ,
    Handles,
    Variable,
    check_alike,
    initial_values,
)

PREFIX = "relax.tflite."
_UINT8_SHIFT = 128
_VALUE_TYPES = ("float32", "int8", "int16", "int32", "int64", "bool")
"""Types of tensors as Relax has them; uint8 is shifted to int8."""


def from_tflite(
    model: bytes | str | os.PathLike[str], *, name: str | None = None
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a TensorFlow Lite model; the first subgraph is the network.

    Args:
        model: a path, or the bytes of a file.
        name: the network's name; the file's, without its extension, where omitted.

    Returns:
        The module and the parameters: always ``{}``, as constants stay in the module. Module and function attributes
        are those of ``from_onnx``.

    Raises:
        TinySegError: the file is broken, or holds what has no place in a network for microcontrollers.
    """
    data, source = (bytes(model), "the model") if isinstance(model, bytes) else _loaded(Path(model))
    read = read_model(data, source)
    stem = name or ("" if isinstance(model, bytes) else Path(model).stem) or read.subgraphs[0].name
    graph = cut_at_detection(read.subgraphs[0], source)
    expect_known(graph, source)
    graph = with_memories(graph, source)
    function = _Importer(graph, source, initial_values(read.subgraphs, source)).function()
    module = tvm.IRModule({"main": function}).with_attrs(
        {
            "tinyseg.model_hash": hashlib.sha256(data).hexdigest(),
            "tinyseg.model_name": printable_name(stem, "network"),
        }
    )
    return module, {}


def is_tflite(path: Path) -> bool:
    """Whether a file begins as TensorFlow Lite's do; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] in IDENTIFIERS
    except OSError:
        return False


def _loaded(path: Path) -> tuple[bytes, str]:
    return read_regular_file(path, "model file", MAX_FILE_BYTES), str(path)


_LISTED = 20  # refusals in one message


def expect_known(graph: Subgraph, source: str) -> None:
    """Raises TinySegError where nodes are of operators that the schema does not have: custom ones, and newer ones."""
    unknown = [call for call in graph.operators if PREFIX + call.kind.lower() not in _REGISTERED]
    if not unknown:
        return
    listed = "; ".join(f"{graph.label(call)} is not supported" for call in unknown[:_LISTED])
    more = f"; and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
    flex = any(call.kind.startswith("CUSTOM Flex") for call in unknown)
    remedy = "convert the model without SELECT_TF_OPS" if flex else "replace the operator"
    raise TinySegError(f"{source}: {listed}{more}. Remedy: {remedy}")


class _Importer:
    """Makes the function of a subgraph."""

    def __init__(self, graph: Subgraph, source: str, initial: Mapping[str, np.ndarray]) -> None:
        self.graph, self.source, self.initial = graph, source, initial
        self.handles = Handles(graph, source)
        self.variables: dict[str, Variable] = {}
        self.names = NameSupply()
        self.builder = relax.BlockBuilder()  # infers types
        self.bindings: list[Any] = []
        self.values: dict[int, Any] = {}
        self.constants: dict[int, np.ndarray] = {
            index: tensor.data for index, tensor in enumerate(graph.tensors) if tensor.data is not None
        }
        self.quantization: dict[str, list[float | int]] = {}

    def function(self) -> relax.Function:
        graph = self.graph
        if len(set(graph.inputs)) != len(graph.inputs) or not graph.outputs:
            raise TinySegError(f"{self.source}: the network names an input twice, or has no output")
        parameters = []
        for position, index in enumerate(graph.inputs):
            tensor = graph.tensors[index]
            dtype = self._stored_type(tensor, f"input {tensor.name!r}")
            parameter = relax.Var(
                self.names.unique(tensor.name, f"input_{position}"), relax.TensorType(tensor.shape, dtype)
            )
            parameters.append(parameter)
            self.constants.pop(index, None)
        for position, (index, parameter) in enumerate(zip(graph.inputs, parameters, strict=True)):
            self._enter(index, parameter, f"input_{position}")
        for call in graph.operators:
            if call.kind in OPERATORS_OF_VARIABLES:
                self._variable(call)
            else:
                self._call(call)
        results = [self._leave(index, f"output_{i}") for i, index in enumerate(graph.outputs)]
        states = [variable for variable in self.variables.values() if variable.parameter is not None]
        results += [self._bound(variable.value, variable.tensor) for variable in states]
        bundle = self.builder.normalize(results[0] if len(results) == 1 else relax.Tuple(results))
        last = relax.Var(self.names.distinct("gv"), bundle.ty)
        block = relax.DataflowBlock([*self.bindings, relax.VarBinding(last, bundle)])
        ports = {
            "inputs": [
                *self._ports(graph.inputs, [str(parameter.name) for parameter in parameters]),
                *(self._state_port(variable, self.initial.get(variable.name)) for variable in states),
            ],
            "outputs": [
                *self._ports(
                    graph.outputs,
                    [self.names.unique(graph.tensors[i].name, f"output_{k}") for k, i in enumerate(graph.outputs)],
                ),
                *(self._state_port(variable, None) for variable in states),
            ],
        }
        parameters += [variable.parameter for variable in states]
        made = relax.Function(parameters, relax.SeqExpr([block], last), bundle.ty)
        return made.with_attrs(
            {"tinyseg.model_ports": ports, "tinyseg.quantization": self.quantization, "tinyseg.layout": "NHWC"}
        )

    def _ports(self, indices: Sequence[int], parameters: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": self.graph.tensors[index].name,
                "parameter": text,
                "shape": list(self.graph.tensors[index].shape),
                "dtype": self.graph.tensors[index].dtype,
            }
            for index, text in zip(indices, parameters, strict=True)
        ]

    def _stored_type(self, tensor: Tensor, what: str) -> str:
        if 0 in tensor.shape:
            raise TinySegError(
                f"{self.source}: {what} of shape {list(tensor.shape)} has no elements. Remedy: remove what reads it"
            )
        if tensor.dtype == "uint8" or tensor.dtype in _VALUE_TYPES:
            return tensor.dtype
        raise TinySegError(
            f"{self.source}: {what} is of type {tensor.dtype}, which no microcontroller computes. Remedy: convert the "
            "model with full integer quantisation"
        )

    def _type(self, tensor: Tensor) -> str:
        """The type of a tensor's variable: uint8 is shifted to int8."""
        stored = self._stored_type(tensor, f"tensor {tensor.name!r}")
        return "int8" if stored == "uint8" else stored

    def _enter(self, index: int, parameter: Any, stem: str) -> None:
        """What stands for an input inside."""
        tensor = self.graph.tensors[index]
        if tensor.dtype != "uint8":
            self.values[index] = parameter
            self._record(str(parameter.name), tensor)
            return
        self.values[index] = self._shifted(parameter, tensor, stem, ("uint8", "int8"))
        self._record(str(self.values[index].name), tensor)

    def _leave(self, index: int, stem: str) -> Any:
        tensor = self.graph.tensors[index]
        value = self._bound(self._value(index, f"output {tensor.name!r}"), tensor)
        return self._shifted(value, tensor, stem, ("int8", "uint8")) if tensor.dtype == "uint8" else value

    def _bound(self, value: Any, tensor: Tensor) -> Any:
        """A variable of a value, which may be constant."""
        return value if isinstance(value, relax.Var) else self._bind(value, tensor)

    def _variable(self, call: OperatorCall) -> None:
        """An operator that is about a variable of the model; what is called once has been read already."""
        if call.kind == HANDLE:
            self.handles.name(call)
        elif call.kind == READ:
            name, tensor = self.handles.of(call, 1, 1), self.graph.tensors[call.outputs[0]]
            self.values[call.outputs[0]] = self._read(name, tensor)
        elif call.kind == ASSIGN:
            name, tensor = self.handles.of(call, 2, 0), self.graph.tensors[call.inputs[1]]
            variable = self._known(name, tensor)
            variable.value = self._value(call.inputs[1], f"an operand of {self.graph.label(call)}")

    def _known(self, name: str, tensor: Tensor) -> Variable:
        variable = self.variables.setdefault(name, Variable(name, tensor))
        check_alike(variable, tensor, self.handles)
        given = self.initial.get(name)
        if given is not None and (given.shape, given.dtype.name) != (tensor.shape, tensor.dtype):
            raise self.handles.fail(
                f"variable {name!r} is {tensor.dtype} of shape {list(tensor.shape)}, and {given.dtype.name} of shape "
                f"{list(given.shape)} at first"
            )
        return variable

    def _read(self, name: str, tensor: Tensor) -> Any:
        variable = self._known(name, tensor)
        if variable.value is not None:
            return variable.value
        if variable.parameter is None and not self._is_assigned(name):
            data = self.initial.get(name)
            data = np.full(tensor.shape, _zero_point(tensor), tensor.dtype) if data is None else data
            variable.value = self._constant(tensor, data)
            return variable.value
        if variable.parameter is None:
            dtype = self._type(tensor)
            variable.parameter = relax.Var(
                self.names.unique(name, f"state_{len(self.variables)}"), relax.TensorType(tensor.shape, dtype)
            )
            self._record(str(variable.parameter.name), tensor)
        return variable.parameter

    def _is_assigned(self, name: str) -> bool:
        return any(
            call.kind == ASSIGN and call.inputs and self.handles.named.get(call.inputs[0]) == name
            for call in self.graph.operators
        )

    def _state_port(self, variable: Variable, initial: np.ndarray | None) -> dict[str, Any]:
        data = b"" if initial is None else _codes(variable.tensor, initial).tobytes()
        return {
            "name": variable.name,
            "parameter": str(variable.parameter.name),
            "shape": list(variable.tensor.shape),
            "dtype": self._type(variable.tensor),
            "state": variable.name,
            "initial": data.hex(),
        }

    def _shifted(self, value: Any, tensor: Tensor, stem: str, types: tuple[str, str]) -> Any:
        """The same numbers in another of the two types of bytes: dequantised and quantised by equal scales."""
        scale, zero_point = (
            (tensor.quantization.scale, tensor.quantization.zero_point)
            if tensor.quantization is not None and tensor.quantization.per_tensor
            else (1.0, _UINT8_SHIFT)
        )
        zeros = {"uint8": zero_point, "int8": zero_point - _UINT8_SHIFT}
        operands = [relax.const(np.float32(scale)), relax.const(np.asarray(zeros[types[0]], types[0]))]
        real = self._emit(relax.op.dequantize(value, *operands, axis=-1, out_dtype="float32"), f"{stem}_dequantize")
        operands = [relax.const(np.float32(scale)), relax.const(np.asarray(zeros[types[1]], types[1]))]
        return self._emit(relax.op.quantize(real, *operands, axis=-1, out_dtype=types[1]), f"{stem}_quantize")

    def _emit(self, value: Any, name: str) -> Any:
        value = self.builder.normalize(value)
        variable = relax.DataflowVar(self.names.distinct(name), value.ty)
        self.bindings.append(relax.VarBinding(variable, value))
        return variable

    def _bind(self, value: Any, tensor: Tensor) -> Any:
        variable = self._emit(value, printable_name(tensor.name, "tensor"))
        self._record(str(variable.name), tensor)
        return variable

    def _record(self, name: str, tensor: Tensor) -> None:
        found = tensor.quantization
        if found is not None and found.per_tensor and tensor.dtype in ("int8", "uint8", "int16"):
            shift = _UINT8_SHIFT if tensor.dtype == "uint8" else 0
            self.quantization[name] = [found.scale, found.zero_point - shift]

    def _value(self, index: int, what: str) -> Any:
        """The variable or constant of a tensor."""
        if index in self.values:
            return self.values[index]
        if index not in self.constants and self.graph.tensors[index].is_variable:
            raise TinySegError(
                f"{self.source}: {what} is a variable that the node changes, which is supported in SVDF and "
                "UNIDIRECTIONAL_SEQUENCE_LSTM. Remedy: unroll the node over READ_VARIABLE and ASSIGN_VARIABLE"
            )
        if index not in self.constants:
            raise TinySegError(
                f"{self.source}: {what} is computed by no node before it is read. Remedy: the file may be damaged"
            )
        self.values[index] = self._constant(self.graph.tensors[index], self.constants[index])
        return self.values[index]

    @staticmethod
    def _constant(tensor: Tensor, data: np.ndarray) -> Any:
        data = _codes(tensor, data)
        return relax.const(np.asarray(data, order="C"), str(data.dtype))

    def _call(self, call: OperatorCall) -> None:
        made = folded(self.graph, call, self.constants)
        if made is not None:
            self.constants.update(zip(call.outputs, made, strict=True))
            return
        where = self.graph.label(call)
        operands = [index for index in call.inputs if index >= 0]
        results = [self.graph.tensors[index] for index in call.outputs]
        if not results:
            raise TinySegError(f"{self.source}: {where} has no result, which no network for microcontrollers needs")
        attributes = {
            "options": {name: _plain(value) for name, value in call.options.items()},
            "operands": [_described(self.graph.tensors[i] if i >= 0 else None) for i in call.inputs],
            "results": [_described(tensor) for tensor in results],
            "shapes": [list(tensor.shape) for tensor in results],
            "dtypes": [self._type(tensor) for tensor in results],
        }
        arguments = [self._value(index, f"an operand of {where}") for index in operands]
        value = relax.Call(
            tvm.ir.Op.get(PREFIX + call.kind.lower()), arguments, tvm.ir.make_node("ir.DictAttrs", **attributes)
        )
        if len(results) == 1:
            self.values[call.outputs[0]] = self._bind(value, results[0])
            return
        stem = printable_name(results[0].name, call.kind.lower())
        bundle = self._emit(value, f"{stem}_all")
        for position, (index, tensor) in enumerate(zip(call.outputs, results, strict=True)):
            self.values[index] = self._bind(relax.TupleGetItem(bundle, position), tensor)


def _codes(tensor: Tensor, data: np.ndarray) -> np.ndarray:
    """Values of a tensor as Relax has them: uint8 is shifted to int8."""
    return (data.astype(np.int16) - _UINT8_SHIFT).astype(np.int8) if tensor.dtype == "uint8" else data


def _zero_point(tensor: Tensor) -> int:
    found = tensor.quantization
    return found.zero_point if found is not None and found.per_tensor else 0


def _described(tensor: Tensor | None) -> dict[str, Any]:
    """What a call says of an operand or result: the file's type and quantisation; nothing where it is absent."""
    if tensor is None:
        return {}
    found: dict[str, Any] = {"dtype": tensor.dtype, "shape": list(tensor.shape)}
    return found if tensor.quantization is None else {**found, **_quantization(tensor.quantization, tensor.dtype)}


def _quantization(found: Quantization, dtype: str) -> dict[str, Any]:
    shift = _UINT8_SHIFT if dtype == "uint8" else 0
    return {
        "scales": [float(scale) for scale in found.scales],
        "zero_points": [int(zero_point) - shift for zero_point in found.zero_points],
        "axis": found.axis,
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _infer(call: Any, _context: object) -> Any:
    """FInferType: a call says what its results are."""
    types = [
        relax.TensorType([int(extent) for extent in shape], str(dtype))
        for shape, dtype in zip(call.attrs["shapes"], call.attrs["dtypes"], strict=True)
    ]
    return types[0] if len(types) == 1 else relax.TupleType(types)


def _register() -> set[str]:
    names = {PREFIX + kind.lower() for kind in (*OPERATORS.values(), *CUSTOM_KINDS.values(), *MEMORY_KINDS)}
    for name in names:
        tvm.ir.register_op_attr(name, "FInferType", _infer)
        tvm.ir.register_op_attr(name, "FPurity", True)
    return names


_REGISTERED = _register()
