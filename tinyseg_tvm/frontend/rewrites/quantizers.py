"""One form for QuantizeLinear and DequantizeLinear.

After ``name_quantizers`` (ahead of type inference): ONNX's domain, 4-bit results spelled as 8 bit with a Clip (the
reader has unpacked 4-bit constants already). After ``canonicalize_quantizers`` (types known): three inputs, scale and
zero point scalars unless truly per axis, ``axis`` (not negative) only then, no other attribute.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tinyseg_tvm.frontend.graph import Graph, Node, node_error
from tinyseg_tvm.frontend.rewrites.qoperators import MICROSOFT

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
# Below, products of scales lose digits or vanish; above, they overflow. Real scales lie near 1e-9 to 1e3.
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-126, 2.0**99

_FOUR_BIT = {"int4": ("int8", -8, 7), "uint4": ("uint8", 0, 15)}
_OUTPUT_DTYPES = {
    TensorProto.INT4: "int4",
    TensorProto.UINT4: "uint4",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16",
}


def name_quantizers(graph: Graph) -> None:
    """Move the quantisers of com.microsoft to ONNX's domain and spell 4-bit results in 8 bits."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type not in QUANTIZERS or node.domain not in ("", MICROSOFT):
            return None
        node.domain = ""
        if node.op_type == "DequantizeLinear":
            return None
        dtype = graph.four_bit.get(node.input(2)) or _OUTPUT_DTYPES.get(node.attributes.get("output_dtype", 0), "")
        if dtype not in _FOUR_BIT:
            return None
        if node.outputs[0] in graph.outputs:
            graph.refuse(node, f"its result of type {dtype} is an output", "dequantise it, or quantise it to int8")
        wide, low, high = _FOUR_BIT[dtype]
        node.attributes.pop("output_dtype", None)
        if not node.input(2):
            scale = graph.constant(node.inputs[1])
            shape = () if scale is None else scale.shape
            node.inputs = [*node.inputs[:2], graph.add_constant(f"{node.name}.zero_point", np.zeros(shape, wide))]
        result, node.outputs = node.outputs, [graph.fresh(f"{node.name}.wide")]
        bounds = [graph.add_constant(f"{node.name}.bound", np.array(bound, wide)) for bound in (low, high)]
        return [node, Node(f"{node.name}_saturate", "Clip", [*node.outputs, *bounds], result)]

    graph.expand(rewrite)


def canonicalize_quantizers(graph: Graph) -> None:
    """Give all quantisers three inputs, and check scales and zero points.

    Raises:
        TinySegError: a constant scale is not a normal positive number, or shapes and types contradict each other.
    """
    for node in graph.nodes:
        if node.op_type in QUANTIZERS and not node.domain:
            _canonicalize(graph, node)


def _canonicalize(graph: Graph, node: Node) -> None:
    attributes = node.attributes
    data = graph.types.get(node.inputs[0])
    scale = graph.constant(node.input(1))
    if scale is None or data is None:  # its definition has no types to go by
        return
    check_scale(node, scale)
    if not node.input(2):
        dtype = data.dtype
        if node.op_type == "QuantizeLinear":
            dtype = _OUTPUT_DTYPES.get(attributes.get("output_dtype", 0), "uint8")
        node.inputs = [*node.inputs[:2], graph.add_constant(f"{node.name}.zero_point", np.zeros(scale.shape, dtype))]
    zero = graph.constant(node.inputs[2])
    if zero is None:
        return
    if zero.size != scale.size and zero.size == 1:
        zero = np.broadcast_to(zero.reshape(()), scale.shape).copy()
    if zero.size != scale.size or scale.ndim > 1:
        raise node_error(
            node,
            f"scale has shape {list(scale.shape)} and zero point {list(zero.shape)}; both are scalars or have one axis",
            "export the model again",
        )
    _check_zero_point(node, data.dtype, zero)
    axis = attributes.get("axis", 1)
    node.attributes = {}
    if scale.size == 1:
        scale, zero = scale.reshape(()), zero.reshape(())
    else:
        axis += len(data.shape) if axis < 0 else 0
        axis = 0 if len(data.shape) == 1 else axis
        if not 0 <= axis < len(data.shape) or data.shape[axis] != scale.size:
            raise node_error(
                node,
                f"{scale.size} scales do not fit axis {axis} of shape {list(data.shape)}",
                "export the model again",
            )
        node.attributes["axis"] = axis
    node.inputs = [
        node.inputs[0],
        _constant(graph, node.inputs[1], np.asarray(scale)),
        _constant(graph, node.inputs[2], np.asarray(zero)),
    ]


def _check_zero_point(node: Node, dtype: str, zero: np.ndarray) -> None:
    if node.op_type != "DequantizeLinear":
        return
    if zero.dtype.name != dtype:
        raise node_error(node, f"zero point is {zero.dtype.name}, but the data {dtype}", "export the model again")
    if dtype == "int32" and zero.any():
        raise node_error(
            node,
            f"its zero point is {int(zero[zero != 0].flat[0])}; integers of 32 bits, which are biases, have none",
            "quantise the model again",
        )


def _constant(graph: Graph, name: str, value: np.ndarray) -> str:
    current = graph.constants[name]
    return name if current.shape == value.shape else graph.add_constant(name, value)


def check_scale(node: Node, scale: np.ndarray) -> None:
    """Raise TinySegError unless all scales are usable numbers."""
    if scale.dtype != np.float32:
        raise node_error(node, f"its scale is {scale.dtype.name}, not float32", "quantise with float32 scales")
    if scale.size == 0:
        raise node_error(node, "its scale has no elements", "export the model again")
    wrong = scale[~((scale >= SMALLEST_SCALE) & (scale <= LARGEST_SCALE))]
    if wrong.size:
        raise node_error(
            node,
            f"its scale is {float(wrong.reshape(-1)[0])!r}; a scale is a finite number from {SMALLEST_SCALE:.2g} to "
            f"{LARGEST_SCALE:.2g}",
            "quantise the model again with better calibration data",
        )
