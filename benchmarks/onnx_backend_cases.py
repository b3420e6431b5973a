"""ONNX's own test cases of its operators, and how one is tried: compiled, generated, built and run on the host.

A case has a model of one operator (some have two, or a function's expansion), input arrays and the arrays that ONNX
expects. Operands that an operator needs while it is compiled (shapes, axes, pads, counts) are inputs of many cases'
models. Where a model is refused as it is, ``pinned`` makes constants of those, as in every exported network.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, build, frontend

DEVICE_TYPES = frozenset(
    getattr(TensorProto, name)
    for name in ("FLOAT", "DOUBLE", "INT8", "UINT8", "INT16", "UINT16", "INT32", "INT64", "BOOL")
)

# Operands that say what is computed, by position: what an exporter stores in the file.
PARAMETERS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "BatchNormalization": (1, 2, 3, 4),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "Compress": (1,),
    "ConstantOfShape": (0,),
    "CumProd": (1,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "GRU": (1, 2, 3, 4),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "LSTM": (1, 2, 3, 4, 7),
    "Loop": (0, 1),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "OneHot": (1,),
    "Pad": (1, 2, 3),
    "QLinearConv": (1, 2, 3, 4, 5, 6, 7, 8),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
    "RNN": (1, 2, 3, 4),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
PARAMETERS |= {f"Reduce{name}": (1,) for name in _REDUCTIONS}


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        outcome: "right"; "refused" by one error; "wrong" values, shapes or types; "crash": a traceback, a signal, or
            a limit of time or memory.
        reason: one line, empty where it is right.
        pinned: whether operands had to be constants.
    """

    outcome: str
    reason: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class Case:
    """A case of ONNX's, and the operator that it is about: the first node's, or that whose function it expands.

    ``parameters`` are the inputs that say what is computed.
    """

    operator: str
    name: str
    parameters: frozenset[str]
    model: onnx.ModelProto
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float
    atol: float


def load_cases() -> list[Case]:
    """All cases of operators and the simple models of the installed onnx, by name."""
    from onnx.backend.test.case import model as models
    from onnx.backend.test.case import node as nodes

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        made = [*nodes.collect_testcases(None), *models.collect_testcases()]
    found = {str(case.name): case for case in made if case.model is not None}
    cases = []
    for name, case in sorted(found.items()):
        about = found.get(name.split("_expanded")[0], case)
        operator = str(about.model.graph.node[0].op_type)
        parameters = _parameters(about.model) | _parameters(case.model)
        cases.append(Case(operator, name, parameters, case.model, case.data_sets, case.rtol, case.atol))
    return cases


def _parameters(model: onnx.ModelProto) -> frozenset[str]:
    nodes = [(node, PARAMETERS.get(node.op_type, ())) for node in model.graph.node]
    return frozenset(node.input[i] for node, places in nodes for i in places if i < len(node.input))


def simple_case() -> Case:
    """A case that is right: |x| of two values."""
    port = helper.make_tensor_value_info
    node = helper.make_node("Abs", ["x"], ["y"])
    graph = helper.make_graph([node], "simple", [port("x", 1, [2])], [port("y", 1, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    x = np.array([-1, 2], np.float32)
    return Case("Abs", "simple", frozenset(), model, [([x], [abs(x)])], 0, 0)


def obstacle(case: Case) -> str:
    """Why a case is none of static dense tensors of the device's types; empty where it is one."""
    for port in (*case.model.graph.input, *case.model.graph.output):
        kind = port.type.WhichOneof("value")
        if kind != "tensor_type":
            return f"{port.name} is a {str(kind).removesuffix('_type')}"
        tensor = port.type.tensor_type
        if tensor.elem_type not in DEVICE_TYPES:
            return f"{port.name} is {TensorProto.DataType.Name(tensor.elem_type).lower()}"
        if any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
            return f"{port.name} has a dynamic shape"
        if any(dim.dim_value == 0 for dim in tensor.shape.dim):
            return f"{port.name} has no elements"
    return ""


def pinned(case: Case) -> tuple[onnx.ModelProto, tuple[int, ...]] | None:
    """The model with its parameters as constants, and which inputs are left; None where it has no parameters."""
    ports = case.model.graph.input
    given = {port.name: array for port, array in zip(ports, case.data_sets[0][0], strict=False)}  # sequences lack some
    names = case.parameters.intersection(given)
    stored = {tensor.name for tensor in case.model.graph.initializer}
    left = tuple(i for i, port in enumerate(ports) if port.name not in names | stored)
    if not names or len(case.data_sets) > 1:
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    del model.graph.input[:]
    model.graph.input.extend(case.model.graph.input[i] for i in left)
    model.graph.initializer.extend(_stored(name, given[name]) for name in sorted(names))
    return model, left


def _stored(name: str, value: Any) -> onnx.TensorProto:
    """A value of a case, which is a tensor already where NumPy lacks its type."""
    tensor = onnx.TensorProto()
    tensor.CopyFrom(value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value)))
    tensor.name = name
    return tensor


def _array(value: Any) -> np.ndarray:
    """A value of a case as an array."""
    return np.asarray(numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value)


def judge(case: Case, known: Path) -> Verdict:
    """Compiles and runs a case in this process.

    Args:
        case: one of ``load_cases``.
        known: folder of notes on programs that were right; the same one with the same inputs is not built again.
    """
    stored = {tensor.name for tensor in case.model.graph.initializer}
    everything = tuple(i for i, port in enumerate(case.model.graph.input) if port.name not in stored)
    verdict = _judge(case, case.model, everything, known)
    if verdict.outcome == "refused" and (other := pinned(case)) is not None:
        second = _judge(case, *other, known)
        return Verdict(second.outcome, second.reason, True)
    return verdict


def _judge(case: Case, model: onnx.ModelProto, inputs: Sequence[int], known: Path) -> Verdict:
    try:
        module, params = frontend.from_onnx(model)
        factory = build(module, BuildOptions(board="host"), params, name="network")
        vectors = [([_array(given[i]) for i in inputs], expected) for given, expected in case.data_sets]
        for arrays, expected in vectors:
            computed = reference.run(factory.network, arrays)
            if reason := difference(expected, computed, case.rtol, case.atol):
                return Verdict("wrong", f"reference: {reason}")
        note = known / digest(factory.files, vectors)
        if note.is_file():
            return Verdict("right")
        with tempfile.TemporaryDirectory() as folder:
            project = generate_project("host", factory.files, f"{folder}/project")
            for arrays, expected in vectors:
                result = project.run([arrays])
                if result.status:
                    return Verdict("wrong", f"the program returned {result.status}")
                if reason := difference(expected, result.outputs[0], case.rtol, case.atol):
                    return Verdict("wrong", f"program: {reason}")
        note.touch()
    except TinySegError as error:
        return Verdict("refused", one_line(str(error)))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.name}"
        return Verdict("crash", one_line(f"{type(error).__name__} in {where}: {error}"))
    return Verdict("right")


def digest(files: Mapping[str, bytes], vectors: Any) -> str:
    """Of a program and what it is tried with; its metadata, which only say how it was made, left out."""
    found = hashlib.sha256(pickle.dumps(vectors))
    for path, content in sorted(files.items()):
        if path.endswith((".c", ".h", ".S", ".bin")):
            found.update(path.encode() + b"\0" + content)
    return found.hexdigest()


def difference(expected: Sequence[Any], got: Sequence[np.ndarray], rtol: float, atol: float) -> str:
    """How results differ from what is expected, in a few words; empty where they do not.

    Floats may lie apart as far as the case says, as in ONNX's own runner, or by the last place of the greatest of them,
    for what ONNX expects was computed in the same type. Values of bfloat16 are float32 arrays here,
    two units in the last place of which may lie between what is computed in float32 and what is in bfloat16.
    """
    if len(expected) != len(got):
        return f"{len(got)} results in place of {len(expected)}"
    for index, (value, found) in enumerate(zip(expected, got, strict=True)):
        wanted = _array(value)
        nearness = rtol
        if wanted.dtype.name == "bfloat16":
            wanted, nearness = wanted.astype(np.float32), max(rtol, 2.0**-6)
        if (wanted.shape, wanted.dtype) != (found.shape, found.dtype):
            return f"result {index} is {found.dtype} {found.shape} in place of {wanted.dtype} {wanted.shape}"
        is_float = wanted.dtype.kind == "f"
        near = np.isclose(found, wanted, nearness, atol, equal_nan=True) if is_float else found == wanted
        if is_float and (finite := np.abs(wanted[np.isfinite(wanted)])).size:
            with np.errstate(invalid="ignore"):
                near |= np.abs(found - wanted) <= np.finfo(wanted.dtype).eps * finite.max()
        if not near.all():
            place = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(near)))
            values = f"{np.atleast_1d(found)[place]} in place of {np.atleast_1d(wanted)[place]}"
            return f"{int((~near).sum())} of {near.size} values of result {index}, the first is {values}"
    return ""


def one_line(text: str) -> str:
    """A message's first sentences without line breaks, at most 200 characters."""
    return " ".join(text.split())[:200]
