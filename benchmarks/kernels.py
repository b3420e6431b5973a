"""Instructions of every kernel on every core, for a fixed list of layer shapes, and whole-network profiles.

Each shape is a network of one node: generated, built and run in QEMU, compared with the reference byte by byte.
Instructions are those of ``<name>_run`` (driver included), per multiply-accumulate or per element; so are the estimated
cycles of a Cortex-M4 (micro/cortex_m/cycle_estimate.py).

    python benchmarks/kernels.py [--boards mps2_an386,mps2_an385] [SHAPE ...]
    python benchmarks/kernels.py --boards mps2_an385:cortex-m0plus   # code for another core on a machine that runs it
    python benchmarks/kernels.py --networks FOLDER [--boards mps2_an386,mps3_an547,mps2_an385] [NETWORK ...]
    python benchmarks/kernels.py --profile MODEL.onnx [--boards mps2_an386] [--stream-axis rows] [--ram KIB]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from network_table import is_program, print_networks

from tinyseg_tvm.boards import Board, load_board, parse_board
from tinyseg_tvm.codegen import generate, kernel_cost
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.micro.cortex_m.cycle_estimate import estimate_cycles
from tinyseg_tvm.network.network import Network, Node, Tensor
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import (
    AveragePool2d,
    Conv2d,
    Conv2dTranspose,
    Dense,
    Elementwise,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Operator,
    TensorType,
)
from tinyseg_tvm.operators.arithmetic import float32, onnx
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.relay import BuildOptions, build, frontend
from tinyseg_tvm.report.tables import render

BOARDS = "mps2_an386"
QUANTISED = onnx.WeightedSum(input_zero_point=3, output_zero_point=-5, output_min=-128, output_max=127)
FLOAT_RELU = float32.WeightedSum(output_min=0.0, output_max=FLOAT32_MAX)


@dataclass(frozen=True)
class Shape:
    """A layer: its operator, operand shapes, weight shape, and what its cost is counted by."""

    name: str
    operator: Operator
    inputs: tuple[tuple[int, ...], ...]
    weight: tuple[int, ...] | None = None
    per: str = "MAC"  # or "input", "output": elements

    @property
    def dtype(self) -> str:
        """Element type of the activations."""
        return "float32" if self.name.startswith("float") else "int8"

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """Random weights whose results spread over int8."""
        rng = np.random.default_rng(0)
        if isinstance(self.operator, Lookup):
            return {"table": rng.permutation(256).astype(np.uint8).view(np.int8)}
        if self.weight is None:
            return {}
        outputs, terms = self.weight[0], int(np.prod(self.weight[1:]))
        if self.dtype == "float32":
            bias = rng.normal(size=outputs).astype(np.float32)
            return {"weight": rng.normal(size=self.weight).astype(np.float32), "bias": bias}
        return {
            "weight": rng.integers(-127, 128, self.weight).astype(np.int8),
            "bias": rng.integers(-2000, 2000, outputs).astype(np.int32),
            "multiplier": (rng.uniform(0.5, 1.5, outputs) / (90 * np.sqrt(terms))).astype(np.float32),
        }

    def network(self) -> Network:
        """The network of this node alone."""
        constants = self.constants
        types = {name: TensorType(array.shape, str(array.dtype)) for name, array in constants.items()}
        inputs = tuple(TensorType(shape, self.dtype) for shape in self.inputs)
        (result,) = self.operator.infer(inputs, types)
        names = tuple(f"x{k}" for k in range(len(inputs)))
        tensors = {name: Tensor(name, type_) for name, type_ in zip((*names, "y"), (*inputs, result), strict=True)}
        node = Node("layer", self.operator, names, ("y",), constants)
        return Network.of_node("kernel", node, tensors)


def _conv(
    name: str, height: int, width: int, channels: int, outputs: int, kernel: int = 3, stride: int = 1, *, split: int = 1
) -> Shape:
    pad = kernel // 2
    padding = (pad, pad, pad, pad) if stride == 1 else (0, 0, pad, pad)
    operator = Conv2d((stride, stride), padding, (1, 1), 1, QUANTISED)
    pieces = tuple((1, height, width, channels // split) for _ in range(split))
    return Shape(name, operator, pieces, (outputs, kernel, kernel, channels))


def _depthwise(name: str, height: int, width: int, channels: int, kernel: int = 3, stride: int = 1) -> Shape:
    pad = kernel // 2
    padding = (pad, pad, pad, pad) if stride == 1 else (0, 0, pad, pad)
    operator = Conv2d((stride, stride), padding, (1, 1), channels, QUANTISED)
    return Shape(name, operator, ((1, height, width, channels),), (channels, kernel, kernel, 1))


def _transposed(name: str, height: int, width: int, channels: int, outputs: int, kernel: int = 2) -> Shape:
    pad = (kernel - 2) // 2
    operator = Conv2dTranspose((2, 2), (pad, pad, pad, pad), (0, 0), (1, 1), 1, QUANTISED)
    return Shape(name, operator, ((1, height, width, channels),), (outputs, kernel, kernel, channels))


def _pool(name: str, height: int, width: int, channels: int, kernel: int = 2, stride: int = 2) -> Shape:
    operator = MaxPool2d((kernel, kernel), (stride, stride), (0, 0, 0, 0), (1, 1))
    return Shape(name, operator, ((1, height, width, channels),), per="input")


def _binary(name: str, function: str, channels: int = 16) -> Shape:
    scales = (0.021, 3, 0.034, -7, 0.043 if function == "add" else 0.01, 5)
    operator = Elementwise(function, onnx.Binary(*scales, -128, 127))
    return Shape(name, operator, ((1, 64, 64, channels),) * 2, per="output")


def _float_conv(name: str, height: int, width: int, channels: int, outputs: int, kernel: int = 3) -> Shape:
    pad = kernel // 2
    operator = Conv2d((1, 1), (pad, pad, pad, pad), (1, 1), 1, FLOAT_RELU)
    return Shape(name, operator, ((1, height, width, channels),), (outputs, kernel, kernel, channels))


def _float_depthwise(name: str, height: int, width: int, channels: int, stride: int = 1) -> Shape:
    operator = Conv2d((stride, stride), (1, 1, 1, 1), (1, 1), channels, FLOAT_RELU)
    return Shape(name, operator, ((1, height, width, channels),), (channels, 3, 3, 1))


def _float_transposed(name: str, height: int, width: int, channels: int, outputs: int, kernel: int = 2) -> Shape:
    pad = (kernel - 2) // 2
    operator = Conv2dTranspose((2, 2), (pad, pad, pad, pad), (0, 0), (1, 1), 1, FLOAT_RELU)
    return Shape(name, operator, ((1, height, width, channels),), (outputs, kernel, kernel, channels))


FLOAT_SHAPES = (
    _float_conv("float conv 3x3 64x64x16->16", 64, 64, 16, 16),
    _float_conv("float conv 3x3 32x32x32->32", 32, 32, 32, 32),
    _float_conv("float conv 3x3 16x16x64->64", 16, 16, 64, 64),
    _float_conv("float conv 3x3 64x64x3->16", 64, 64, 3, 16),
    _float_conv("float conv 1x1 64x64x32->16", 64, 64, 32, 16, kernel=1),
    _float_conv("float conv 3x3 63x63x15->15", 63, 63, 15, 15),
    _float_depthwise("float depthwise 3x3 48x48x32", 48, 48, 32),
    _float_depthwise("float depthwise 3x3 47x47x30", 47, 47, 30),
    _float_depthwise("float depthwise 3x3 s2 48x48x32", 48, 48, 32, stride=2),
    _float_transposed("float transposed 2x2 s2 16x16x64->32", 16, 16, 64, 32),
    _float_transposed("float transposed 2x2 s2 15x15x30->18", 15, 15, 30, 18),
    _float_transposed("float transposed 4x4 s2 16x16x32->16", 16, 16, 32, 16, kernel=4),
    Shape("float dense 256->64", Dense(True, FLOAT_RELU), ((1, 256),), (64, 256)),
    Shape("float dense 250->63", Dense(True, FLOAT_RELU), ((1, 250),), (63, 250)),
    Shape(
        "float max-pool 2x2 64x64x16",
        MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
        ((1, 64, 64, 16),),
        per="input",
    ),
    Shape(
        "float add 64x64x16", Elementwise("add", float32.Binary(0.0, FLOAT32_MAX)), ((1, 64, 64, 16),) * 2, per="output"
    ),
)

SHAPES = (
    _conv("conv 3x3 64x64x16->16", 64, 64, 16, 16),
    _conv("conv 3x3 32x32x32->32", 32, 32, 32, 32),
    _conv("conv 3x3 16x16x64->64", 16, 16, 64, 64),
    _conv("conv 3x3 80x120x8->8", 80, 120, 8, 8),
    _conv("conv 3x3 64x64x3->16", 64, 64, 3, 16),
    _conv("conv 3x3 64x64x1->16", 64, 64, 1, 16),
    _conv("conv 3x3 s2 64x64x16->32", 64, 64, 16, 32, stride=2),
    _conv("conv 3x3 64x64x(8+8)->16", 64, 64, 16, 16, split=2),
    _conv("conv 5x5 32x32x16->16", 32, 32, 16, 16, kernel=5),
    _conv("conv 1x1 64x64x32->16", 64, 64, 32, 16, kernel=1),
    _conv("conv 3x3 63x63x15->15", 63, 63, 15, 15),
    _conv("conv 3x3 31x31x30->30", 31, 31, 30, 30),
    _conv("conv 3x3 64x63x16->17", 64, 63, 16, 17),
    _conv("conv 1x1 63x63x30->18", 63, 63, 30, 18, kernel=1),
    _conv("conv 1x1 64x64x16->2", 64, 64, 16, 2, kernel=1),
    _conv("conv 3x1 48x1x32->32", 48, 1, 32, 32),
    _depthwise("depthwise 3x3 48x48x32", 48, 48, 32),
    _depthwise("depthwise 3x3 s2 48x48x32", 48, 48, 32, stride=2),
    _depthwise("depthwise 3x3 47x47x30", 47, 47, 30),
    _depthwise("depthwise 5x5 24x24x32", 24, 24, 32, kernel=5),
    _depthwise("depthwise 3x3 3x3x128", 3, 3, 128),
    _transposed("transposed 2x2 s2 16x16x64->32", 16, 16, 64, 32),
    _transposed("transposed 2x2 s2 15x15x30->18", 15, 15, 30, 18),
    _transposed("transposed 4x4 s2 16x16x32->16", 16, 16, 32, 16, kernel=4),
    Shape("dense 256->64", Dense(True, QUANTISED), ((1, 256),), (64, 256)),
    Shape("dense 250->63", Dense(True, QUANTISED), ((1, 250),), (63, 250)),
    Shape("dense 8x8x32->10", Dense(True, QUANTISED), ((1, 8, 8, 32),), (10, 2048)),
    _pool("max-pool 2x2 64x64x16", 64, 64, 16),
    _pool("max-pool 2x2 63x63x15", 63, 63, 15),
    _pool("max-pool 3x3 s2 64x64x16", 64, 64, 16, kernel=3),
    _binary("add 64x64x16", "add"),
    _binary("add 64x64x15", "add", 15),
    _binary("mul 64x64x16", "mul"),
    Shape(
        "average-pool 2x2 64x64x16",
        AveragePool2d((2, 2), (2, 2), (0, 0, 0, 0), False, onnx.Average(0.05, 3, 0.04, -4)),
        ((1, 64, 64, 16),),
        per="input",
    ),
    Shape(
        "global average 8x8x64", GlobalPool("average", onnx.Average(0.05, 3, 0.03, -4)), ((1, 8, 8, 64),), per="input"
    ),
    Shape("lookup 64x64x16", Lookup("int8"), ((1, 64, 64, 16),), per="output"),
    *FLOAT_SHAPES,
)


@dataclass(frozen=True)
class Measurement:
    """A shape on a board: the kernel chosen, what it took, and whether every byte was right."""

    shape: Shape
    board: str
    variant: str
    exact: bool
    instructions: int
    scratch: int
    stack: int
    weights: int
    kernel_code: int
    cycles: int | None

    @property
    def units(self) -> int:
        """Multiply-accumulates or elements."""
        network = self.shape.network()
        node = network.nodes[0]
        inputs, outputs = network.input_types(node), network.output_types(node)
        if self.shape.per == "MAC":
            return self.shape.operator.macs(inputs, outputs, node.constants)
        return sum(t.elements for t in inputs) if self.shape.per == "input" else outputs[0].elements

    def cells(self) -> list[str | int | float]:
        """The table's row."""
        return [
            self.shape.name,
            self.board,
            self.variant,
            "yes" if self.exact else "NO",
            f"{self.instructions / self.units:.3f}",
            self.shape.per,
            self.scratch,
            self.stack,
            self.weights,
            self.kernel_code,
            "" if self.cycles is None else f"{self.cycles / self.units:.2f}",
        ]


HEADERS = [
    "layer",
    "board",
    "kernel",
    "exact",
    "instr",
    "per",
    "scratch B",
    "stack B",
    "weights B",
    "kernel B",
    "M4 cycles",
]


def board_of(name: str) -> Board:
    """A board, or ``board:core``: that board with code for another core that its own one executes too."""
    name, _, core = name.partition(":")
    board = load_board(name)
    if not core:
        return board
    text = board.toml.replace(f'core = "{board.core.name}"', f'core = "{core}"', 1)
    return parse_board(re.sub(r"\W", "_", f"{name}_{core}"), text, f"{name} with {core}")


def measure(shape: Shape, board_name: str, directory: Path) -> Measurement:
    """Generates, builds and runs the shape's network in ``directory``."""
    board = board_of(board_name)
    core = generator_core(board.core)
    network = shape.network()
    problem = build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, core))
    steps = [number for number, operator in enumerate(problem.operators) for _ in range(operator.steps)]
    plan = pack(step_table(problem), steps)
    files = generate(network, problem, plan, name="kernel", core=core, io="resident", metadata={})
    rng = np.random.default_rng(1)
    vector = [rng.integers(-128, 128, s, dtype=np.int8).astype(shape.dtype) for s in shape.inputs]
    project = generate_project(board, files, directory)
    result = project.run([vector], layout="device", profile=True)
    (expected,) = run_reference(network, vector, layout="device")
    exact = result.status == 0 and result.outputs[0][0].tobytes() == expected.tobytes()
    code = _code_bytes(Path(result.elf).parent / "runtime")
    scratch = problem.operators[0].scratch_bytes
    return Measurement(
        shape,
        board_name,
        problem.operators[0].kernel,
        exact,
        result.instructions,
        scratch,
        result.ram.stack,
        result.flash.weights,
        code,
        estimate_cycles(Path(result.elf), result.executed) if board.core.name == "cortex-m4" else None,
    )


def _code_bytes(folder: Path) -> int:
    """Text of the kernels' object files."""
    objects = sorted(str(path) for path in folder.glob("*.o"))
    if not objects:
        return 0
    listing = subprocess.run(["arm-none-eabi-size", *objects], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[0]) for line in listing.splitlines()[1:])


def _part(function: str, operators: Mapping[str, str], name: str) -> str:
    """What a function of a whole program is part of."""
    if function in operators:
        return f"glue of {operators[function]}"
    if is_program(function, name):
        return "operators' own kernels"
    if function.startswith(name):
        return "driver"
    return function


def profile(path: Path, board: str, axis: str, ram: int | None) -> RunResult:
    """Compiles and runs a model within a limit of RAM; prints instructions per function, the driver's together."""
    mod, params = frontend.from_onnx(path)
    factory = build(mod, BuildOptions(board=board, stream_axis=axis, ram=ram), params, name=path.stem)
    with tempfile.TemporaryDirectory() as folder:
        result = generate_project(factory.board, factory, Path(folder, "project")).run(profile=True)
    name = path.stem.lower()
    shares: dict[str, int] = {}
    for function, count in result.profile.items():
        part = _part(function, {}, name)
        shares[part] = shares.get(part, 0) + count // len(result.outputs)  # of one vector
    total = sum(shares.values())
    rows = [
        [part, f"{count:,}", f"{100 * count / total:.1f} %", f"{count / max(factory.macs, 1):.3f}"]
        for part, count in sorted(shares.items(), key=lambda item: -item[1])
    ]
    exact = "exact" if result.status == 0 and result.mismatches == 0 else "NOT EXACT"
    work = f"{result.instructions:,} instructions, {factory.macs:,} MACs"
    print(f"{path.stem} on {board}: {work}, {result.ram.total / 1024:.1f} KiB, {exact}")
    print(render(rows, ["function", "instructions", "share", "/MAC"]))
    return result


def main() -> int:
    """Prints the table or the profile; returns 1 where a kernel differs from its reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of shape names (default: all)")
    parser.add_argument("--boards", default=BOARDS, help="separated by commas")
    parser.add_argument("--profile", type=Path, help="an ONNX model to profile instead")
    parser.add_argument("--networks", type=Path, help="a folder of ONNX models: a table of whole networks instead")
    parser.add_argument("--stream-axis", default="rows")
    parser.add_argument("--ram", type=int, metavar="KIB", help="limit of the whole program, for the profile")
    arguments = parser.parse_args()
    boards = arguments.boards.split(",")
    failed = 0
    if arguments.networks:
        return min(print_networks(arguments.networks, boards, arguments.names), 1)
    if arguments.profile:
        for board in boards:
            ram = arguments.ram * 1024 if arguments.ram else None
            result = profile(arguments.profile, board, arguments.stream_axis, ram)
            failed += result.status != 0 or result.mismatches != 0
        return min(failed, 1)
    chosen = [s for s in SHAPES if not arguments.names or any(name in s.name for name in arguments.names)]
    rows = []
    for board in boards:
        for shape in chosen:
            try:
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(measure(shape, board, Path(folder, "project")))
            except DoesNotFitError as error:
                print(f"{shape.name} on {board}: left out, {error}", file=sys.stderr)
                continue
            print(f"{shape.name} on {board}: {rows[-1].cells()[4]}", file=sys.stderr)
    print(render([row.cells() for row in rows], HEADERS))
    return 0 if all(row.exact for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
