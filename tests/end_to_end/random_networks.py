"""Random networks of every operator: chains, skips, branches, gates, several inputs and outputs, edges of other types.

A network grows block by block from a seed, so that a failure is named by one number. Sizes are small: what matters is
which lines meet, not how many.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from tests.codegen.harness import NetworkBuilder
from tests.operators.operator_cases import resize_table, weighted_sum_constants
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import (
    ArgMax,
    AveragePool2d,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Dense,
    DepthToSpace,
    Dequantize,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Operator,
    Pad,
    Quantize,
    Reshape,
    Resize2d,
    Slice,
    Softmax,
    TensorType,
    Transpose,
)
from tinyseg_tvm.operators.arithmetic import onnx

LARGEST_ELEMENTS = 1200  # of a tensor; blocks that would grow beyond are left out
LARGEST_LINES = 28
T = TypeVar("T")
Shape = tuple[int, ...]


def _arithmetic(function: str) -> list[onnx.Binary]:
    """A few sets of scales and zero points: the code generator proves an integer form of each, which takes a while."""
    rng = np.random.default_rng(len(function))
    names = ("lhs_zero_point", "rhs_zero_point", "output_zero_point")
    return [
        onnx.Binary(
            lhs_scale=0.1,
            rhs_scale=0.07,
            output_scale=1.0 if function == "mul" else 0.2,
            output_min=low,
            output_max=high,
            **_zero_points(rng, names),
        )
        for low, high in ((-128, 127), (-128, 127), (-5, 127), (-128, 40))
    ]


def _zero_points(rng: np.random.Generator, names: Sequence[str]) -> dict[str, Any]:
    return {name: int(rng.choice([0, -128, int(rng.integers(-128, 128))])) for name in names}


ARITHMETIC = {function: _arithmetic(function) for function in ("add", "sub", "mul")}


@dataclass
class Growth:
    """A network in the making.

    Attributes:
        rng: decides everything.
        flat: maps have one column (1-D networks).
        maps: names of int8 feature maps (1, H, W, C), in the order of their making.
        used: names of tensors that something reads.
    """

    rng: np.random.Generator
    flat: bool
    builder: NetworkBuilder = field(default_factory=NetworkBuilder)
    maps: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def shape(self, name: str) -> Shape:
        return self.builder.tensors[name].type.shape

    def integer(self, low: int, high: int) -> int:
        """Low and high included."""
        return int(self.rng.integers(low, high, endpoint=True))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choice(self, values: Sequence[T]) -> T:
        return values[self.integer(0, len(values) - 1)]

    def zero_point(self) -> int:
        return self.integer(-128, 127) if self.chance(0.5) else self.choice([-128, 0, 127])

    def weighted_sum(self) -> onnx.WeightedSum:
        return onnx.WeightedSum(self.zero_point(), **self.clamp())

    def clamp(self) -> dict[str, Any]:
        low, high = self.choice([(-128, 127), (-128, 127), (-5, 127), (-128, 40)])
        return {"output_zero_point": self.zero_point(), "output_min": low, "output_max": high}

    def node(self, operator: Operator, inputs: Sequence[str], **constants: np.ndarray) -> str:
        """Adds a node. Raises ValueError where the operator does not take the operands or the result is too large."""
        types = {name: TensorType(array.shape, str(array.dtype)) for name, array in constants.items()}
        (result,) = operator.infer([self.builder.tensors[name].type for name in inputs], types)
        if result.elements > LARGEST_ELEMENTS or result.lines > LARGEST_LINES:
            raise ValueError("too large")
        name = self.builder.node(f"{operator.kind}_{len(self.builder.nodes)}", operator, list(inputs), **constants)
        self.used.update(inputs)
        if len(result.shape) == 4 and result.shape[0] == 1 and result.dtype == "int8":
            self.maps.append(name)
        return name

    def map(self) -> str:
        """One of the last maps, rarely an old one."""
        recent = self.maps[-1 - min(int(self.rng.geometric(0.6)) - 1, len(self.maps) - 1)]
        return self.choice(self.maps) if self.chance(0.15) else recent

    def pair(self, low: int, high: int) -> tuple[int, int]:
        """Values down and across the map; 1 across a map of one column."""
        return self.integer(low, high), 1 if self.flat else self.integer(low, high)

    def padding_less_than(self, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
        top, left, bottom, right = (
            0 if self.flat and axis % 2 else self.integer(0, kernel[axis % 2] - 1) for axis in range(4)
        )
        return top, left, bottom, right

    # Single operators.

    def conv(
        self,
        pieces: Sequence[str],
        outputs: int | None = None,
        *,
        kernel: tuple[int, int] | None = None,
        same: bool = False,
        stride: tuple[int, int] | None = None,
    ) -> str:
        """A convolution of any kind; ``same`` keeps height and width."""
        channels = sum(self.shape(piece)[3] for piece in pieces)
        kernel = kernel or self.pair(1, 4)
        dilation = self.pair(1, 3) if self.chance(0.3) else (1, 1)
        if same:
            high, wide = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
            top, left = (self.integer(0, span) if self.chance(0.2) else span // 2 for span in (high, wide))
            bottom, right = high - top, wide - left
            strides = (1, 1)
        else:
            top, left = self.pair(0, 3)[0], 0 if self.flat else self.integer(0, 3)
            bottom, right = self.integer(0, 3), 0 if self.flat else self.integer(0, 3)
            strides = stride or (self.pair(1, 3) if self.chance(0.4) else (1, 1))
        divisors = [g for g in range(2, channels + 1) if channels % g == 0]
        groups, made = 1, outputs or self.integer(1, 8)
        if len(pieces) == 1 and outputs is None and divisors and self.chance(0.45):
            groups = channels if self.chance(0.6) else self.choice(divisors)
            made = groups * (1 if self.chance(0.7) else 2)
        operator = Conv2d(strides, (top, left, bottom, right), dilation, groups, self.weighted_sum())
        constants = weighted_sum_constants(self.rng, (made, *kernel, channels // groups))
        return self.node(operator, pieces, **constants)

    def conv_transpose(self, x: str, outputs: int | None = None, exact: bool = False) -> str:
        """``exact`` doubles height and width without overlap."""
        channels = self.shape(x)[3]
        stride = (2, 1 if self.flat else 2) if exact else self.pair(1, 3)
        kernel = stride if exact else self.pair(1, 4)
        dilation = self.pair(1, 2) if not exact and self.chance(0.3) else (1, 1)
        padding = (0, 0, 0, 0) if exact or self.chance(0.5) else (*self.pair(0, 1), *self.pair(0, 1))
        if self.flat:
            padding = (padding[0], 0, padding[2], 0)
        extra = (0, 0) if exact or self.flat or self.chance(0.6) else self.pair(0, 2)
        groups = channels if self.chance(0.2) and not outputs else 1
        operator = Conv2dTranspose(stride, padding, extra, dilation, groups, self.weighted_sum())
        made = (outputs or self.integer(1, 6)) if groups == 1 else groups
        constants = weighted_sum_constants(self.rng, (made, *kernel, channels // groups))
        return self.node(operator, [x], **constants)

    def max_pool(self, x: str) -> str:
        kernel = self.pair(1, 3)
        padding = self.padding_less_than(kernel)
        return self.node(MaxPool2d(kernel, self.pair(1, 3), padding, self.pair(1, 2)), [x])

    def average_pool(self, x: str) -> str:
        kernel = self.pair(1, 3)
        padding = self.padding_less_than(kernel)
        quantisation = (0.1, self.zero_point(), 0.13, self.zero_point())
        return self.node(
            AveragePool2d(kernel, self.pair(1, 3), padding, self.chance(0.5), onnx.Average(*quantisation)), [x]
        )

    def global_pool(self, x: str) -> str:
        zero_point = self.zero_point()
        if self.chance(0.3):
            return self.node(GlobalPool("max"), [x])
        return self.node(GlobalPool("average", onnx.Average(0.1, zero_point, 0.07, self.zero_point())), [x])

    def lookup(self, x: str) -> str:
        return self.node(Lookup("int8"), [x], table=self.rng.permutation(256).astype(np.uint8).view(np.int8))

    def elementwise(self, lhs: str, rhs: str, function: str | None = None) -> str:
        function = function or self.choice(["add", "sub", "mul"])
        return self.node(Elementwise(function, self.choice(ARITHMETIC[function])), [lhs, rhs])

    def elementwise_constant(self, x: str) -> str:
        shape = self.shape(x) if self.chance(0.4) else self.shape(x)[-1:]
        function = self.choice(["add", "sub", "mul"])
        arithmetic = self.choice(ARITHMETIC[function])
        operator = ElementwiseConstant(function, self.chance(0.5), arithmetic)
        return self.node(operator, [x], other=self.rng.integers(-128, 128, shape, dtype=np.int8))

    def pad(self, x: str) -> str:
        before, after = ((0, self.integer(0, 2), 0 if self.flat else self.integer(0, 2), 0) for _ in range(2))
        return self.node(Pad(before, after, float(self.zero_point())), [x])

    def slice(self, x: str) -> str:
        shape = self.shape(x)
        begin = tuple(self.integer(0, min(extent - 1, 2)) for extent in shape)
        end = tuple(max(first + 1, extent - self.integer(0, 2)) for first, extent in zip(begin, shape, strict=True))
        strides = tuple(1 if self.chance(0.7) else 2 for _ in shape)
        return self.node(Slice(begin, end, strides), [x])

    def resize(self, x: str) -> str:
        linear = self.chance(0.5)
        _, height, width, _ = self.shape(x)
        rows, columns = self.integer(1, 2 * height), 1 if self.flat else self.integer(1, 2 * width)
        tables = (*resize_table(height, rows, linear), *resize_table(width, columns, linear))
        constants = dict(zip(("rows", "row_weights", "columns", "column_weights"), tables, strict=True))
        zero_point = self.zero_point()
        interpolation = onnx.Interpolation(0.1, zero_point, 0.08, self.zero_point()) if linear else None
        return self.node(Resize2d("linear" if linear else "nearest", interpolation), [x], **constants)

    def transpose(self, x: str) -> str:
        return self.node(Transpose((0, *(1 + int(axis) for axis in self.rng.permutation(3)))), [x])

    def reshape(self, x: str) -> str:
        _, height, width, channels = self.shape(x)
        shapes = [(1, height, 1, width * channels), (1, width, height, channels), (1, 1, height * width, channels)]
        return self.node(Reshape(self.choice(shapes)), [x])

    def dense(self, x: str, flatten: bool) -> str:
        elements = int(np.prod(self.shape(x))) if flatten else self.shape(x)[-1]
        constants = weighted_sum_constants(self.rng, (self.integer(1, 6), elements))
        return self.node(Dense(flatten, self.weighted_sum()), [x], **constants)

    # Blocks of several operators.

    def residual(self, x: str) -> str:
        """x plus one or two convolutions of it; sometimes of a strided branch beside a strided shortcut."""
        channels = self.shape(x)[3]
        if self.chance(0.3):
            stride = (2, 1 if self.flat else 2)
            lhs, rhs = (self.conv([x], channels, kernel=(1, 1), stride=stride) for _ in range(2))
            return self.elementwise(lhs, rhs, "add")
        y = self.conv([x], self.integer(1, 6), same=True) if self.chance(0.5) else x
        return self.elementwise(self.conv([y], channels, same=True), x)

    def gate(self, x: str) -> str:
        """Squeeze and excite: the map times a value per channel that depends on all of it."""
        channels = self.shape(x)[3]
        squeezed = self.conv([self.global_pool(x)], self.integer(1, 4), kernel=(1, 1), same=True)
        excited = self.conv([self.lookup(squeezed)], channels, kernel=(1, 1), same=True)
        return self.elementwise(*((x, excited) if self.chance(0.7) else (excited, x)), "mul")

    def branches(self, x: str) -> str:
        """Convolutions beside each other, joined by a convolution over the pieces or by a copy."""
        pieces = [self.conv([x], self.integer(1, 4), same=True) for _ in range(self.integer(2, 3))]
        if self.chance(0.4):
            pieces.append(x)
        return self.join(pieces)

    def join(self, pieces: Sequence[str]) -> str:
        if self.chance(0.5):
            return self.conv(pieces, self.integer(1, 6), same=self.chance(0.6))
        return self.node(Concat(3), pieces)

    def stack(self, x: str) -> str:
        """Joined along height or width."""
        other = self.conv([x], self.shape(x)[3], same=True) if self.chance(0.7) else self.lookup(x)
        return self.node(Concat(1 if self.flat else self.integer(1, 2)), [x, other])

    def hourglass(self, x: str) -> str:
        """Down, through a convolution, up, cropped to fit, joined with the skip."""
        shape = self.shape(x)
        stride = (2, 1 if self.flat else 2)
        low = self.node(MaxPool2d(stride, stride, (0, 0, stride[0] - 1, stride[1] - 1), (1, 1)), [x])
        low = self.conv([low], self.integer(2, 6), kernel=(3, 1 if self.flat else 3), same=True)
        if self.chance(0.3) and LARGEST_ELEMENTS > 64:
            low = self.hourglass(low) if self.shape(low)[1] > 2 else low
        if self.shape(low)[1:3] != (-(-shape[1] // 2), -(-shape[2] // stride[1])):
            raise ValueError("the inner block changed the size")
        up = self.conv_transpose(low, self.integer(1, 4), exact=True)
        if self.shape(up)[1:3] != shape[1:3]:
            up = self.node(Slice((0, 0, 0, 0), (1, shape[1], shape[2], self.shape(up)[3]), (1, 1, 1, 1)), [up])
        return self.join([up, x])

    def blocks_to_space(self, x: str) -> str:
        made = self.conv([x], 4 * self.integer(1, 2), same=True)
        return self.node(DepthToSpace(2, str(self.choice(["DCR", "CRD"]))), [made])

    # The ends.

    def input(self) -> None:
        """A map that arrives as int8, uint8 or float32."""
        width = 1 if self.flat else self.integer(1, 12)
        shape = (1, self.integer(3, 24 if self.flat else 14), width, self.integer(1, 4))
        dtype = str(self.choice(["int8", "int8", "uint8", "float32"]))
        scale = (None, None) if dtype == "float32" else (0.1, 0)
        name = self.builder.input(f"input_{len(self.builder.inputs)}", TensorType(shape, dtype), *scale)
        if dtype == "int8":
            self.maps.append(name)
            if self.chance(0.5):
                return
            with contextlib.suppress(ValueError):
                self.conv([name], same=True)
        elif dtype == "uint8":
            table = self.rng.permutation(256).astype(np.uint8).view(np.int8)
            self.node(Lookup("int8"), [name], table=table)
        else:
            self.node(Quantize(0.05, self.zero_point(), "int8"), [name])

    def head(self, x: str) -> None:
        """What often ends a network; the result is no map any more."""
        kind = self.integer(0, 4)
        if kind == 0:
            flat = self.dense(x, flatten=True)
            if self.chance(0.5):
                scores = self.node(Softmax(onnx.Softmax(1 / 256, -128)), [flat], table=_exponentials(self.rng))
                self.node(Dequantize(1 / 256, -128), [scores])
        elif kind == 1:
            dtype = str(self.choice(["int64", "int32", "uint8"]))
            self.node(ArgMax(self.chance(0.5), self.chance(0.5), dtype), [x])
        elif kind == 2:
            self.node(Dequantize(0.1, self.zero_point()), [x])
        elif kind == 3:
            self.node(Softmax(onnx.Softmax(1 / 256, -128)), [x], table=_exponentials(self.rng))
        else:
            self.node(Lookup("uint8"), [x], table=self.rng.permutation(256).astype(np.uint8))


def _exponentials(rng: np.random.Generator) -> np.ndarray:
    table: np.ndarray = np.exp(-np.arange(256) * rng.uniform(0.005, 0.2))
    return table.astype(np.float32)


BLOCKS: tuple[tuple[float, Callable[[Growth, str], str]], ...] = (
    (5.0, lambda g, x: g.conv([x])),
    (2.0, lambda g, x: g.conv([x], same=True)),
    (1.5, Growth.conv_transpose),
    (1.0, Growth.max_pool),
    (1.0, Growth.average_pool),
    (0.4, Growth.global_pool),
    (1.0, Growth.lookup),
    (0.7, Growth.elementwise_constant),
    (0.7, Growth.pad),
    (0.7, Growth.slice),
    (1.2, Growth.resize),
    (0.3, Growth.transpose),
    (0.3, Growth.reshape),
    (0.4, lambda g, x: g.dense(x, flatten=False)),
    (2.5, Growth.residual),
    (1.0, Growth.gate),
    (2.0, Growth.branches),
    (0.7, Growth.stack),
    (2.0, Growth.hourglass),
    (0.5, Growth.blocks_to_space),
)


def random_network(seed: int) -> Network:
    """The network of a seed: one to three inputs, every tensor that nothing reads (and sometimes others) an output."""
    rng = np.random.default_rng(seed)
    growth = Growth(rng, flat=bool(rng.random() < 0.15))
    growth.builder.name = f"net{seed}"
    for _ in range(int(rng.choice([1, 2, 3], p=[0.75, 0.2, 0.05]))):
        growth.input()
    weights = np.array([weight for weight, _ in BLOCKS])
    missing = growth.integer(2, 7)
    while missing:
        block = BLOCKS[int(rng.choice(len(BLOCKS), p=weights / weights.sum()))][1]
        try:
            block(growth, growth.map())
        except ValueError:
            continue
        missing -= 1
    for _ in range(growth.integer(0, 2)):
        growth.head(growth.map())
    return _with_ports(growth)


def _with_ports(growth: Growth) -> Network:
    builder, used = growth.builder, growth.used
    ports = {port.tensor for port in builder.inputs}
    for name in ports - used:
        growth.lookup(name)
    ends = [name for name in builder.tensors if name not in used and name not in ports]
    inner = [name for name in builder.tensors if name in used and name not in ports]
    if inner and growth.chance(0.2):
        ends.append(str(growth.choice(inner)))
    for name in ends:
        builder.output(name)
    network = builder.build()
    if not growth.chance(0.5):
        return network
    first = network.inputs[0]  # a model in channels first
    _, height, width, channels = network.tensors[first.tensor].type.shape
    first = replace(first, model_shape=(1, channels, height, width), permutation=(0, 2, 3, 1))
    return replace(network, inputs=(first, *network.inputs[1:]))
