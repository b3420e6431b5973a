"""A case: a random network, how its model is written, and the options that it is compiled with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import onnx

from tests.random_networks.choosing import random_network
from tests.random_networks.growing import Network, run_model
from tests.random_networks.quantising import Quantisation, Style, feeds, random_quantisations, random_style
from tests.random_networks.writing import Writer, renamed
from tinyseg_tvm.boards import load_board

NOISY_TWINS = 3

BOARDS = (
    *["host"] * 8,
    *["mps2_an386"] * 2,
    *("mps3_an547", "mps2_an385", "microbit", "mps2_an500", "mps2_an505", "lm3s6965evb", "netduinoplus2"),
)
REMOTE = {"uart"}  # storages that need a program beside the board


@dataclass(frozen=True)
class Options:
    """How a case is compiled.

    Attributes:
        build: options of the build.
        ram_share: where not None, the model is compiled a second time with this share of the RAM that it took, or with
            what the refusal of that says.
    """

    build: dict[str, Any] = field(default_factory=dict)
    ram_share: float | None = None


@dataclass(frozen=True)
class Case:
    """What is compiled and judged. Equal seeds and numbers give equal cases."""

    name: str
    network: Network
    style: Style
    quantisations: dict[str, Quantisation]
    options: Options
    seed: int

    @cached_property
    def model(self) -> Any:
        """The ONNX model that TinySeg gets."""
        made = renamed(Writer(self.network, self.style, self.quantisations).model(), self.style)
        if self.style.open_dimensions:
            for index, value in enumerate(self.input_infos(made)):
                for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
                    dimension.dim_param = "N" if axis == 0 else f"d{index}_{axis}"
        return made

    def input_infos(self, model: Any) -> list[Any]:
        """The model's inputs that are no initialisers."""
        return list(model.graph.input)[: len(self.network.inputs)]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of inputs that the file leaves open."""
        if not self.style.open_dimensions:
            return {}
        infos = self.input_infos(self.model)
        return {
            info.name: self.network.values[name].shape for info, name in zip(infos, self.network.inputs, strict=True)
        }

    @cached_property
    def feeds(self) -> list[list[np.ndarray]]:
        """Vectors of the model's inputs, in order."""
        vectors = feeds(self.network, self.style, self.quantisations, 2, self.seed)
        return [list(vector.values()) for vector in vectors]

    def _twin(self, noise: np.random.Generator | None) -> list[list[np.ndarray]]:
        """What ONNX Runtime computes for the model in QDQ form under plain names, perhaps with noise."""
        style = replace(self.style, form="float" if not self.quantisations else "qdq", direct=False)
        style = replace(style, initialisers_as_inputs=False, constant_nodes=False)
        writer = Writer(self.network, style, self.quantisations, noise)
        model = writer.model()
        names = [value.name for value in self.input_infos(model)]
        return [
            run_model(model, {**dict(zip(names, vector, strict=True)), **writer.noise_feeds}) for vector in self.feeds
        ]

    def expected(self) -> list[list[np.ndarray]]:
        """Outputs per vector, as ONNX Runtime computes them without optimisation."""
        return self._twin(None)

    def noisy(self) -> list[list[list[np.ndarray]]]:
        """Outputs per twin and vector where now and then a value is rounded to a neighbour."""
        return [self._twin(np.random.default_rng([self.seed, twin])) for twin in range(NOISY_TWINS)]

    def as_given(self) -> list[list[np.ndarray]]:
        """What ONNX Runtime computes for the very model, to see that the model is one."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for node in model.graph.node:
            node.name = ""  # ONNX Runtime wants them to be unique, ONNX does not
        names = [value.name for value in self.input_infos(model)]
        return [run_model(model, dict(zip(names, vector, strict=True))) for vector in self.feeds]

    def step(self, output: int) -> float:
        """The step of an output's quantisation in the output's own unit; 0 for one that is not quantised."""
        name = self.network.outputs[output]
        if name not in self.quantisations:
            return 0.0
        return 1.0 if self.style.integer_outputs else self.quantisations[name].scale


def random_case(seed: int, number: int, wide: bool = False) -> Case:
    """The case of a seed and a number; ``wide``: with layers and types that the others do not have."""
    draw = np.random.default_rng([seed, number])
    network = random_network(draw, wide)
    while not network.outputs:
        network = random_network(draw, wide)
    style = random_style(draw, network.opset)
    if wide and style.form == "qdq" and network.opset >= 21:
        style = replace(style, activations=str(draw.choice(["int16", "uint16", style.activations])))
    quantisations = random_quantisations(network, style, draw)
    return Case(f"{seed}-{number}", network, style, quantisations, random_options(draw), seed)


def random_options(draw: np.random.Generator) -> Options:
    """Options of a build, most of them as they are by default."""

    def maybe(share: float) -> bool:
        return bool(draw.random() < share)

    build: dict[str, Any] = {}
    board = str(draw.choice(BOARDS))
    build["board"] = board
    if maybe(0.5):
        build["io"] = "line"
    if maybe(0.6):
        build["stream_axis"] = str(draw.choice(["rows", "columns"]))
    if maybe(0.1):
        build["layerwise"] = True
    elif maybe(0.2):
        build["max_recompute"] = float(draw.choice([5.0, 30.0, 200.0]))
    storages = [storage.name for storage in load_board(board).storages if storage.name not in REMOTE]
    if maybe(0.2) and storages:
        build["storage"] = str(draw.choice(storages))
        build["codec"] = str(draw.choice(["none", "none", "delta", "mask", "auto"]))
        if maybe(0.3):
            build["max_written"] = int(draw.choice([0, 500, 3000]))
    if maybe(0.15):
        build["io_type"] = "quantized"
    if maybe(0.15):
        build["objective"] = "speed"
    if maybe(0.1):
        build["effort"] = 2
    share = float(draw.uniform(0.6, 1.3)) if maybe(0.2) else None
    return Options(build, share)
