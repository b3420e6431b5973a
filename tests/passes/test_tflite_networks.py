"""Networks of TensorFlow Lite with the results of its reference kernels: integers equal in every value."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay_passes import lower

SHARED = Path(__file__).parents[2].parent / "shared"
GOLDEN = {path: path.with_suffix(".npz") for path in sorted((SHARED / "tflite" / "models").glob("*.tflite"))} | {
    path: SHARED / "models" / "golden" / f"{path.stem}.npz"
    for path in sorted((SHARED / "models" / "tflite").glob("*.tflite"))
}
SMALL = ("coral_split_concat", "tfsupport_dilated_conv", "tinyengine_ptq_mnist_lenet_300_100", "mlonmcu_micro_speech")
DEQUANTISED = ("dtln_model_quant_1", "tensorflow_semanticsegmentation_frozen_person_quantized_08")
"""Of weights that are dequantised at import, where the kernels quantise activations: other numbers."""


def made_inputs(network: Network, vectors: Any, case: int) -> list[np.ndarray]:
    """Stored ones; large ones are not stored, and made as the folder's page says."""
    specification = importlib.util.spec_from_file_location("tflite_inputs", SHARED / "tflite" / "inputs.py")
    assert specification is not None
    assert specification.loader is not None
    inputs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(inputs)
    kind = ("noise", "gradient")[case]
    return [
        vectors[f"in{case}_{i}"]
        if f"in{case}_{i}" in vectors
        else inputs.rnd(port.model_shape, np.dtype(port.model_dtype), 10 * case + i, kind)
        for i, port in enumerate(network.inputs)
    ]


def differing(path: Path) -> int | None:
    """Integers that differ, and reals by more than 1e-4 of the largest; None where the file is refused."""
    try:
        network = lower(from_tflite(path)[0])
    except TinySegError:
        return None
    vectors, states, count = np.load(GOLDEN[path]), initial_states(network), 0
    for case in (0, 1):  # the second with the states that the first left
        for i, result in enumerate(run(network, made_inputs(network, vectors, case), states=states)):
            expected = vectors[f"out{case}_{i}"]
            assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
            if result.dtype.kind == "f":
                count += int((np.abs(result - expected) > 1e-4 * np.abs(expected).max()).sum())
            else:
                count += int((result != expected).sum())
    return count


@pytest.mark.skipif(not GOLDEN, reason="the folder of networks is absent")
@pytest.mark.parametrize("name", SMALL)
def test_small_networks_equal_the_reference_kernels(name):
    assert differing(SHARED / "tflite" / "models" / f"{name}.tflite") == 0


@pytest.mark.skipif(not GOLDEN, reason="the folder of networks is absent")
@pytest.mark.parametrize(
    ("largest", "equal"),
    [pytest.param(300_000, 37, marks=pytest.mark.release), pytest.param(1 << 30, 50, marks=pytest.mark.slow)],
    ids=["small files", "all"],
)
def test_every_network_equals_the_reference_kernels(largest: int, equal: int):
    tried = [path for path in GOLDEN if path.stat().st_size <= largest]
    found = {path.stem: differing(path) for path in tried if path.stem not in DEQUANTISED}
    assert {name: count for name, count in found.items() if count} == {}
    assert sum(count == 0 for count in found.values()) >= equal
