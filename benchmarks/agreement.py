"""Compares the reference executor with ONNX Runtime, operator by operator and end to end.

    python benchmarks/agreement.py MODEL.onnx [...] [--vectors N]

Every quantised tensor of the model becomes an output of an ONNX Runtime session. Each operator of the
lowered network is then computed from ONNX Runtime's *inputs* to it, so that differences do not add up, and
compared with ONNX Runtime's output. ONNX Runtime fuses many QDQ groups into QLinearConv and QLinearMatMul, whose
arithmetic is the contract's: those must be equal. Where it computes in float (a convolution followed by a Relu
that it does not fuse, pooling, softmax, ...) a difference of one step of quantisation is rounding noise. Which of
the two it did is read from the model as it optimised it.

The columns: operators compared + not compared (borders that ONNX does not have, float operators) and elements; elements
that differ and the largest difference, for integer kernels and for float computation; elements that differ and the
largest difference end to end, in units of the output's type.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from operator_walk import as_int8, walk

from tinyseg_tvm import relay_passes
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.names import NameSupply
from tinyseg_tvm.network import Network, Node, reference
from tinyseg_tvm.operators import Quantize

THROUGH = {"Relu", "Clip", "Add", "Mul", "BatchNormalization", "Identity", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish"}
"""Float operators between a compute node and its QuantizeLinear."""

INTEGER_KERNELS = {"QLinearConv", "QLinearMatMul", "MaxPool", "Concat", "Resize", "Pad", "Transpose", "Reshape"}
"""Kernels that compute in integers or only move elements; QLinearAdd, QLinearAveragePool, ... are float inside."""


@dataclass(frozen=True)
class Comparison:
    """One operator against ONNX Runtime: ``differing`` of ``elements`` differ, by at most ``largest`` steps."""

    node: str
    kind: str
    kernel: str
    elements: int
    differing: int
    largest: int

    @property
    def integer_kernel(self) -> bool:
        """True where ONNX Runtime computed in integers."""
        return self.kernel in INTEGER_KERNELS


@dataclass(frozen=True)
class Agreement:
    """All comparisons of one model.

    ``uncompared`` are names and kinds. ``output_largest`` is in the output's own unit, ``output_relative`` a share of
    the output's largest value.
    """

    model: str
    operators: tuple[Comparison, ...]
    uncompared: tuple[tuple[str, str], ...]
    output_elements: int
    output_differing: int
    output_largest: float
    output_relative: float


class OnnxSide:
    """The model in ONNX Runtime with every quantised tensor exposed."""

    def __init__(self, path: Path) -> None:
        model = onnx.load(str(path))
        self.graph = model.graph
        self.producers = {name: node for node in self.graph.node for name in node.output}
        self.consumers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        supply = NameSupply()
        self.nodes = {
            supply.unique(node.name, f"{node.op_type or 'node'}_{index}"): node
            for index, node in enumerate(self.graph.node)
        }
        self.outputs = [value.name for value in self.graph.output]
        self.quantised = [name for name in self.producers if self._is_quantised(name)]
        for name in self.quantised:
            if name not in self.outputs:
                self.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        self.session, self.kernels = _session(model)

    def run(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Values of all outputs and quantised tensors by name."""
        feeds = {value.name: array for value, array in zip(self.session.get_inputs(), arrays, strict=True)}
        names = [value.name for value in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, feeds), strict=True))

    def quantised_result(self, node_name: str) -> str | None:
        """The quantised tensor that the ONNX node of this name makes, with what follows up to its QuantizeLinear."""
        node = self.nodes.get(node_name)
        if node is None or len(node.output) != 1:
            return None
        name: str = node.output[0]
        while name not in self.quantised:
            readers = self.consumers.get(name, [])
            if len(readers) != 1:
                return None
            reader = readers[0]
            if reader.op_type != "QuantizeLinear" and reader.op_type not in THROUGH:
                return None
            name = reader.output[0]
        return name

    def _is_quantised(self, name: str) -> bool:
        """True for the result of a QuantizeLinear or QLinear node, or of data movement on one."""
        node = self.producers.get(name)
        if node is None:
            return False
        if node.op_type.startswith("QLinear"):
            return True
        if node.op_type == "QuantizeLinear":
            return True
        moved = node.op_type in ("Transpose", "Reshape", "MaxPool", "Concat", "Pad", "Squeeze", "Flatten")
        return moved and self._is_quantised(node.input[0])


def _session(model: Any) -> tuple[Any, dict[str, str]]:
    """A session of the model, and per tensor the operator type that makes it after optimisation.

    On processors without VNNI the kernels for unsigned activations saturate 16 bit sums, unless weights are stored
    unsigned (``x64quantprecision``); that again has no kernel for signed activations.
    """
    errors = []
    for precise in ("1", "0"):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.x64quantprecision", precise)
        with tempfile.TemporaryDirectory() as folder:
            options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
            try:
                session = onnxruntime.InferenceSession(model.SerializeToString(), options)
            except Exception as error:  # the binding raises many types without a common base
                errors.append(error)
                continue
            optimised = onnx.load(options.optimized_model_filepath)
        return session, {name: node.op_type for node in optimised.graph.node for name in node.output}
    raise errors[-1]


def random_inputs(network: Network, seed: int) -> list[np.ndarray]:
    """Inputs that use the whole range of the first quantisation."""
    rng = np.random.default_rng(seed)
    found = []
    for port in network.inputs:
        if port.model_dtype in ("int8", "uint8"):
            limits = np.iinfo(port.model_dtype)
            found.append(rng.integers(limits.min, limits.max + 1, port.model_shape).astype(port.model_dtype))
            continue
        readers = [n.operator for n in network.nodes if port.tensor in n.inputs and isinstance(n.operator, Quantize)]
        if readers:
            low, high = (-128, 127) if readers[0].output_dtype == "int8" else (0, 255)
            levels = rng.integers(low, high + 1, port.model_shape) - readers[0].zero_point
            found.append((levels * np.float32(readers[0].scale)).astype(port.model_dtype))
        else:
            found.append(rng.uniform(0, 1, port.model_shape).astype(port.model_dtype))
    return found


def compare(path: Path, seed: int = 0) -> Agreement:
    """Lower the model, run both sides on one random input, and compare."""
    module, _ = from_onnx(path)
    network = relay_passes.lower(module, name=path.stem)
    onnx_side = OnnxSide(path)
    arrays = random_inputs(network, seed)
    theirs = onnx_side.run(arrays)

    def judged(node: Node, ours: np.ndarray) -> np.ndarray | None:
        name = onnx_side.quantised_result(node.name)
        return None if name is None else _in_device_layout(theirs[name], ours)

    compared, uncompared = [], []
    for node, ours, wanted in walk(network, arrays, judged):
        if wanted is None:
            uncompared.append((node.name, node.operator.kind))
            continue
        kernel = onnx_side.kernels.get(str(onnx_side.quantised_result(node.name)), "")
        compared.append(_comparison(node, kernel, ours, wanted))
    results = reference.run(network, arrays)
    return _agreement(path.stem, compared, uncompared, results, [theirs[name] for name in onnx_side.outputs])


def _comparison(node: Node, kernel: str, ours: np.ndarray, wanted: np.ndarray) -> Comparison:
    difference = np.abs(ours.astype(np.int64) - wanted.astype(np.int64))
    return Comparison(
        node.name,
        node.operator.kind,
        kernel,
        ours.size,
        int(np.count_nonzero(difference)),
        int(difference.max(initial=0)),
    )


def _in_device_layout(array: np.ndarray, like: np.ndarray) -> np.ndarray | None:
    """ONNX Runtime's tensor as int8 in the layout of ours; None where the elements are not the same."""
    array = as_int8(array, like)
    if array.dtype != like.dtype or array.size != like.size:
        return None
    if array.ndim >= 3:
        moved = np.moveaxis(array, 1, -1)
        if tuple(e for e in moved.shape if e != 1) == tuple(e for e in like.shape if e != 1):
            return np.ascontiguousarray(moved).reshape(like.shape)
    return array.reshape(like.shape)


def _agreement(
    model: str,
    compared: list[Comparison],
    uncompared: list[tuple[str, str]],
    ours: list[np.ndarray],
    theirs: list[np.ndarray],
) -> Agreement:
    differences = [np.abs(a.astype(np.float64) - b.astype(np.float64)) for a, b in zip(ours, theirs, strict=True)]
    return Agreement(
        model,
        tuple(compared),
        tuple(uncompared),
        sum(d.size for d in differences),
        sum(int(np.count_nonzero(d)) for d in differences),
        max(float(d.max(initial=0)) for d in differences),
        max(float(d.max(initial=0) / max(np.abs(b).max(), 1e-30)) for d, b in zip(differences, theirs, strict=True)),
    )


def table(agreements: list[Agreement]) -> str:
    """The comparison as a Markdown table."""
    lines = [
        "| model | operators | elements | integer: differ | max | float: differ | max | end to end: differ | max |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for found in agreements:
        cells = [found.model, f"{len(found.operators)} + {len(found.uncompared)}"]
        cells.append(f"{sum(c.elements for c in found.operators):,}")
        for exact in (True, False):
            group = [c for c in found.operators if c.integer_kernel is exact]
            total = sum(c.elements for c in group)
            differing = sum(c.differing for c in group)
            cells.append(f"{differing:,} ({differing / total:.4%})" if total else "-")
            cells.append(str(max((c.largest for c in group), default=0)) if total else "-")
        cells.append(f"{found.output_differing:,} of {found.output_elements:,}")
        cells.append(f"{found.output_largest:.4g}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _files(path: Path) -> list[Path]:
    """The models of a folder, or the file itself."""
    return sorted(path.rglob("*.onnx")) if path.is_dir() else [path]


def main() -> None:
    """Print the table for the models named on the command line."""
    parser = argparse.ArgumentParser(description="Compare the reference executor with ONNX Runtime.")
    parser.add_argument("models", nargs="+", type=Path, help="ONNX files, or folders that hold some")
    parser.add_argument("--seed", type=int, default=0, help="of the random input")
    parser.add_argument("--details", action="store_true", help="also list every operator that differs")
    options = parser.parse_args()
    agreements = []
    for path in [file for given in options.models for file in _files(given)]:
        agreements.append(compare(path, options.seed))
        if options.details:
            for c in agreements[-1].operators:
                if c.differing:
                    print(
                        f"{path.stem}: {c.node} ({c.kind}, {c.kernel}): {c.differing}/{c.elements}, at most {c.largest}"
                    )
            print(f"{path.stem}: not compared: {', '.join(name for name, _ in agreements[-1].uncompared) or 'none'}")
    print(table(agreements))


if __name__ == "__main__":
    main()
