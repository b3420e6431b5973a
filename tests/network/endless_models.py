"""Random networks over maps, for endless input: float32 in ONNX, of windows, strides, resizes and branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from tests.frontend.onnx_models import model, node, port

CHANNELS = 3
WIDTH = 5


class Grower:
    """Grows a network step by step; ``lines`` of the current tensor for each ``of`` lines of the input."""

    def __init__(self, rng: np.random.Generator, height: int) -> None:
        self.rng = rng
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.height = self.lines = height
        self.width = WIDTH
        self.channels = CHANNELS
        self.name = "x"

    def add(self, kind: str, inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, name, **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def weights(self, *shape: int) -> str:
        return self.constant(self.rng.normal(0, 0.5, shape).astype(np.float32))

    def conv(self, *, stride: int = 1) -> None:
        kernel, dilation = int(self.rng.integers(1, 5)), int(self.rng.integers(1, 3))
        kernel = max(kernel, stride)
        reach = dilation * (kernel - 1)
        top = int(self.rng.integers(0, reach + 1))
        outputs = int(self.rng.integers(2, 5))
        weight = self.weights(outputs, self.channels, kernel, 1)
        # below as much padding as keeps the lines, or divides them
        pads = [top, 0, max(reach - top - (stride - 1), 0), 0]
        self.name = self.add(
            "Conv",
            f"{self.name} {weight} {self.weights(outputs)}",
            pads=pads,
            strides=[stride, 1],
            dilations=[dilation, 1],
        )
        self.channels = outputs
        self.lines = (self.lines + pads[0] + pads[2] - reach - 1) // stride + 1

    def pool(self) -> None:
        kind = self.rng.choice(["MaxPool", "AveragePool"])
        more: dict[str, Any] = {"count_include_pad": 1} if kind == "AveragePool" else {}
        top = int(self.rng.integers(0, 2))
        self.name = self.add(kind, self.name, kernel_shape=[2, 1], strides=[2, 1], pads=[top, 0, 0, 0], **more)
        self.lines = (self.lines + top - 2) // 2 + 1

    def up(self) -> None:
        kind = self.rng.choice(["ConvTranspose", "nearest", "linear", "DepthToSpace"])
        if kind == "ConvTranspose":
            kernel = int(self.rng.integers(2, 5))
            top = int(self.rng.integers(0, kernel - 1))
            weight = self.weights(self.channels, self.channels, kernel, 1)
            bottom = max(kernel - 2 - top, 0)
            self.name = self.add("ConvTranspose", f"{self.name} {weight}", strides=[2, 1], pads=[top, 0, bottom, 0])
            self.lines = (self.lines - 1) * 2 + kernel - top - bottom
        elif kind == "DepthToSpace":
            outputs = 4 * self.channels
            mixed = self.add("Conv", f"{self.name} {self.weights(outputs, self.channels, 1, 1)}")
            self.name = self.add("DepthToSpace", mixed, blocksize=2)
            self.lines, self.width = 2 * self.lines, 2 * self.width
        else:
            scales = self.constant(np.array([1, 1, 2, 1], np.float32))
            mode = {"nearest": "asymmetric", "linear": "half_pixel"}[str(kind)]
            more: dict[str, Any] = {"nearest_mode": "floor"} if kind == "nearest" else {}
            self.name = self.add(
                "Resize", f"{self.name} - {scales}", mode=str(kind), coordinate_transformation_mode=mode, **more
            )
            self.lines *= 2

    def branch(self) -> None:
        """A convolution beside what is there, joined again by sum or channels."""
        before, channels, lines = self.name, self.channels, self.lines
        self.conv()
        if self.lines != lines:
            return
        if channels == self.channels and self.rng.integers(2):
            self.name = self.add("Add", f"{before} {self.name}")
        else:
            self.name = self.add("Concat", f"{before} {self.name}", axis=1)
            self.channels += channels

    def activation(self) -> None:
        self.name = self.add(str(self.rng.choice(["Relu", "Sigmoid", "Tanh"])), self.name)

    def built(self, tail: str = "") -> onnx.ModelProto:
        shape = [1, self.channels, self.lines, self.width]
        name = self.name
        if tail == "GlobalAveragePool":
            name, shape = self.add("GlobalAveragePool", name), [1, self.channels, 1, 1]
        elif tail == "Gemm":
            flat = self.add("Flatten", name)
            name = self.add("Gemm", f"{flat} {self.weights(int(np.prod(shape)), 4)}")
            shape = [1, 4]
        inputs = [port("x", [1, CHANNELS, self.height, WIDTH])]
        return model(self.nodes, inputs, [port(name, shape)], self.constants)


def random_map_network(seed: int, height: int) -> onnx.ModelProto:
    """Down and up again, with branches: maps to maps."""
    grower = Grower(np.random.default_rng(seed), height)
    levels = int(grower.rng.integers(0, 3))
    grower.conv()
    for _ in range(levels):
        grower.branch()
        grower.conv(stride=2) if grower.rng.integers(2) else grower.pool()
        grower.activation()
    grower.branch()
    for _ in range(int(grower.rng.integers(0, levels + 1))):
        grower.up()
        grower.branch()
    return grower.built()


def random_window_network(seed: int, height: int) -> onnx.ModelProto:
    """Without padding along lines, and a result for the whole window."""
    grower = Grower(np.random.default_rng(seed), height)
    for _ in range(int(grower.rng.integers(1, 4))):
        kernel, stride = int(grower.rng.integers(1, 4)), int(grower.rng.integers(1, 3))
        if grower.lines < kernel + 2:
            break
        outputs = int(grower.rng.integers(2, 5))
        weight = grower.weights(outputs, grower.channels, kernel, 1)
        grower.name = grower.add("Conv", f"{grower.name} {weight}", strides=[stride, 1])
        grower.channels, grower.lines = outputs, (grower.lines - kernel) // stride + 1
        grower.activation()
    return grower.built(str(grower.rng.choice(["GlobalAveragePool", "Gemm"])))
