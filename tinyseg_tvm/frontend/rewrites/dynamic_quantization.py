"""Networks that are quantised at run time: the same arithmetic, in float32 operators.

DynamicQuantizeLinear takes scale and zero point from the least and the greatest value. Its codes, and the products of
codes, are integers that float32 holds exactly (up to 2^24; beyond, sums are rounded to 24 bits), so the integers are
float32 here, and the scales are tensors like any other::

    scale = (max(x, 0) - min(x, 0)) / 255,  zero = round(-min(x, 0) / scale)
    code = clip(round(x / scale) + zero, 0, 255)
    MatMulInteger(code, w) = MatMul(code - zero, w - w_zero)

A tensor that another operator reads as an integer is cast; where all readers are of these operators nobody reads that.

Source: ONNX operators DynamicQuantizeLinear, MatMulInteger, ConvInteger; ONNX Runtime's contrib operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

_LEAST_RANGE = 1e-30  # of a tensor of zeros, whose codes are zeros by any scale


class DynamicQuantization:
    """The handlers, and which integer tensors there are as float32: each operator looks up its operands'."""

    def __init__(self) -> None:
        self.floats: dict[str, str] = {}

    def quantize(self, graph: Graph, node: Node) -> list[Node]:
        """DynamicQuantizeLinear: codes, scale, zero point."""
        spelling = Spelling(graph, node)
        names = [*node.outputs, "", ""]
        code, zero = self._quantized(spelling, node.inputs[0], names[1] or graph.fresh(f"{node.name}.scale"))
        self._integers(spelling, "codes", code, names[0], "uint8")
        self._integers(spelling, "zero_point", zero, names[2], "uint8")
        return spelling.nodes

    def _quantized(self, spelling: Spelling, value: str, scale: str) -> tuple[str, str]:
        """Codes and zero point in float32; ``scale`` is what the scale is called."""
        zero = spelling.constant("zero", 0)
        least = spelling.add("least", "Min", [spelling.add("min", "ReduceMin", [value], keepdims=0), zero])
        most = spelling.add("most", "Max", [spelling.add("max", "ReduceMax", [value], keepdims=0), zero])
        extent = spelling.add("range", "Sub", [most, least])
        step = spelling.add("step", "Div", [extent, spelling.constant("steps", 255)])
        spelling.add("scale", "Max", [step, spelling.constant("least_range", _LEAST_RANGE)], scale)
        bounds = [zero, spelling.constant("greatest", 255)]
        below = spelling.add("below", "Neg", [spelling.add("shift", "Div", [least, scale])])
        point = spelling.add("zero_round", "Round", [below])
        rounded = spelling.add("round", "Round", [spelling.add("divide", "Div", [value, scale])])
        code = spelling.add("clip", "Clip", [spelling.add("shifted", "Add", [rounded, point]), *bounds])
        return code, point

    def _integers(self, spelling: Spelling, suffix: str, value: str, result: str, dtype: str) -> None:
        if result:
            kinds = {"uint8": TensorProto.UINT8, "int32": TensorProto.INT32}
            spelling.add(suffix, "Cast", [value], result, to=int(kinds[dtype]))
            self.floats[result] = value

    def cast(self, graph: Graph, node: Node) -> list[Node] | None:
        """A Cast to float32 of what is float32 already."""
        known = self.floats.get(node.inputs[0])
        if known is None or node.attributes.get("to") != TensorProto.FLOAT:
            return None
        return [Node(node.name, "Identity", [known], list(node.outputs))]

    def sum(self, graph: Graph, node: Node) -> list[Node] | None:
        """MatMulInteger and ConvInteger of codes made at run time and constant weights."""
        if node.inputs[0] not in self.floats:
            return None
        spelling = Spelling(graph, node)
        value = self._product(spelling, node.input(2), node.input(3))
        if value is None:
            return None
        self._integers(spelling, "sum", value, node.outputs[0], "int32")
        return spelling.nodes

    def to_float(self, graph: Graph, node: Node) -> list[Node] | None:
        """MatMulIntegerToFloat: the sum times both scales, and a bias."""
        if node.inputs[0] not in self.floats:
            self._refuse(graph, node)
            return None
        spelling = Spelling(graph, node)
        value = self._product(spelling, node.input(4), node.input(5))
        return self._scaled(spelling, value, node.inputs[2], node.inputs[3], node.input(6))

    def matmul(self, graph: Graph, node: Node) -> list[Node] | None:
        """DynamicQuantizeMatMul: all of them in one."""
        spelling = Spelling(graph, node)
        scale = graph.fresh(f"{node.name}.scale")
        code, zero = self._quantized(spelling, node.inputs[0], scale)
        centred = spelling.add("centred", "Sub", [code, zero])
        value = self._weighted(spelling, "MatMul", centred, node.input(3), {})
        return self._scaled(spelling, value, scale, node.inputs[2], node.input(4))

    def _product(self, spelling: Spelling, zero: str, weight_zero: str) -> str | None:
        """The sum of products, of both operands without their zero points."""
        node = spelling.node
        value = self.floats[node.inputs[0]]
        if zero:
            if zero not in self.floats:
                return None
            value = spelling.add("centred", "Sub", [value, self.floats[zero]])
        op_type = "Conv" if node.op_type == "ConvInteger" else "MatMul"
        return self._weighted(spelling, op_type, value, weight_zero, node.attributes)

    def _weighted(
        self, spelling: Spelling, op_type: str, value: str, weight_zero: str, attributes: dict[str, Any]
    ) -> str | None:
        """The sum, with weights that a DequantizeLinear of scale 1 makes of the stored integers."""
        graph, name = spelling.graph, spelling.node.inputs[1]
        weight = graph.constant(name)
        zero = np.zeros((), np.int8) if weight is None else np.zeros((), weight.dtype)
        found = graph.constant(weight_zero) if weight_zero else zero
        if weight is None or found is None:
            return None
        axis = 0 if op_type == "Conv" else weight.ndim - 1
        single = found.size == 1
        operands = [
            name,
            spelling.constant("unit", 1 if single else np.ones(found.size)),
            spelling.constant("weight_zero", found.reshape(()) if single else found.reshape(-1), found.dtype),
        ]
        along: dict[str, Any] = {} if single else {"axis": axis}
        weights = spelling.add("weight", "DequantizeLinear", operands, **along)
        return spelling.add("product", op_type, [value, weights], **attributes)

    def _scaled(
        self, spelling: Spelling, value: str | None, scale: str, weight_scale: str, bias: str
    ) -> list[Node] | None:
        if value is None:
            self._refuse(spelling.graph, spelling.node)
            return None
        factor = spelling.add("factor", "Mul", [scale, weight_scale])
        value = spelling.add("scaled", "Mul", [value, factor])
        return spelling.done(spelling.add("bias", "Add", [value, bias]) if bias else value)

    def _refuse(self, graph: Graph, node: Node) -> None:
        graph.refuse(node, "its operands are neither quantised at run time nor constants", "quantise it statically")
