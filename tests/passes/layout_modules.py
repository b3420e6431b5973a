"""Builds small Relax modules of tinyseg operators for the Before/Expected tests of the layout passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Conv2d, Dense, Dequantize, MaxPool2d, Operator, Quantize
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes import operators_registration as registration
from tinyseg_tvm.relay_passes.rewriting import rewrite_main

NCHW_TO_NHWC = (0, 2, 3, 1)
NHWC_TO_NCHW = (0, 3, 1, 2)


class Body:
    """The body of ``main`` under construction."""

    def __init__(self) -> None:
        self.builder = relax.BlockBuilder()

    def __call__(self, operator: Operator, *activations: Any, name: str = "", **constants: np.ndarray) -> Any:
        """Bind a tinyseg operator."""
        operands = [relax.const(constants[n]) for n in operator.constant_names]
        return self.builder.emit(registration.call(operator, *activations, *operands), name_hint=name or operator.kind)

    def relax(self, value: Any, name: str = "lv") -> Any:
        """Bind any Relax expression."""
        return self.builder.emit(value, name_hint=name)

    def conv(self, x: Any, outputs: int, *pieces: Any, kernel: int = 3, name: str = "conv", **fields: Any) -> Any:
        """Bind a convolution with weights that tell every position apart."""
        operands = (x, *pieces)
        inputs = sum(int(p.ty.shape.values[-1]) for p in operands)
        return self(conv2d(**fields), *operands, name=name, **conv_constants(outputs, kernel, inputs))

    def dense(self, x: Any, weight: np.ndarray, *, flatten: bool, name: str = "dense") -> Any:
        """Bind a dense layer."""
        outputs = weight.shape[0]
        return self(
            Dense(flatten, onnx.WeightedSum(0, 0, -128, 127)),
            x,
            name=name,
            weight=weight,
            bias=np.zeros(outputs, np.int32),
            multiplier=np.full(outputs, 0.01, np.float32),
        )


def main(inputs: Mapping[str, tuple[tuple[int, ...], str]], build: Any, **attrs: Any) -> tvm.IRModule:
    """A module whose ``main`` takes ``inputs`` and returns what ``build(body, *params)`` returns."""
    body = Body()
    params = [relax.Var(name, relax.TensorType(shape, dtype)) for name, (shape, dtype) in inputs.items()]
    with body.builder.function("main", params, attrs or None):
        with body.builder.dataflow():
            result = body.builder.emit_output(build(body, *params))
        body.builder.emit_func_output(result)
    return body.builder.get()


def assert_same_function(found: tvm.IRModule, expected: tvm.IRModule) -> None:
    """Structural equality of ``main`` without its attributes and without a copy of the result to a new name."""
    functions = []
    for module in (found, expected):
        function = rewrite_main(module)["main"]
        for name in dict(function.attrs.items()) if function.attrs is not None else {}:
            function = function if name == "global_symbol" else function.without_attr(name)
        functions.append(function)
    tvm.ir.assert_structural_equal(functions[0], functions[1])


def conv2d(
    *,
    strides: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    input_zero_point: int = 0,
    output_min: int = -128,
    output_max: int = 127,
) -> Conv2d:
    """A convolution's attributes."""
    return Conv2d(strides, padding, (1, 1), groups, onnx.WeightedSum(input_zero_point, 0, output_min, output_max))


def conv_constants(outputs: int, kernel: int, inputs: int) -> dict[str, np.ndarray]:
    """Constants of a convolution."""
    shape = (outputs, kernel, kernel, inputs)
    count = int(np.prod(shape))
    return {
        "weight": (np.arange(count) % 17 - 8).astype(np.int8).reshape(shape),
        "bias": np.arange(outputs, dtype=np.int32),
        "multiplier": np.full(outputs, 0.01, np.float32),
    }


def max_pool(kernel: int = 2) -> MaxPool2d:
    """A max pool without padding."""
    return MaxPool2d((kernel, kernel), (kernel, kernel), (0, 0, 0, 0), (1, 1))


def table_of(function: Any) -> np.ndarray:
    """The table, in the order of bit patterns, of a function of int8."""
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
    results: np.ndarray = np.clip(function(values), -128, 127)
    return results.astype(np.int8)


QUANTIZE = Quantize(0.5, 3, "int8")
DEQUANTIZE = Dequantize(0.25, -7)
