"""Small networks with tensors spilled by hand, planned and written as projects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.codegen.harness import HOST, NetworkBuilder, problem_of, random_inputs
from tinyseg_tvm.codegen import generate
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.network.decisions import Copy, Spilling
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Fetch, MaxPool2d, Spill, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.validator import validate
from tinyseg_tvm.relay_passes.insert_spill_fetch import insert_spill_fetch
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def conv_constants(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {
        "weight": rng.integers(-127, 128, shape).astype(np.int8),
        "bias": rng.integers(-500, 500, shape[0]).astype(np.int32),
        "multiplier": rng.uniform(0.002, 0.006, shape[0]).astype(np.float32),
    }


def small_unet(height: int = 16, width: int = 12, base: int = 4, name: str = "net") -> Network:
    """Two levels; the skips are ``skip0`` and ``skip1``. ReLU makes their values sparse."""
    rng = np.random.default_rng(3)
    b = NetworkBuilder(name)

    def conv(label: str, inputs: list[str], channels: int, outputs: int) -> str:
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(0, -128, -128, 127))
        return b.node(label, operator, inputs, **conv_constants(rng, outputs, 3, 3, channels))

    x = b.input("x", TensorType((1, height, width, 3), "int8"))
    skip0 = conv("skip0", [x], 3, base)
    skip1 = conv("skip1", [b.node("pool0", MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0), (1, 1)), [skip0])], base, 2 * base)
    x = conv("deep", [b.node("pool1", MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0), (1, 1)), [skip1])], 2 * base, 2 * base)
    up = Conv2dTranspose((2, 2), (0, 0, 0, 0), (0, 0), (1, 1), 1, onnx.WeightedSum(-128, -128, -128, 127))
    x = b.node("up1", up, [x], **conv_constants(rng, base, 2, 2, 2 * base))
    x = conv("join1", [x, skip1], 3 * base, base)
    x = b.node("up0", up, [x], **conv_constants(rng, base, 2, 2, base))
    x = conv("join0", [x, skip0], 2 * base, 2)
    b.output(x)
    return b.build()


def spilled(
    network: Network,
    tensor: str,
    consumers: tuple[str, ...],
    *,
    storage: str = "file",
    slot: int = 0,
    ahead: int = 1,
    **options: Any,
) -> Network:
    """``network`` with ``tensor`` spilled, and fetched for each of the ``consumers`` by a Fetch of its own.

    ``options`` are further fields of Spill; ``lines`` spills a part.
    """
    spill = Spill(storage, slot, **options)
    own = ("storage", "slot", "codec", "block", "group", "first_line")
    fetch = Fetch(**{field: getattr(spill, field) for field in own}, ahead=ahead)
    fetched = tuple(Copy(f"{tensor}.{consumer}", (consumer,)) for consumer in consumers)
    decision = Spilling(tensor, f"{tensor}.stored", fetched, spill, fetch)
    return LoweredModule.of_network(network).after(insert_spill_fetch([decision])).network


def library_files(network: Network, io: IoMode = "resident") -> dict[str, bytes]:
    """The planned network's C library with one test vector."""
    problem = problem_of(network, io)
    found = plan(problem)
    validate(problem, found)
    files = generate(network, problem, found, name=network.name, core=HOST, io=io, metadata={})
    inputs = random_inputs(network, np.random.default_rng(5))
    outputs = run_reference(network, inputs, layout="device")
    for kind, arrays in (("input", inputs), ("output", outputs)):
        files |= {f"tests/{kind}0_{port}.bin": array.tobytes() for port, array in enumerate(arrays)}
    return files


def project(network: Network, board: Any, directory: Path, io: IoMode = "resident", **arguments: Any) -> Project:
    return generate_project(board, library_files(network, io), directory, **arguments)


def metadata(files: Mapping[str, bytes]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files["metadata.json"])
    return content
