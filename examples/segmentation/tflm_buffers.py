"""Lifetimes of whole tensors in layer-by-layer execution, read from the ONNX file as it is.

This is the network as an ordinary interpreter runs it: concatenations copy, nothing is in place, operators run in
file order. Quantize- and DequantizeLinear only say how a tensor is stored, and a ReLU, a Clip or the addition of a
bias is part of the operator before it; so QDQ models count one byte per element. Reshapes move no bytes. A batch size
left open counts as 1. The buffers feed ``tflm_arena.greedy_arena``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, shape_inference
from tflm_arena import Buffer, greedy_arena

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.report.points import Rival

_STORAGE = ("QuantizeLinear", "DequantizeLinear", "Identity", "Cast")
_FUSED = ("Relu", "Clip")
_VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
_BIASED = ("MatMul", "Gemm", "Conv", "ConvTranspose")
_INT32_BYTES = 4


@dataclass(frozen=True)
class Layerwise:
    """Buffers of a network executed operator by operator.

    Attributes:
        tensors: activations.
        reference_scratch: what TFLM's reference kernels add: the int32 accumulators of a transposed convolution, as
            large as its output (tensorflow/lite/micro/kernels/transpose_conv.cc). Scratch of CMSIS-NN kernels depends
            on the core; it is left out, so ``tflm_bytes(reference_kernels=False)`` is a lower bound for them.
        operators: number of operators.
    """

    tensors: tuple[Buffer, ...]
    reference_scratch: tuple[Buffer, ...]
    operators: int

    def tflm_bytes(self, reference_kernels: bool) -> int:
        """The head of TFLM's arena, with or without the reference kernels' scratch."""
        return greedy_arena(self.tensors, self.reference_scratch if reference_kernels else ())


def layerwise(model: onnx.ModelProto) -> Layerwise:
    """Buffers of a model with static shapes.

    Raises:
        TinySegError: where the shape of an activation is not known.
    """
    model = shape_inference.infer_shapes(model)
    graph = model.graph
    constants = _constants(graph)
    shapes = _shapes(graph)
    root = _roots(graph, constants, shapes)
    elements, widths = _sizes(graph, root, shapes)
    first: dict[str, int] = {root[port.name]: 0 for port in graph.input if port.name not in constants}
    last, scratch, number = dict(first), [], 0
    for node in graph.node:
        result = root.get(node.output[0])
        if result is None or root[node.output[0]] != node.output[0]:
            continue
        for name in node.output:
            if name:
                first[root[name]] = last[root[name]] = number
        for name in node.input:
            if name in root:
                last[root[name]] = number
        if node.op_type == "ConvTranspose":
            size = _INT32_BYTES * _known(elements, result)
            scratch.append(Buffer(f"scratch of {node.name or result}", size, number, number))
        number += 1
    for port in graph.output:
        last[root[port.name]] = max(number - 1, 0)
    tensors = tuple(
        Buffer(name, _known(elements, name) * widths[name], begin, last[name]) for name, begin in first.items()
    )
    return Layerwise(tensors, tuple(scratch), number)


def _constants(graph: onnx.GraphProto) -> set[str]:
    """Names of everything that is computed from initialisers alone."""
    constants = {constant.name for constant in graph.initializer}
    for node in graph.node:
        if all(name in constants for name in node.input if name):
            constants.update(node.output)
    return constants


def _roots(graph: onnx.GraphProto, constants: set[str], shapes: dict[str, list[int]]) -> dict[str, str]:
    """For each activation the name of the stored tensor that it is an aspect of."""
    root = {port.name: port.name for port in graph.input if port.name not in constants}
    makers = {name: node.op_type for node in graph.node for name in node.output}
    for node in graph.node:
        if node.output[0] in constants:
            continue
        source = next((name for name in node.input if name in root), "")
        alias = bool(source) and (
            node.op_type in (*_STORAGE, *_FUSED, *_VIEWS)
            or (node.op_type == "Add" and len(_activations(node, root)) == 1 and makers.get(source) in _BIASED)
            or (node.op_type == "Transpose" and _keeps_order(node, shapes.get(source, [])))
        )
        root.update({name: root[source] if alias else name for name in node.output if name})
    return root


def _activations(node: onnx.NodeProto, root: dict[str, str]) -> list[str]:
    return [name for name in node.input if name in root]


def _keeps_order(node: onnx.NodeProto, shape: list[int]) -> bool:
    """Whether a Transpose leaves every byte where it is, because it only moves axes of length 1."""
    axes = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), [])
    moved = [axis for axis in axes if axis < len(shape) and shape[axis] != 1]
    return len(axes) == len(shape) and moved == sorted(moved)


def _shapes(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """Shapes that are known; an open first dimension counts as 1."""
    shapes = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if info.type.tensor_type.HasField("shape"):
            shape = [dimension.dim_value for dimension in info.type.tensor_type.shape.dim]
            shape[:1] = [size or 1 for size in shape[:1]]
            if all(size > 0 for size in shape):
                shapes[info.name] = shape
    return shapes


def _sizes(
    graph: onnx.GraphProto, root: dict[str, str], shapes: dict[str, list[int]]
) -> tuple[dict[str, int], dict[str, int]]:
    """Elements of each stored tensor, and bytes of one: the narrowest type under which any of its aspects is known."""
    elements: dict[str, int] = {}
    widths: dict[str, int] = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if info.name in root and info.name in shapes:
            name = root[info.name]
            elements[name] = math.prod(shapes[info.name])
            width = int(np.dtype(helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)).itemsize)
            widths[name] = min(widths.get(name, width), width)
    return elements, widths


def _known(elements: dict[str, int], name: str) -> int:
    if name not in elements:
        raise TinySegError(
            f"tensor {name} has no static shape in the model; give the batch and named dimensions a value"
        )
    return elements[name]


def rival_rows(network: Layerwise, others: Iterable[Rival] = ()) -> list[Rival]:
    """Rows (planner, RAM bytes, remark) for a comparison table: TFLM computed, others as given, largest first."""
    rows = [
        ("TFLM, reference kernels", network.tflm_bytes(True), "arena head, computed by its greedy planner"),
        ("TFLM, CMSIS-NN kernels", network.tflm_bytes(False), "arena head without kernel scratch, computed"),
        *others,
    ]
    return sorted(rows, key=lambda row: -row[1])
