"""The C requantisation of 64-bit sums to int16, in float and in integers, equals the contract and its integer twin."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.test_requantize_kernel import BUILDS
from tinyseg_tvm.codegen.text.runtime_files import include_options
from tinyseg_tvm.operators.arithmetic.onnx_functions import requantize, requantize_integer

FIELDS = {"accumulator": "<i8", "multiplier": "<f4", "zero_point": "<i4", "minimum": "<i4", "maximum": "<i4"}
RECORD = np.dtype(
    {"names": list(FIELDS), "formats": list(FIELDS.values()), "offsets": [0, 8, 12, 16, 20], "itemsize": 24}
)
COUNT = 200_000


def records(accumulator: np.ndarray, multiplier: np.ndarray, zero_point: int) -> np.ndarray:
    """A record of every sum by its multiplier, unclamped."""
    result = np.empty(accumulator.size, RECORD)
    result["accumulator"], result["multiplier"] = accumulator, multiplier
    result["zero_point"], result["minimum"], result["maximum"] = zero_point, -32768, 32767
    return result


def adversarial() -> list[np.ndarray]:
    """Sums of all sizes, products within int16, ties and their neighbours, and limits."""
    rng = np.random.default_rng(4)
    everywhere = (rng.uniform(-1, 1, COUNT) * np.exp2(rng.uniform(0, 62, COUNT))).astype(np.int64)
    anything = np.exp2(rng.uniform(-70, 20, COUNT)).astype(np.float32)
    ordinary = np.abs(rng.uniform(-70000, 70000, COUNT) / np.where(everywhere == 0, 1, everywhere)).astype(np.float32)
    powers = np.exp2(rng.integers(-50, 3, COUNT)).astype(np.float32)
    ties = np.rint((rng.integers(-40000, 40000, COUNT) + 0.5) / powers.astype(np.float64))
    ties = np.clip(ties, -(2.0**62), 2.0**62).astype(np.int64) + rng.integers(-1, 2, COUNT)
    ends = np.array([0, 1, -1, 2**24 + 1, 2**25 + 2, 2**31, -(2**31) - 1, 2**53 + 1, 2**62, -(2**62)], np.int64)
    factors = np.array([0.0, 1e-45, 1.1754944e-38, 2.0**-40, 2.0**-17, 1.0, 1.5, 2.0**17, 1e20, 3.4e38], np.float32)
    every, other = (each.reshape(-1) for each in np.meshgrid(ends, factors))
    return [
        records(everywhere, anything, 0),
        records(everywhere, ordinary, -32768),
        records(ties, powers, 12345),
        records(every, other.astype(np.float32), 32767),
    ]


def contract(values: np.ndarray) -> np.ndarray:
    """By the formula of the operators."""
    zero_point = int(values["zero_point"][0])
    return requantize(values["accumulator"], values["multiplier"], zero_point, -32768, 32767, "int16")


def test_the_integer_twin_equals_the_contract() -> None:
    for values in adversarial():
        zero_point = int(values["zero_point"][0])
        twin = requantize_integer(values["accumulator"], values["multiplier"], zero_point, -32768, 32767, "int16")
        np.testing.assert_array_equal(twin, contract(values))


@pytest.mark.parametrize("build", BUILDS)
def test_requantisation_equals_the_contract(build: str, tmp_path: Path) -> None:
    program = tmp_path / "probe"
    probe = Path(__file__).with_name("requantize_i16_probe.c")
    options = ["-std=c99", "-Wall", "-Wextra", "-Werror", *BUILDS[build], *include_options()]
    done = subprocess.run(
        ["gcc", *options, str(probe), "-o", str(program)], capture_output=True, text=True, check=False
    )
    if done.returncode and "-m32" in options:
        pytest.skip("no 32-bit C library")
    assert done.returncode == 0, done.stderr
    for values in adversarial():
        out = subprocess.run([program], input=values.tobytes(), capture_output=True, check=True).stdout
        np.testing.assert_array_equal(np.frombuffer(out, np.int16), contract(values))
