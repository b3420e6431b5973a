"""What came out for one sample, and for many: scores that add up, and the samples that went worst."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tinyseg_tvm.accuracy import Sample, Score
from tinyseg_tvm.accuracy.scores import Reading, enlarged


@dataclass(frozen=True)
class Outcome:
    """A sample's result.

    Attributes:
        name: the sample's.
        device: classes that the firmware gives: of each pixel, or of the picture.
        reference: those of the float network; None without one.
        truth: the label; None without one.
        pixels: the picture; None where the data hold values.
        figure: mean IoU over the sample's classes, or whether top-1 is right; None without label, or without
            pixels that have a part.
        agreement: share of pixels, or whether the picture, that the float network sees alike; None without one.
    """

    name: str
    device: np.ndarray
    reference: np.ndarray | None
    truth: np.ndarray | None
    pixels: np.ndarray | None
    figure: float | None
    agreement: float | None

    @property
    def worth(self) -> float:
        """By which the worst are found: the figure, else the agreement."""
        found = self.agreement if self.figure is None else self.figure
        return 1.0 if found is None else found


@dataclass
class Tally:
    """Scores of samples that were seen so far.

    Attributes:
        kept: how many of the worst are kept whole.
        device: the firmware against the labels; None where nothing has a part, as below.
        reference: the float network against the labels.
        agreement: the firmware against the float network.
        rows: name, figure and agreement of each sample.
        worst: the samples that went worst, the worst first.
    """

    kept: int
    device: Score | None = None
    reference: Score | None = None
    agreement: Score | None = None
    rows: list[tuple[str, float | None, float | None]] = field(default_factory=list)
    worst: list[Outcome] = field(default_factory=list)

    def add(self, reading: Reading, sample: Sample, output: np.ndarray, reference: np.ndarray | None) -> None:
        """Counts a sample.

        Args:
            reading: how outputs become classes.
            sample: with its label or without.
            output: the firmware's first output, real values or classes.
            reference: the float network's.
        """
        device = reading.predicted(output)
        expected = None if reference is None else reading.predicted(reference)
        classes = reading.classes(output)
        figure = agreement = None
        if sample.label is not None:
            device = enlarged(device, sample.label.shape)
            single = _scored(classes, device, sample.label)
            if single.seen:
                figure = single.figure(reading.task)
                self.device = _sum(self.device, single)
            if expected is not None:
                expected = enlarged(expected, sample.label.shape)
                other = _scored(classes, expected, sample.label)
                self.reference = _sum(self.reference, other) if other.seen else self.reference
        if expected is not None:
            single = _scored(classes, device, expected)
            if single.seen:
                agreement = single.accuracy
                self.agreement = _sum(self.agreement, single)
        self.rows.append((sample.name, figure, agreement))
        outcome = Outcome(sample.name, device, expected, sample.label, sample.pixels, figure, agreement)
        self._keep([outcome])

    def merge(self, other: Tally) -> None:
        """Counts what another tally counted, behind one's own."""
        if other.device:
            self.device = _sum(self.device, other.device)
        if other.reference:
            self.reference = _sum(self.reference, other.reference)
        if other.agreement:
            self.agreement = _sum(self.agreement, other.agreement)
        self.rows += other.rows
        self._keep(other.worst)

    def _keep(self, outcomes: Iterable[Outcome]) -> None:
        self.worst = heapq.nsmallest(self.kept, [*self.worst, *outcomes], key=lambda one: one.worth)


def _scored(classes: int, predicted: np.ndarray, truth: np.ndarray) -> Score:
    score = Score(classes)
    score.add(predicted, truth)
    return score


def _sum(one: Score | None, other: Score) -> Score:
    return other if one is None else one.merged(other)
