"""Builds small QDQ models in ONNX, and runs them by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class QdqModel:
    """A graph under construction; methods return tensor names."""

    def __init__(self, seed: int = 0, opset: int = OPSET) -> None:
        self.opset = opset
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.count = 0

    def _name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def input(self, *shape: int, dtype: int = TensorProto.INT8) -> str:
        name = self._name("input")
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def constant(self, array: Any) -> str:
        name = self._name("constant")
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, outputs: int = 1, **attributes: Any) -> Any:
        node_name = name or self._name(kind.lower())
        results = [f"{node_name}_out{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), results, name=node_name, **attributes))
        return results[0] if outputs == 1 else results

    def quantize(self, x: str, scale: Any, zero_point: Any = 0, dtype: Any = np.int8, **attributes: Any) -> str:
        parameters = [self.constant(np.asarray(scale, np.float32)), self.constant(np.asarray(zero_point, dtype))]
        return str(self.op("QuantizeLinear", x, *parameters, **attributes))

    def dequantize(self, x: str, scale: Any, zero_point: Any = 0, dtype: Any = np.int8, **attributes: Any) -> str:
        parameters = [self.constant(np.asarray(scale, np.float32)), self.constant(np.asarray(zero_point, dtype))]
        return str(self.op("DequantizeLinear", x, *parameters, **attributes))

    def activation(self, *shape: int, scale: float = 0.05, zero_point: int = 3) -> str:
        """A dequantised int8 input."""
        return self.dequantize(self.input(*shape), scale, zero_point)

    def weight(self, *shape: int, scale: float = 0.01, axis: int | None = None, dtype: Any = np.int8) -> str:
        """Random dequantised weights, per channel along ``axis`` if given."""
        low, high = (-127, 128) if dtype == np.int8 else (0, 256)
        values = self.constant(self.random.integers(low, high, shape).astype(dtype))
        if axis is None:
            return self.dequantize(values, scale, 0 if dtype == np.int8 else 131, dtype)
        scales = scale * self.random.uniform(0.5, 2, shape[axis]).astype(np.float32)
        return self.dequantize(values, scales, np.zeros(shape[axis]), axis=axis)

    def scales_of(self, dequantized: str) -> np.ndarray:
        """The scales of a dequantised tensor."""
        node = next(node for node in self.nodes if node.output[0] == dequantized)
        found = next(initializer for initializer in self.initializers if initializer.name == node.input[1])
        return np.asarray(numpy_helper.to_array(found))

    def bias(self, channels: int, activation: str, weight: str) -> str:
        """A random int32 bias of scale ``s_x * s_w``."""
        scales = (self.scales_of(activation) * self.scales_of(weight)).astype(np.float32)
        values = self.constant(self.random.integers(-3000, 3000, channels).astype(np.int32))
        zero_points = np.zeros(scales.shape)
        return self.dequantize(values, scales, zero_points, np.int32, **({"axis": 0} if scales.ndim else {}))

    def build(self, *outputs: str, opset: int = 0) -> onnx.ModelProto:
        results = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "model", self.inputs, results, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset or self.opset)], ir_version=10)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        types = {value.name: value for value in inferred.graph.value_info}
        types.update({value.name: value for value in inferred.graph.output if value.type.HasField("tensor_type")})
        del model.graph.output[:]
        model.graph.output.extend(types[name] for name in outputs)
        onnx.checker.check_model(model)
        return model


def random_inputs(model: onnx.ModelProto, seed: int = 0) -> list[np.ndarray]:
    """Noise for every input: all int8 or uint8 values, floats around 0."""
    random = np.random.default_rng(seed)
    arrays = []
    for value in model.graph.input:
        shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if np.issubdtype(dtype, np.floating):
            arrays.append(random.normal(0, 2, shape).astype(dtype))
        else:
            limits = np.iinfo(dtype)
            arrays.append(random.integers(limits.min, limits.max + 1, shape).astype(dtype))
    return arrays


def run_onnxruntime(model: onnx.ModelProto, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results without graph optimisation: every operator by itself, in float32 between dequantise and quantise."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in model.graph.input]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))
