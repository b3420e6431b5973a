"""Small ONNX models for the frontend's tests, and three ways to run one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import tvm
from onnx import TensorProto, helper, numpy_helper
from tvm import relax

from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.graph import Graph, to_model
from tinyseg_tvm.frontend.onnx_model import normalized_graph

TYPES = {
    "float32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}


def port(name: str, shape: Sequence[int | str | None] | None, dtype: str = "float32") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TYPES[dtype], shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
    microsoft: bool = False,
) -> onnx.ModelProto:
    """A model; constants are arrays or ready TensorProtos."""
    tensors = []
    for name, value in (constants or {}).items():
        if isinstance(value, onnx.TensorProto):
            tensor = value
            tensor.name = name
        else:
            tensor = numpy_helper.from_array(np.asarray(value), name)
        tensors.append(tensor)
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), tensors)
    imports = [helper.make_opsetid("", opset)]
    if microsoft:
        imports.append(helper.make_opsetid("com.microsoft", 1))
    result = helper.make_model(graph, opset_imports=imports)
    result.ir_version = 10 if opset > 15 else 8
    return result


def node(
    op_type: str, inputs: str, outputs: str, name: str = "", domain: str = "", **attributes: Any
) -> onnx.NodeProto:
    """A node; inputs and outputs are separated by blanks, ``-`` is an omitted input."""
    names = ["" if text == "-" else text for text in inputs.split()]
    return helper.make_node(op_type, names, outputs.split(), name=name, domain=domain, **attributes)


def quantized(
    core: Sequence[onnx.NodeProto],
    shape: Sequence[int],
    out_shape: Sequence[int] | None,
    constants: Mapping[str, Any],
    dtype: str = "int8",
    opset: int = 17,
    scale: float = 0.05,
    zero_point: int = 3,
) -> onnx.ModelProto:
    """``q -> DequantizeLinear -> x -> core -> y -> QuantizeLinear -> out``."""
    zero = np.array(zero_point, dtype)
    ends = {"s_in": np.float32(scale), "z_in": zero, "s_out": np.float32(0.07), "z_out": zero}
    nodes = [
        node("DequantizeLinear", "q s_in z_in", "x", "dequantize"),
        *core,
        node("QuantizeLinear", "y s_out z_out", "out", "quantize"),
    ]
    return model(nodes, [port("q", shape, dtype)], [port("out", out_shape, dtype)], {**ends, **constants}, opset)


def feeds_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs; integers use their whole range."""
    random = np.random.default_rng(seed)
    feeds = {}
    for name in graph.inputs:
        value = graph.types[name]
        if value.dtype == "float32":
            feeds[name] = random.standard_normal(value.shape).astype(np.float32)
        elif value.dtype == "bool":
            feeds[name] = random.integers(0, 2, value.shape).astype(bool)
        else:
            limits = np.iinfo(value.dtype)
            low, high = max(limits.min, -(1 << 15)), min(limits.max, 1 << 15)
            feeds[name] = random.integers(low, high + 1, value.shape).astype(value.dtype)
    return feeds


def run_onnxruntime(proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Results of onnxruntime without graph optimisations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, dict(feeds))]


def run_tvm(module: tvm.IRModule, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results of the imported module on TVM's virtual machine."""
    machine = relax.VirtualMachine(tvm.compile(module, "llvm"), tvm.cpu())
    result = machine["main"](*(tvm.runtime.tensor(value) for value in inputs))
    return [value.numpy() for value in (result if not hasattr(result, "numpy") else [result])]


def check(
    proto: onnx.ModelProto,
    *,
    exact: bool = True,
    tvm_steps: float = 1,
    with_tvm: bool = True,
    seed: int = 0,
    **options: Any,
) -> Graph:
    """Prove that normalisation and import keep the model's results.

    onnxruntime must give equal results before and after normalisation (``exact``; else to 1e-5), and the
    imported module the same to ``tvm_steps`` units of the last place of integers or 1e-4 relative for floats.
    """
    graph, _ = normalized_graph(proto, **options)
    feeds = feeds_of(graph, seed)
    expected = run_onnxruntime(proto, feeds)
    actual = run_onnxruntime(to_model(graph), feeds)
    for a, b in zip(expected, actual, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if exact:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    if with_tvm:
        module, _ = from_onnx(proto, **options)
        results = run_tvm(module, [feeds[name] for name in graph.inputs])
        for a, b in zip(expected, results, strict=True):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
            else:
                assert np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0) <= tvm_steps
    return graph


def operators(graph: Graph) -> list[str]:
    return [node.op_type for node in graph.nodes]


def small_network() -> onnx.ModelProto:
    """A convolution, a pool and a dense layer: weights of int8 and of float32."""
    rng = np.random.default_rng(0)
    core = [
        node("DequantizeLinear", "w s_w z_w", "wf", axis=0),
        node("Conv", "x wf", "c", "conv", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r", "relu"),
        node("MaxPool", "r", "p", "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("Gemm", "f g", "y", "gemm"),
    ]
    constants = {
        "w": rng.integers(-128, 128, (4, 2, 3, 3)).astype(np.int8),
        "s_w": np.full(4, 0.01, np.float32),
        "z_w": np.zeros(4, np.int8),
        "g": rng.standard_normal((16, 3)).astype(np.float32),
    }
    return quantized(core, [1, 2, 4, 4], [1, 3], constants)
