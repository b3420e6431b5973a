"""Measuring a kernel: the operator alone as a program, on the board or its emulator, compared with the reference."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tinyseg_tvm.boards import Board
from tinyseg_tvm.codegen import generate, kernel_cost
from tinyseg_tvm.codegen.operators import NodeView
from tinyseg_tvm.codegen.tuning_records import TuningRecord, TuningRecords
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import Network, Node, Tensor, reference
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Operator, TensorType
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.problem import Pool
from tinyseg_tvm.tune.candidates import Candidate

ALIGNMENT = 8  # of lines
FLOAT_TOLERANCE = 1e-4  # sums in another order


class IsolatedOperator:
    """An operator alone: its input and output by line, so that it fits small boards."""

    def __init__(self, view: NodeView[Operator], board: Board) -> None:
        """The operator of a node, to be run on a board."""
        self.view, self.board = view, board
        self.network = _network(view)
        rng = np.random.default_rng(1)
        self.inputs = [_values(rng, operand) for operand in view.inputs]
        self._expected: list[np.ndarray] | None = None

    def cycles_per_step(self, candidate: Candidate, jobs: int = 1) -> float:
        """Cycles of a step: counted on a board, or estimated (micro/machine.py) from its instructions in an emulator.

        Args:
            candidate: the kernel.
            jobs: compilers that run at the same time.

        Raises:
            DoesNotFitError: the board has too little memory for it.
            TinySegError: a tool is missing or fails, or a result differs from the reference.
        """
        view, board = self.view, self.board
        forced = TuningRecord(view.signature, candidate.kernel, 0, False)
        core = replace(view.core, records=TuningRecords(view.core.name, (forced,), candidate.decisions))
        problem = build_problem(
            self.network,
            io="line",
            cost=partial(kernel_cost, network=self.network, core=core),
            pools=(Pool("arena", None, ALIGNMENT),),
        )
        files = generate(self.network, problem, plan(problem), name="kernel", core=core, io="line", metadata={})
        with tempfile.TemporaryDirectory(prefix="tinyseg-tune-") as folder:
            project = generate_project(board, files, Path(folder, "project"))
            result = project.run([self.inputs], layout="device", estimate=board.is_emulated, jobs=jobs)
            what = f"kernel {candidate.kernel!r}"
            if result.status != 0:
                raise view.error(f"{what} ends with status {result.status}")
            if not self._exact(result.outputs[0]):
                raise view.error(f"{what} differs from the reference; please report it with the model")
            if result.cycles is not None:
                return result.cycles / max(view.access.steps, 1)
            if not board.is_emulated:
                raise TinySegError(
                    f"no cycles are counted on '{board.name}': its counter ({board.cycle_counter}) stands still"
                )
            if result.estimated is None:
                program = "QEMU" if project.machine.emulator is None else project.machine.emulator.program
                raise TinySegError(f"{program} does not load the plugin that counts instructions: install 4.2 or later")
        return result.estimated.total / max(view.access.steps, 1)

    def _exact(self, outputs: Sequence[np.ndarray]) -> bool:
        if self._expected is None:
            self._expected = reference.run(self.network, self.inputs, layout="device")
        return all(_agree(output, expected) for output, expected in zip(outputs, self._expected, strict=True))


def _agree(output: np.ndarray, expected: np.ndarray) -> bool:
    if np.issubdtype(expected.dtype, np.floating):
        values = np.frombuffer(output.tobytes(), expected.dtype)
        return bool(np.allclose(values, expected.ravel(), rtol=FLOAT_TOLERANCE, atol=FLOAT_TOLERANCE))
    return output.tobytes() == expected.tobytes()


def _network(view: NodeView[Operator]) -> Network:
    inputs = {f"x{i}": Tensor(f"x{i}", operand) for i, operand in enumerate(view.inputs)}
    outputs = {f"y{i}": Tensor(f"y{i}", result) for i, result in enumerate(view.outputs)}
    node = Node(view.node.name, view.operator, tuple(inputs), tuple(outputs), view.constants)
    return Network.of_node("kernel", node, inputs | outputs)


def _values(rng: np.random.Generator, kind: TensorType) -> np.ndarray:
    dtype = np.dtype(kind.dtype)
    if np.issubdtype(dtype, np.floating):
        return rng.normal(0, 1, kind.shape).astype(dtype)
    if dtype.itemsize > 1:
        return np.zeros(kind.shape, dtype)  # indices, into a table of any length
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, kind.shape).astype(dtype)
