"""``evaluate``: a project's C on this computer over all samples, by several processes, beside a float network."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from tinyseg_tvm.accuracy import Preprocessing, Samples, Session, read_samples
from tinyseg_tvm.accuracy.ports import (
    PortScale,
    check_classes,
    check_preprocessing,
    check_same_ranges,
    check_threshold,
    data_ranges,
    port_values,
    real_values,
)
from tinyseg_tvm.accuracy.scores import IGNORED, Reading
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.evaluation.outcomes import Outcome, Tally
from tinyseg_tvm.micro import Project
from tinyseg_tvm.micro.host_runs import HostProgram
from tinyseg_tvm.network import Network, Port

BATCH_BYTES = 1 << 26  # of inputs and outputs that one process is given
BATCH_SAMPLES = 1000
MOST_DRAWN = 64

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class EvaluationOptions:
    """How firmware is evaluated.

    Attributes:
        preprocessing: of pictures, as the float network was trained with.
        reading: how the first output becomes classes.
        workers: processes at a time; 0: one per core.
        worst: samples that are kept to be drawn, MOST_DRAWN at most.
        on_board: samples that also run on the project's board, and are compared byte by byte.
        timeout: seconds that a sample may take.
    """

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    reading: Reading = field(default_factory=Reading)
    workers: int = 0
    worst: int = 8
    on_board: int = 0
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if min(self.workers, self.worst, self.on_board) < 0:
            raise UsageError("workers, worst and samples on the board: 0 at least")
        if self.worst > MOST_DRAWN:
            raise UsageError(f"worst: {self.worst} samples cannot be drawn, {MOST_DRAWN} at most")
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise UsageError(f"timeout: {self.timeout} is no time, state seconds above 0")


@dataclass(frozen=True)
class Evaluation:
    """What firmware is worth on data.

    Attributes:
        name: of the network.
        board: for which its project was generated.
        data: where the samples come from.
        task: of the labels.
        classes: names of the classes; numbers where the data names none.
        tally: scores, a row per sample, and the worst of them.
        on_board: samples that ran on the board, and how many of their output bytes differ from this computer's.
    """

    name: str
    board: str
    data: str
    task: str
    classes: tuple[str, ...]
    tally: Tally
    on_board: tuple[int, int] = (0, 0)

    @property
    def worst(self) -> list[Outcome]:
        """The samples that went worst, the worst first."""
        return self.tally.worst

    def class_names(self, count: int) -> list[str]:
        """Names of the first classes: their numbers where the data names fewer."""
        return [*self.classes[:count], *(str(number) for number in range(len(self.classes), count))]

    def intersections(self) -> list[tuple[str, float | None, float | None]]:
        """Each class's name, and its IoU of the firmware and of the float network, None where there is none."""
        device, reference = (score.iou if score else [] for score in (self.tally.device, self.tally.reference))
        pairs = list(zip_longest(device, reference))
        names = self.class_names(len(pairs))
        return [(name, one, other) for name, (one, other) in zip(names, pairs, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        tally, task = self.tally, self.task
        figures: dict[str, Any] = {
            "network": self.name,
            "board": self.board,
            "data": self.data,
            "task": task,
            "samples": len(tally.rows),
            "classes": list(self.classes),
            "device": tally.device and tally.device.as_dict(task),
            "float": tally.reference and tally.reference.as_dict(task),
            "agreement": tally.agreement and tally.agreement.accuracy,
            "worst": [{"name": one.name, "figure": one.figure, "agreement": one.agreement} for one in self.worst],
        }
        if self.on_board[0]:
            figures["on_board"] = {"samples": self.on_board[0], "differing_bytes": self.on_board[1]}
        return figures


def evaluate(
    project: Project,
    data: str | Path,
    *,
    reference: str | Path | None = None,
    options: EvaluationOptions | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Runs a project's C on this computer over samples, and scores what comes out.

    Args:
        project: for any board.
        data: a folder of pictures or a ``.npz`` file, as ``read_samples`` takes it.
        reference: the float network's ONNX file; it runs without graph optimisation.
        options: see there.
        progress: told what is being done and how far it is, 0 to 1.

    Raises:
        UsageError: data that do not fit the network, or were not preprocessed as its input says.
        TinySegError: a file that cannot be read, a tool or library that is missing, a network that fails.
    """
    options = options or EvaluationOptions()
    ports = project.ports
    samples = _samples(ports, Path(data), options)
    if not samples.task and reference is None:
        raise UsageError(f"{samples.source} has no labels: give a float network to compare with (--float)")
    _check_ranges(ports, samples, options.preprocessing)
    result = ports.outputs[0]
    scale = scale_of(ports, result)
    check_threshold(scale, result.model_shape, options.reading)
    kind = result.array_dtype if scale.scale is None else "float32"
    check_classes(samples, result.model_shape, kind, options.reading)
    session = None if reference is None else Session(Path(reference))
    run = _Run(ports, project.host_program(), session, samples, options)
    compared = run.on_board(project, options.on_board) if options.on_board else (0, 0)
    workers = options.workers or os.cpu_count() or 1
    tally = Tally(options.worst)
    with ThreadPoolExecutor(workers) as pool:
        futures = deque(pool.submit(run.batch, batch) for batch in run.batches(workers))
        try:
            while futures:
                tally.merge(futures.popleft().result())
                if progress:
                    progress("evaluating", len(tally.rows) / len(samples))
        except BaseException:  # nobody waits for batches behind an error, or an interrupt
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if samples.task and tally.device is None:
        raise UsageError(f"{samples.source}: all its labels are {IGNORED}, which has no part")
    score = tally.device or tally.agreement
    classes = samples.classes or tuple(str(number) for number in range(len(score.matrix) if score else 0))
    task = options.reading.task
    return Evaluation(project.library.name, project.board.name, samples.source, task, classes, tally, compared)


@dataclass(frozen=True)
class _Run:
    """What all batches share."""

    ports: Network
    program: HostProgram
    session: Session | None
    samples: Samples
    options: EvaluationOptions

    def batches(self, workers: int) -> list[range]:
        """Numbers of the samples that each process takes."""
        tensors = self.ports.tensors
        size = sum(tensors[port.tensor].type.bytes for port in (*self.ports.inputs, *self.ports.outputs))
        most = min(BATCH_SAMPLES, max(1, BATCH_BYTES // max(size, 1)))
        rounds = -(-len(self.samples) // (workers * most))
        count = -(-len(self.samples) // (workers * rounds))  # so that all workers end together
        return [range(at, min(at + count, len(self.samples))) for at in range(0, len(self.samples), count)]

    def batch(self, numbers: range) -> Tally:
        """Runs a batch and scores it."""
        samples = [self.samples.read(number) for number in numbers]
        outputs = self.program.run([self._vector(sample) for sample in samples], self.options.timeout * len(samples))
        tally, port = Tally(self.options.worst), scale_of(self.ports, self.ports.outputs[0])
        for sample, results in zip(samples, outputs, strict=True):
            tally.add(self.options.reading, sample, port.real(results[0]), self._expected(sample))
        return tally

    def on_board(self, project: Project, count: int) -> tuple[int, int]:
        """How many samples ran on the project's board, and how many bytes differ from this computer's."""
        samples = list(self.samples.spread(count))
        vectors = [self._vector(sample) for sample in samples]
        here = self.program.run(vectors, self.options.timeout * len(samples))
        there = project.run(vectors, count="none", timeout=10 * self.options.timeout * len(samples)).outputs
        differing = sum(
            _differing_bytes(*pair) for outputs in zip(here, there, strict=True) for pair in zip(*outputs, strict=True)
        )
        return len(samples), differing

    def _vector(self, sample: Any) -> list[np.ndarray]:
        preprocessing = self.options.preprocessing
        return [port_values(scale_of(self.ports, p), sample, p.name, preprocessing) for p in self.ports.inputs]

    def _expected(self, sample: Any) -> np.ndarray | None:
        if self.session is None:
            return None
        kinds = {port.name: port.dtype for port in self.session.inputs}
        feeds = real_values(sample, kinds, self.options.preprocessing)
        return self.session.run({name: values.astype(kinds[name]) for name, values in feeds.items()})[0]


def _differing_bytes(one: np.ndarray, other: np.ndarray) -> int:
    pair = (np.frombuffer(values.tobytes(), np.uint8) for values in (one, other))
    return int(np.count_nonzero(np.not_equal(*pair)))


def _samples(ports: Network, data: Path, options: EvaluationOptions) -> Samples:
    """The samples, which must be inputs of the network."""
    first, channels = ports.inputs[0], None
    if len(ports.inputs) == 1 and len(first.model_shape) == 4:
        channels = options.preprocessing.image_extents(first.model_shape)[2]
    names = [port.name for port in ports.inputs]
    samples = read_samples(data, inputs=names, channels=channels, resize=options.preprocessing.resize)
    if samples.task and samples.task != options.reading.task:
        raise UsageError(f"{samples.source} has labels of {samples.task}: state --task {samples.task}")
    check_preprocessing(samples, options.preprocessing)
    for name, values in real_values(samples.read(0), names, options.preprocessing).items():
        shape = next(port.model_shape for port in ports.inputs if port.name == name)
        if values.shape != shape:
            raise UsageError(
                f"{samples.source}: a sample has the shape {list(values.shape)}, the input {name!r} takes "
                f"{list(shape)}: state --resize, or another --layout"
            )
    return samples


def _check_ranges(ports: Network, samples: Samples, preprocessing: Preprocessing) -> None:
    """Raises UsageError where data are not what the ports' scales were made for."""
    scales = {port.name: scale_of(ports, port) for port in ports.inputs}
    pictures = samples.read(0).pixels is not None
    checked = [
        name for name, scale in scales.items() if scale.scale and not (pictures and scale.takes_pixels(preprocessing))
    ]
    if checked:
        stated = {name: scales[name].range for name in checked}
        check_same_ranges(data_ranges(samples, checked, preprocessing), samples.source, stated, "the network's scale")


def scale_of(ports: Network, port: Port) -> PortScale:
    """What the values of a model's port mean."""
    tensor = ports.tensors[port.tensor]
    if not np.issubdtype(np.dtype(port.array_dtype), np.integer) or tensor.scale is None:
        return PortScale(port.array_dtype)
    zero = tensor.zero_point or 0
    if port.model_dtype.startswith("u") and not tensor.type.dtype.startswith("u"):
        zero -= int(np.iinfo(tensor.type.dtype).min)  # the device carries it shifted to signed integers
    return PortScale(port.model_dtype, tensor.scale, zero)
