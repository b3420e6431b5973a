"""Files of TensorFlow Lite with the results of its reference kernels: equal in every value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay_passes import lower

FOLDER = Path(__file__).parents[2].parent / "shared" / "tflite" / "ops"
FILES = sorted({*FOLDER.glob("*_*int8*.tflite"), *FOLDER.glob("*_*int16*.tflite")})
AS_FOR_MICROCONTROLLERS = ("lstm",)
"""Kinds that are computed as by TensorFlow Lite for Microcontrollers where its results are others."""


def lowered(path: Path) -> Network:
    return lower(from_tflite(path)[0])


def wanted(path: Path, vectors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The result that the file is to give."""
    other = f"tflm_{name}"
    return vectors[other if path.name.startswith(AS_FOR_MICROCONTROLLERS) and other in vectors else name]


def differing(path: Path) -> int:
    """Values that differ."""
    network = lowered(path)
    vectors, states = np.load(path.with_suffix(".npz")), initial_states(network)
    count = 0
    for case in (0, 1):  # without a reset between
        results = run(network, [vectors[f"in{case}_{i}"] for i in range(len(network.inputs))], states=states)
        for i, result in enumerate(results):
            expected = wanted(path, vectors, f"out{case}_{i}")
            assert result.shape == expected.shape
            assert result.dtype == expected.dtype
            count += int((result != expected).sum())
    return count


@pytest.mark.skipif(not FILES, reason="the folder of files is absent")
@pytest.mark.parametrize("kind", sorted({path.name.split("_")[0] for path in FILES[::7]}))
def test_a_sample_equals_the_reference_kernels(kind):
    for path in [path for path in FILES[::7] if path.name.split("_")[0] == kind]:
        assert not differing(path), path.name


@pytest.mark.release
@pytest.mark.skipif(not FILES, reason="the folder of files is absent")
def test_every_file_equals_the_reference_kernels():
    found = {path.name: differing(path) for path in FILES}
    assert {name: count for name, count in found.items() if count} == {}
    assert len(found) == len(FILES)
