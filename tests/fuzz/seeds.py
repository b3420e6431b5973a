"""Small sound models of both formats, from which mutants are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from tests.frontend.onnx_models import model, node, port, small_network
from tests.frontend.tflite_files import TfliteFile, convolution
from tests.fuzz.meanings import ChangedTflite
from tests.random_networks.cases import random_case
from tests.tflite_networks.choosing import random_network


@dataclass(frozen=True)
class TfliteSeed:
    """What a TensorFlow Lite file is made of: its tensors and operators, and which tensors are ports."""

    made: TfliteFile
    inputs: list[int]
    outputs: list[int]


def seeds() -> dict[str, bytes]:
    """Files by name; the suffix says the format."""
    found = {name: seed.made.to_bytes(seed.inputs, seed.outputs) for name, seed in tflite_seeds().items()}
    found["network.onnx"] = small_network().SerializeToString()
    found["functions.onnx"] = _float_functions().SerializeToString()
    found["movement.onnx"] = _float_movement().SerializeToString()
    return found


def tflite_seeds() -> dict[str, TfliteSeed]:
    """What the files of TensorFlow Lite are made of, by their names."""
    found = {f"windows_{dtype}.tflite": _windows(dtype) for dtype in ("int8", "uint8")}
    found["movement.tflite"] = _movement()
    found["functions_int8.tflite"] = _functions("int8")
    found["functions_float32.tflite"] = _functions("float32")
    return found


def grown_onnx(seed: int, number: int) -> bytes:
    """A network of tests/random_networks, as a file."""
    return bytes(random_case(seed, number).model.SerializeToString())


def grown_tflite(seed: int, number: int) -> ChangedTflite:
    """A network of tests/tflite_networks."""
    made = random_network(seed, number)
    inputs = [index for index in made.inputs if index in made.read]
    return ChangedTflite(made.file, inputs, [each.index for each in made.results])


def _windows(dtype: str) -> TfliteSeed:
    made = convolution(np.random.default_rng(3), dtype=dtype)
    return TfliteSeed(made, [0], [len(made.tensors) - 1])


def _movement() -> TfliteSeed:
    """What moves elements, with its constants: shapes, paddings, slices, splits, sizes."""
    made = TfliteFile()

    def ints(*values: int) -> int:
        return made.constant(np.array(values, np.int32))

    def step(kind: str, inputs: list[int], shape: tuple[int, ...], **options: object) -> int:
        result = made.tensor(shape, "int8", 0.1, 3)
        made.operator(kind, inputs, [result], **options)
        return result

    x = made.tensor((1, 4, 6, 2), "int8", 0.1, 3, name="x")
    padded = step("PAD", [x, made.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))], (1, 6, 8, 2))
    turned = step("TRANSPOSE", [padded, ints(0, 2, 1, 3)], (1, 8, 6, 2))
    slices = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    cut = step("STRIDED_SLICE", [turned, ints(0, 1, 0, 0), ints(1, 7, 6, 2), ints(1, 2, 1, 1)], (1, 3, 6, 2), **slices)
    larger = step("RESIZE_NEAREST_NEIGHBOR", [cut, ints(6, 12)], (1, 6, 12, 2), align_corners=0, half_pixel_centers=0)
    halves = [made.tensor((1, 6, 6, 2), "int8", 0.1, 3) for _ in range(2)]
    made.operator("SPLIT", [made.constant(np.array(2, np.int32)), larger], halves, num_splits=2)
    joined = step("CONCATENATION", halves, (1, 6, 6, 4), axis=3, fused_activation_function="NONE")
    deep = step("DEPTH_TO_SPACE", [joined], (1, 12, 12, 1), block_size=2)
    flat = step("RESHAPE", [deep, ints(1, 144)], (1, 144), new_shape=[1, 144])
    y = step("SLICE", [flat, ints(0, 3), ints(1, 20)], (1, 20))
    return TfliteSeed(made, [x], [y])


def _functions(dtype: str) -> TfliteSeed:
    """Arithmetic of two operands, functions of one, reductions."""
    made = TfliteFile()
    scale = None if dtype == "float32" else 0.05

    def step(kind: str, inputs: list[int], shape: tuple[int, ...], **options: object) -> int:
        result = made.tensor(shape, dtype, scale, 0)
        made.operator(kind, inputs, [result], **options)
        return result

    x = made.tensor((1, 4, 4, 3), dtype, scale, 0, name="x")
    z = made.tensor((1, 4, 4, 3), dtype, scale, 0, name="z")
    total = step("ADD", [x, z], (1, 4, 4, 3), fused_activation_function="RELU")
    product = step("MUL", [total, z], (1, 4, 4, 3), fused_activation_function="NONE")
    leaky = step("LEAKY_RELU", [product], (1, 4, 4, 3), alpha=0.1)
    swished = step("HARD_SWISH", [leaky], (1, 4, 4, 3))
    largest = step("MAXIMUM", [swished, x], (1, 4, 4, 3))
    mean = step("MEAN", [largest, made.constant(np.array([1, 2], np.int32))], (1, 3), keep_dims=0)
    return TfliteSeed(made, [x, z], [mean])


def _float_functions() -> onnx.ModelProto:
    """Windows, arithmetic and reductions of float32 with their attributes."""
    rng = np.random.default_rng(4)
    nodes = [
        node("Conv", "x w b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], group=1),
        node("LeakyRelu", "c", "l", alpha=0.1),
        node("AveragePool", "l", "a", kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0], count_include_pad=0),
        node("Mul", "a s", "m"),
        node("Softmax", "m", "p", axis=1),
        node("ReduceMean", "p", "r", axes=[2, 3], keepdims=1),
        node("Add", "r b4", "y"),
    ]
    constants = {
        "w": rng.standard_normal((4, 2, 3, 3)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
        "s": rng.standard_normal((1, 4, 1, 1)).astype(np.float32),
        "b4": rng.standard_normal((1, 4, 1, 1)).astype(np.float32),
    }
    return model(nodes, [port("x", [1, 2, 4, 6])], [port("y", [1, 4, 1, 1])], constants)


def _float_movement() -> onnx.ModelProto:
    """What moves elements, with its constants and attributes."""
    nodes = [
        node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
        node("Slice", "t starts ends axes steps", "s"),
        node("Pad", "s pads", "d", mode="constant"),
        node("Gather", "d picked", "g", axis=1),
        node("Concat", "g d", "j", axis=1),
        node("Resize", "j - scales", "z", mode="nearest", coordinate_transformation_mode="asymmetric"),
        node("Reshape", "z shape", "y", allowzero=0),
    ]
    constants = {
        "starts": np.array([0, 1], np.int64),
        "ends": np.array([6, 4], np.int64),
        "axes": np.array([2, 3], np.int64),
        "steps": np.array([2, 1], np.int64),
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1], np.int64),
        "picked": np.array([1, 0], np.int64),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "shape": np.array([1, -1], np.int64),
    }
    return model(nodes, [port("x", [1, 2, 4, 6])], [port("y", [1, 256])], constants)
