"""Endless input: rounds of a stream give the lines of one tall map, or of each window, to the bit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.network.endless_models import CHANNELS, WIDTH, random_map_network, random_window_network
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.network.endless import endless
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay import frontend
from tinyseg_tvm.relay_passes.lowering import lower


def lowered(source: onnx.ModelProto) -> Network:
    return lower(frontend.from_onnx(source)[0])


def stream(network: Network, lines: np.ndarray) -> list[np.ndarray]:
    """The first output of each round; ``lines`` (1, C, H, W) divide into rounds."""
    (given,) = network.inputs
    step = network.tensors[given.tensor].type.shape[1]
    states = initial_states(network)
    rounds = range(0, lines.shape[2] - step + 1, step)
    return [reference.run(network, [lines[:, :, at : at + step]], states=states)[0] for at in rounds]


def check_maps(seed: int, height: int = 48) -> None:
    network = lowered(random_map_network(seed, height))
    round_ = endless(network)
    data = np.random.default_rng(seed).normal(0, 1, (1, CHANNELS, height, WIDTH)).astype(np.float32)
    (expected,) = reference.run(network, [data])
    (port,) = round_.outputs
    assert port.delay is not None
    got = np.concatenate(stream(round_, data), axis=2)[:, :, port.delay :]
    assert got.shape[2] > 0 or port.delay >= expected.shape[2]
    count = min(got.shape[2], expected.shape[2])
    np.testing.assert_array_equal(got[:, :, :count], expected[:, :, :count])


def check_windows(seed: int, height: int = 13) -> None:
    network = lowered(random_window_network(seed, height))
    round_ = endless(network)
    (given,), (port,) = round_.inputs, round_.outputs
    step = round_.tensors[given.tensor].type.shape[1]
    count = 3 * height // step
    data = np.random.default_rng(seed).normal(0, 1, (1, CHANNELS, count * step, WIDTH)).astype(np.float32)
    results = stream(round_, data)
    data = np.pad(data, ((0, 0), (0, 0), (0, height), (0, 0)))  # lines that strides pass over may be yet to come
    lines = network.tensors[network.outputs[0].tensor].type.lines
    assert port.delay is not None
    late = port.delay // lines
    assert late < count
    # Windows follow each other by a round; the first begins in the first round.
    found = [
        first
        for first in range(step)
        if np.array_equal(reference.run(network, [data[:, :, first : first + height]])[0], results[late])
    ]
    assert found
    for number, result in enumerate(results[late:]):
        first = found[0] + number * step
        (expected,) = reference.run(network, [data[:, :, first : first + height]])
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("seed", range(20))
def test_rounds_give_the_lines_of_one_tall_map(seed: int):
    check_maps(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 400))
def test_more_rounds_give_the_lines_of_one_tall_map(seed: int):
    check_maps(seed)


@pytest.mark.parametrize("seed", range(8))
def test_rounds_give_the_result_of_each_window(seed: int):
    check_windows(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 200))
def test_more_rounds_give_the_result_of_each_window(seed: int):
    check_windows(seed)
