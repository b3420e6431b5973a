"""Convolutions and fully connected layers of int16 on cores with extensions: what their kernels ask of a node.

The kernels are the portable ones, with other sums of products over the values of a run: several at a time, which is why
they read weights in another order (runtime/dsp/tinyseg_pairs_i16.h, runtime/mve/tinyseg_vectors_i16.h).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, sum_dtype
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.weight_packing import BLOCK
from tinyseg_tvm.operators.arithmetic import onnx, tflite


@dataclass(frozen=True)
class Extension:
    """A family of kernels.

    Attributes:
        name: as names of variants have it.
        family: what the names of kernels and modules have behind their type.
        values: of which a run has a multiple.
        arranged: the weights of four channels, (4, values), of each such many values, as they are read.
        exists: whether a core has the extension.
        cycles: of a product, of the channels that go by four.
    """

    name: str
    family: str
    values: int
    arranged: Callable[[np.ndarray], np.ndarray]
    exists: Callable[[Core], bool]
    cycles: float

    def suits(self, view: NodeView[WeightedSum], runs: Sequence[int]) -> bool:
        """Whether it computes a node whose runs have multiples of so many values."""
        arithmetic = view.operator.arithmetic
        return (
            arithmetic.dtype == "int16"
            and arithmetic.rule in (onnx.RULE, tflite.RULE)
            and self.exists(view.core)
            and view.constants["weight"].dtype == np.int8
            and all(run % self.values == 0 for run in runs)
        )

    def interleaved(self, matrix: np.ndarray) -> np.ndarray:
        """(O, K) as its kernels' blocks of four channels, then the remaining channels one after the other."""
        blocked = matrix.shape[0] // BLOCK * BLOCK
        parts = matrix[:blocked].reshape(-1, BLOCK, matrix.shape[1] // self.values, self.values).transpose(0, 2, 1, 3)
        blocks = [self.arranged(part) for part in parts.reshape(-1, BLOCK, self.values)]
        return np.concatenate([*(block.reshape(-1) for block in blocks), matrix[blocked:].reshape(-1)])

    def cycles_per_product(self, view: NodeView[WeightedSum], outputs: int) -> float:
        """On average, of a group of so many output channels: those beyond fours are on their own."""
        fours = outputs // BLOCK * BLOCK
        wide = 1.25 if sum_dtype(view) == "int64" else 1.0
        return (self.cycles * wide * fours + 2.2 * (outputs - fours)) / outputs


def _in_pairs(block: np.ndarray) -> np.ndarray:
    """(4, 2): two channels at a time, value by value."""
    return np.concatenate([block[:2].T.reshape(-1), block[2:].T.reshape(-1)])


EXTENSIONS = (
    Extension("mve", "_vectors", 8, np.asarray, lambda core: core.has_mve, 0.4),
    Extension("dsp", "_pairs", 2, _in_pairs, lambda core: core.has_dsp, 1.6),
)
"""The fastest first."""
