"""Compares the reference executor with TensorFlow Lite's own kernels, operator by operator and end to end.

    python benchmarks/tflite_agreement.py MODEL.tflite [...] [--details]

Three judges, each where it is there: ``ai-edge-litert`` with its reference kernels, which shows every tensor, so that
each operator is computed from the interpreter's *inputs* to it and differences do not add up; ``tflite-micro``, which
shows outputs alone; and a file of golden vectors beside the model (``MODEL.npz`` with ``in0_0``, ``out0_0``, ...: the
number of the case, then of the port). What is absent is said, with what to install.

The columns: operators compared + not compared (results that the compiler fuses away or lays out anew), elements, those
that differ and the largest difference; then, per judge, outputs that differ end to end.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from operator_walk import as_int8, walk

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.frontend.names import printable_name
from tinyseg_tvm.network import Network, Node, reference
from tinyseg_tvm.relay_passes import lower
from tinyseg_tvm.report.tables import render

HEADERS = ["model", "operators", "elements", "differ", "max", "litert: outputs differ", "micro", "golden"]
JUDGES = {"ai-edge-litert": ("ai_edge_litert", "interpreter"), "tflite-micro": ("tflite_micro", "runtime")}
"""Packages and modules of the judges by the name under which pip installs them."""

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """One operator: ``differing`` of ``elements`` differ, by at most ``largest``."""

    node: str
    kind: str
    elements: int
    differing: int
    largest: float


@dataclass(frozen=True)
class Agreement:
    """All comparisons of one model; ``ends`` are elements of the outputs that differ, and all, by judge."""

    model: str
    operators: tuple[Comparison, ...]
    uncompared: tuple[str, ...]
    ends: dict[str, tuple[int, int]]


def installed() -> dict[str, Any]:
    """The judges that can be imported, by name; the others are named on stderr, with the remedy."""
    found = {}
    for name, (package, module) in JUDGES.items():
        try:
            if package == "ai_edge_litert":
                importlib.import_module(f"{package}.{module}")
            found[name] = getattr(importlib.import_module(package), module)
        except (ImportError, AttributeError) as error:
            print(f"{name} is not there ({error}): its columns stay empty. Remedy: pip install {name}", file=sys.stderr)
    return found


def litert_values(module: Any, path: Path, inputs: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], Arrays]:
    """Every tensor by its name, where the name is one tensor's alone, and the outputs, by the reference kernels."""
    interpreter = module.Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    by_name: dict[str, list[np.ndarray]] = {}
    for detail in interpreter.get_tensor_details():
        try:
            by_name.setdefault(detail["name"], []).append(interpreter.get_tensor(detail["index"]).copy())
        except ValueError:  # a tensor without values: an absent operand, or one that a kernel keeps to itself
            continue
    outputs = [interpreter.get_tensor(detail["index"]).copy() for detail in interpreter.get_output_details()]
    return {name: arrays[0] for name, arrays in by_name.items() if len(arrays) == 1}, outputs


def micro_outputs(module: Any, path: Path, inputs: Sequence[np.ndarray], outputs: int) -> Arrays:
    """The outputs by the interpreter for microcontrollers."""
    interpreter = module.Interpreter.from_file(str(path))
    for index, array in enumerate(inputs):
        interpreter.set_input(array, index)
    interpreter.invoke()
    return [np.array(interpreter.get_output(index)) for index in range(outputs)]


def golden(path: Path, inputs: int, outputs: int) -> list[tuple[Arrays, Arrays]]:
    """The cases of the file beside the model: inputs and wanted outputs; none where there is no such file."""
    beside = path.with_suffix(".npz")
    if not beside.exists():
        return []
    with np.load(beside) as stored:
        cases = sorted({int(name[2:].partition("_")[0]) for name in stored if name.startswith("in")})
        return [
            ([stored[f"in{c}_{i}"] for i in range(inputs)], [stored[f"out{c}_{i}"] for i in range(outputs)])
            for c in cases
        ]


def random_inputs(network: Network, seed: int) -> Arrays:
    """Values that use the whole range of integers, and of float32 -1 to 1."""
    rng = np.random.default_rng(seed)
    made = []
    for port in network.inputs:
        dtype = np.dtype(port.model_dtype)
        if dtype.kind == "f":
            made.append(rng.uniform(-1, 1, port.model_shape).astype(dtype))
        else:
            limits = np.iinfo(dtype)
            made.append(rng.integers(limits.min, limits.max, port.model_shape, dtype, endpoint=True))
    return made


def in_device_layout(array: np.ndarray, like: np.ndarray) -> np.ndarray | None:
    """The interpreter's tensor in the type and shape of ours; None where the elements are not the same."""
    array = as_int8(array, like)
    extents = [[extent for extent in shape if extent != 1] for shape in (array.shape, like.shape)]
    if array.dtype != like.dtype or extents[0] != extents[1]:
        return None
    return np.ascontiguousarray(array).reshape(like.shape)


def by_operator(network: Network, inputs: Arrays, theirs: dict[str, np.ndarray]) -> tuple[list[Comparison], list[str]]:
    """Every operator of the lowered network from the judge's operands, and the names of those not compared."""
    named = {printable_name(name, "tensor"): array for name, array in theirs.items()}

    def judged(node: Node, ours: np.ndarray) -> np.ndarray | None:
        return in_device_layout(named[node.name], ours) if node.name in named else None

    compared, uncompared = [], []
    for node, ours, wanted in walk(network, inputs, judged):
        if wanted is None:
            uncompared.append(f"{node.name} ({node.operator.kind})")
            continue
        difference = np.abs(ours.astype(np.float64) - wanted.astype(np.float64))
        compared.append(
            Comparison(
                node.name,
                node.operator.kind,
                ours.size,
                int(np.count_nonzero(difference)),
                float(difference.max(initial=0)),
            )
        )
    return compared, uncompared


def differing(ours: Arrays, theirs: Arrays) -> tuple[int, int]:
    """Elements of all outputs that differ, and all elements; every element where a shape or type differs."""
    count = 0
    for mine, other in zip(ours, theirs, strict=True):
        alike = mine.shape == other.shape and mine.dtype == other.dtype
        count += int(np.count_nonzero(mine != other)) if alike else mine.size
    return count, sum(mine.size for mine in ours)


def compare(path: Path, judges: dict[str, Any], seed: int = 0) -> Agreement:
    """One model against all judges. Raises TinySegError where the compiler refuses it."""
    network = lower(from_tflite(path)[0], name=path.stem)
    inputs = random_inputs(network, seed)
    results = reference.run(network, inputs)
    operators: list[Comparison] = []
    uncompared: list[str] = []
    ends: dict[str, tuple[int, int]] = {}
    for judge, module in judges.items():
        try:
            if judge == "ai-edge-litert":
                theirs, outputs = litert_values(module, path, inputs)
                operators, uncompared = by_operator(network, inputs, theirs)
            else:
                outputs = micro_outputs(module, path, inputs, len(results))
        except (ValueError, RuntimeError) as error:  # what their bindings raise for a file that they do not run
            print(f"{path.stem}: {judge} refuses it: {str(error)[:200]}", file=sys.stderr)
            continue
        ends[judge] = differing(results, outputs)
    cases = golden(path, len(network.inputs), len(network.outputs))
    if cases:
        counts = [differing(reference.run(network, given), wanted) for given, wanted in cases]
        ends["golden"] = sum(count for count, _ in counts), sum(size for _, size in counts)
    return Agreement(path.stem, tuple(operators), tuple(uncompared), ends)


def table(agreements: Sequence[Agreement]) -> str:
    """The comparison as a table."""
    rows = []
    for found in agreements:
        elements, differ = sum(c.elements for c in found.operators), sum(c.differing for c in found.operators)
        ends = [found.ends.get(judge) for judge in ("ai-edge-litert", "tflite-micro", "golden")]
        by_layer = [f"{len(found.operators)} + {len(found.uncompared)}", f"{elements:,}", f"{differ:,}"]
        by_layer.append(f"{max((c.largest for c in found.operators), default=0):g}")
        if "ai-edge-litert" not in found.ends:
            by_layer = ["-"] * 4
        rows.append([found.model, *by_layer, *("-" if end is None else f"{end[0]:,} of {end[1]:,}" for end in ends)])
    return render(rows, HEADERS)


def main() -> int:
    """Prints the table; returns 1 where an output differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="files, or folders that hold some")
    parser.add_argument("--seed", type=int, default=0, help="of the random input")
    parser.add_argument("--details", action="store_true", help="also list operators that differ or are not compared")
    options = parser.parse_args()
    judges, agreements = installed(), []
    paths = [sorted(given.rglob("*.tflite")) if given.is_dir() else [given] for given in options.models]
    for path in (path for group in paths for path in group):
        try:
            found = compare(path, judges, options.seed)
        except TinySegError as error:
            print(f"{path.stem}: refused: {error}", file=sys.stderr)
            continue
        agreements.append(found)
        if options.details and "ai-edge-litert" in found.ends:
            for c in (c for c in found.operators if c.differing):
                print(f"{path.stem}: {c.node} ({c.kind}): {c.differing}/{c.elements}, at most {c.largest:g}")
            print(f"{path.stem}: not compared: {', '.join(found.uncompared) or 'none'}")
    print(table(agreements))
    return int(any(count for found in agreements for count, _ in found.ends.values()))


if __name__ == "__main__":
    sys.exit(main())
