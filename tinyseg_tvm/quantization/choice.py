"""Quantised candidates on data: the one whose results are right most often, or nearest to the float network's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from tinyseg_tvm.accuracy import Preprocessing, Sample, Samples, Score, Session
from tinyseg_tvm.accuracy.ports import PortScale, port_values, real_values
from tinyseg_tvm.accuracy.scores import IGNORED, Reading, enlarged
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.quantization.engine import port_quantization
from tinyseg_tvm.quantization.noise import Noise


@dataclass(frozen=True)
class Candidate:
    """What a way of calibration gives.

    Attributes:
        method: of calibration.
        decibels: signal to noise of the outputs, the float network's being the signal.
        figure: mean IoU or top-1 accuracy against the labels; None without labels.
    """

    method: str
    decibels: float
    figure: float | None


class Network:
    """A quantised network that takes samples and gives real values."""

    def __init__(self, model: onnx.ModelProto, preprocessing: Preprocessing) -> None:
        """Reads what the integers of its ports mean."""
        self._session = Session(model.SerializeToString())
        scales = port_quantization(model)
        kinds = {port.name: port.dtype for port in self._session.inputs}
        self._inputs = {name: PortScale(kind, *scales.get(name, (None, 0))) for name, kind in kinds.items()}
        self._outputs = [scales.get(name) for name in self._session.outputs]
        self._preprocessing = preprocessing

    def run(self, sample: Sample) -> list[np.ndarray]:
        """All outputs of a sample."""
        feeds = {name: port_values(port, sample, name, self._preprocessing) for name, port in self._inputs.items()}
        results = self._session.run(feeds)
        return [
            values if scale is None else PortScale(values.dtype.name, *scale).real(values)
            for values, scale in zip(results, self._outputs, strict=True)
        ]


def compared(
    model: onnx.ModelProto,
    candidates: Mapping[str, onnx.ModelProto],
    samples: Samples,
    preprocessing: Preprocessing,
    reading: Reading,
    told: Callable[[int], None],
) -> tuple[list[Candidate], float | None]:
    """The candidates in their order, and the float network's figure; None without labels.

    Args:
        model: the prepared float network.
        candidates: the quantised networks by their method.
        samples: with labels of the reading's task, or without.
        preprocessing: of pictures, for the prepared network.
        reading: how the first output becomes classes.
        told: of the number of samples that were just run.

    Raises:
        UsageError: labels that do not fit the results, or have no part.
    """
    exact = Session(model.SerializeToString())
    names = [port.name for port in exact.inputs]
    networks = {method: Network(candidate, preprocessing) for method, candidate in candidates.items()}
    noise = {method: Noise() for method in candidates}
    scores: dict[str, Score] = {}
    for sample in samples:
        expected = exact.run(real_values(sample, names, preprocessing))
        results = {method: network.run(sample) for method, network in networks.items()}
        for method, outputs in results.items():
            for want, got in zip(expected, outputs, strict=True):
                noise[method].add(want, got)
        if samples.task == reading.task and sample.label is not None:
            for method, outputs in {"": expected, **results}.items():
                score = scores.setdefault(method, Score(reading.classes(outputs[0])))
                score.add(enlarged(reading.predicted(outputs[0]), sample.label.shape), sample.label)
        told(1)
    if any(score.seen == 0 for score in scores.values()):
        raise UsageError(f"{samples.source}: all its labels are {IGNORED}, which has no part")
    figures = {method: score.figure(reading.task) for method, score in scores.items()}
    found = [Candidate(method, noise[method].decibels, figures.get(method)) for method in candidates]
    return found, figures.get("")


def best(candidates: list[Candidate]) -> Candidate:
    """The one with the best figure; among equals, and without labels, the one with least noise.

    Results that are no numbers come last.
    """

    def worth(one: Candidate) -> tuple[float, float]:
        return one.figure or 0.0, one.decibels if math.isfinite(one.decibels) else -math.inf

    return max(candidates, key=worth)
