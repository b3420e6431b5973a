"""How an operator runs, by the type of its operands: forms of each type, and what they are lowered to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.frontend.onnx_models import model, node, port
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import Network
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes import lower

F = np.float32
_ELEMENTS = {"int8": TensorProto.INT8, "int16": TensorProto.INT16, "float32": TensorProto.FLOAT}
_OTHER = (TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8)
_SCALES = {"int8": F(0.02), "int16": F(2.0**-12)}
_BEST = ("integer", "float", "whole", "-")
_MOVED = {"reshape", "constant"}  # kinds that compute nothing
_TRIED = 24  # forms of an operator
_MAP, _MATRIX = [1, 3, 6, 4], [4, 6]
_RNG = np.random.default_rng(7)


def _weight(*shape: int) -> np.ndarray:
    return _RNG.integers(-9, 9, shape).astype(np.int8)


def _weighted(op_type: str, inputs: str, shape: list[int], weight: np.ndarray, **attributes: Any) -> onnx.ModelProto:
    """Of a weight that is quantised whatever the activations are."""
    nodes = [node("DequantizeLinear", "w k n", "v"), node(op_type, inputs, "y", **attributes)]
    return model(nodes, [port("x", shape)], [port("y", None)], {"w": weight, "k": F(0.02), "n": np.int8(0)})


def _truths(op_type: str) -> onnx.ModelProto:
    """Of comparisons of two tensors, which are what there is of truths in a network."""
    nodes = [node("Greater", "x z", "a"), node("Less", "x z", "b")]
    nodes += [node(op_type, "a" if op_type == "Not" else "a b", "c"), node("Where", "c x z", "y")]
    return model(nodes, [port("x", _MAP), port("z", _MAP)], [port("y", _MAP)])


def _integers(op_type: str, inputs: str, shape: list[int], weight: np.ndarray) -> onnx.ModelProto:
    constants = {"w": weight, "s": F(0.02), "z": np.int8(1), "k": F(0.03), "n": np.int8(0)}
    nodes = [node(op_type, inputs, "y")]
    if not op_type.startswith("QLinear"):  # a scale makes numbers of the sums
        nodes = [node("DequantizeLinear", "x s z", "g"), node("QuantizeLinear", "g s z", "q")]
        nodes += [node(op_type, inputs, "c"), node("Cast", "c", "f", to=TensorProto.FLOAT), node("Mul", "f k", "r")]
        nodes += [node("QuantizeLinear", "r s z", "y")]
    return model(nodes, [port("x", shape, "int8")], [port("y", None, "int8")], constants)


def _dequantised() -> onnx.ModelProto:
    constants = {"s": F(0.02), "z": np.int8(1), "k": F(0.03), "n": np.int8(0)}
    nodes = [node("DequantizeLinear", "x s z", "f"), node("QuantizeLinear", "f k n", "y")]
    return model(nodes, [port("x", _MAP, "int8")], [port("y", _MAP, "int8")], constants)


def _measured(op_type: str) -> onnx.ModelProto:
    """A tensor times a number that says something of its shape."""
    nodes = [node(op_type, "x", "s"), node("Cast", "s", "f", to=TensorProto.FLOAT), node("ReduceMax", "f", "m")]
    return model([*nodes, node("Mul", "x m", "y")], [port("x", _MAP)], [port("y", _MAP)])


PREFERRED: dict[str, onnx.ModelProto] = {
    "Conv": _weighted("Conv", "x v", _MAP, _weight(5, 3, 3, 3), pads=[1] * 4),
    "ConvTranspose": _weighted("ConvTranspose", "x v", _MAP, _weight(3, 5, 2, 2), strides=[2, 2]),
    "Gemm": _weighted("Gemm", "x v", _MATRIX, _weight(6, 3)),
    "MatMul": _weighted("MatMul", "x v", _MATRIX, _weight(6, 3)),
    "Einsum": _weighted("Einsum", "x v", _MATRIX, _weight(6, 3), equation="ij,jk->ik"),
    "ConvInteger": _integers("ConvInteger", "q w z", _MAP, _weight(5, 3, 3, 3)),
    "MatMulInteger": _integers("MatMulInteger", "q w z", _MATRIX, _weight(6, 3)),
    "QLinearConv": _integers("QLinearConv", "x s z w k n s z", _MAP, _weight(5, 3, 3, 3)),
    "QLinearMatMul": _integers("QLinearMatMul", "x s z w k n s z", _MATRIX, _weight(6, 3)),
    "DequantizeLinear": _dequantised(),
    **{name: _measured(name) for name in ("Shape", "Size")},
    **{name: _truths(name) for name in ("And", "Or", "Xor", "Not")},
}


def forms_of_type(dtype: str, forms: Iterable[onnx.ModelProto]) -> Iterator[onnx.ModelProto]:
    """Those of the forms whose first operand is of the type, may be of it, or may be quantised to it."""
    for form in forms:
        element = _data_element(form)
        if element == _ELEMENTS[dtype]:
            yield form
        real = _retyped(form, element, "float32") if element in _OTHER else form
        if dtype == "float32" and real is not form:
            yield real
        if dtype != "float32" and (element == TensorProto.FLOAT or real is not form):
            yield _quantised(real, dtype)
        if dtype != "float32" and real is not form:
            yield _retyped(form, element, dtype)  # of an operator that floats have not


def how_it_runs(form: onnx.ModelProto) -> tuple[str, bool]:
    """The word that ``tinyseg ops`` has for a model of one operator, and whether anything is computed."""
    try:
        network = lower(from_onnx(form)[0])
    except TinySegError:
        return "-", False
    return _word(network), not {each.operator.kind for each in network.nodes} <= _MOVED


def _word(network: Network) -> str:
    if any(isinstance(each.operator, Opaque) for each in network.nodes):
        return "whole"
    types = {network.tensors[name].type.dtype for each in network.nodes for name in (*each.inputs, *each.outputs)}
    return "float" if types & {"float32", "float64"} else "integer"


def best_word(name: str, dtype: str, forms: Iterable[onnx.ModelProto]) -> str:
    """How an operator runs in a type at its best; forms that compute something say more than others."""
    preferred = [PREFERRED[name]] if name in PREFERRED else []
    found = []
    for form in list(forms_of_type(dtype, [*preferred, *forms]))[:_TRIED]:
        found.append(how_it_runs(form))
        if found[-1] == ("float" if dtype == "float32" else "integer", True):
            break
    words = [word for word, computes in found if computes] or [word for word, _ in found]
    return min(words, key=_BEST.index, default="-")


def _stored(form: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in form.graph.initializer}


def _data_element(form: onnx.ModelProto) -> int:
    """The type of the first input that is no truth."""
    ports = [each for each in form.graph.input if each.name not in _stored(form)]
    types = [each.type.tensor_type.elem_type for each in ports]
    return int(next((element for element in types if element != TensorProto.BOOL), TensorProto.BOOL))


def _retyped(form: onnx.ModelProto, element: int, dtype: str) -> onnx.ModelProto:
    """The model with all that is of one type in another."""
    made = onnx.ModelProto()
    made.CopyFrom(form)
    for each in (*made.graph.input, *made.graph.output):
        if each.type.tensor_type.elem_type == element:
            each.type.tensor_type.elem_type = _ELEMENTS[dtype]
    for tensor in made.graph.initializer:
        if tensor.data_type == element != TensorProto.INT64:  # those are shapes and axes
            with np.errstate(invalid="ignore"):
                values = numpy_helper.to_array(tensor).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return made


def _quantised(form: onnx.ModelProto, dtype: str) -> onnx.ModelProto:
    """The model between quantisers, which are those of com.microsoft: they have all types in every operator set."""
    made = onnx.ModelProto()
    made.CopyFrom(form)
    graph, stored = made.graph, _stored(form)
    parameters = (
        numpy_helper.from_array(_SCALES[dtype], "scale_"),
        numpy_helper.from_array(np.array(0, dtype), "zero_"),
    )
    before, behind = [], []
    for each in graph.input:
        if each.type.tensor_type.elem_type == TensorProto.FLOAT and each.name not in stored:
            before.append(node("DequantizeLinear", f"{each.name}_q scale_ zero_", each.name, domain="com.microsoft"))
            each.name, each.type.tensor_type.elem_type = f"{each.name}_q", _ELEMENTS[dtype]
    for each in graph.output:
        if each.type.tensor_type.elem_type == TensorProto.FLOAT:
            behind.append(node("QuantizeLinear", f"{each.name} scale_ zero_", f"{each.name}_q", domain="com.microsoft"))
            each.name, each.type.tensor_type.elem_type = f"{each.name}_q", _ELEMENTS[dtype]
    nodes = [*before, *graph.node, *behind]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(parameters)
    if all(entry.domain != "com.microsoft" for entry in made.opset_import):
        made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made
