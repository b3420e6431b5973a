"""The C requantisation, in float and in integers, equals the contract for random and adversarial values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinyseg_tvm.codegen.text.runtime_files import include_options
from tinyseg_tvm.operators.arithmetic.onnx_functions import requantize

RECORD = np.dtype(
    [("accumulator", "<i4"), ("multiplier", "<f4"), ("zero_point", "<i4"), ("minimum", "<i4"), ("maximum", "<i4")]
)
BUILDS = {
    "float": ["-O2", "-DTINYSEG_REQUANTIZE_INTEGER=0"],
    "float, fast-math": ["-O3", "-ffast-math", "-march=native", "-DTINYSEG_REQUANTIZE_INTEGER=0"],
    "float, unoptimised": ["-O0", "-DTINYSEG_REQUANTIZE_INTEGER=0"],
    "integer": ["-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all", "-DTINYSEG_REQUANTIZE_INTEGER=1"],
    "integer, narrow": [
        *("-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all"),
        *("-DTINYSEG_REQUANTIZE_INTEGER=1", "-DTINYSEG_REQUANTIZE_NARROW=1"),
    ],
    "integer, 32 bit": ["-O2", "-m32", "-DTINYSEG_REQUANTIZE_INTEGER=1"],
}


def records(accumulator, multiplier, zero_point=0, minimum=-128, maximum=127) -> np.ndarray:
    values = np.broadcast_arrays(accumulator, multiplier, zero_point, minimum, maximum)
    result = np.empty(values[0].size, RECORD)
    for name, value in zip(RECORD.names or (), values, strict=True):
        result[name] = value.reshape(-1)
    return result


def random_records(rng: np.random.Generator, count: int) -> np.ndarray:
    """All magnitudes of accumulators and multipliers alike."""
    accumulator = (rng.uniform(-1, 1, count) * np.exp2(rng.uniform(0, 31, count))).astype(np.int32)
    multiplier = np.exp2(rng.uniform(-44, 6, count)).astype(np.float32)
    low = rng.integers(-128, 100, count)
    return records(accumulator, multiplier, rng.integers(-128, 128, count), low, rng.integers(low, 128, count))


def ordinary_records(rng: np.random.Generator, count: int) -> np.ndarray:
    """Results within and just beyond int8, as in a network."""
    accumulator = rng.integers(-(2**20), 2**20, count)
    multiplier = (rng.uniform(-300, 300, count) / np.where(accumulator == 0, 1, accumulator)).astype(np.float32)
    return records(accumulator, np.abs(multiplier), rng.integers(-128, 128, count))


def tie_records(rng: np.random.Generator) -> np.ndarray:
    """Products at and next to ties: accumulator * multiplier near k + 1/2."""
    multiplier = np.exp2(rng.integers(-44, 3, 4000)).astype(np.float32) * rng.integers(1, 1 << 12, 4000).astype(
        np.float32
    )
    half = rng.integers(-300, 300, 4000) + 0.5
    accumulator = np.clip(np.rint(half / multiplier), -(2**31), 2**31 - 1)
    nearest = np.stack([accumulator - 1, accumulator, accumulator + 1], 1).clip(-(2**31), 2**31 - 1).astype(np.int32)
    exact = np.stack([np.nextafter(multiplier, np.float32(d)) for d in (0, 1e9)] + [multiplier], 1)
    return records(nearest[:, :, None], exact[:, None, :])


def extreme_records() -> np.ndarray:
    limits = [
        0,
        1,
        -1,
        2**24 - 1,
        2**24,
        2**24 + 1,
        -(2**24) - 1,
        2**25 + 2,
        2**25 + 6,
        2**31 - 1,
        -(2**31),
        2**31 - 65,
    ]
    powers = [-38, -37, -34, -33, -32, -25, -24, -1, 0, 9]
    multipliers = [0.0, 1e-45, 1.1754944e-38, 1e-30, *(2.0**power for power in powers), 1.5, 1e20, 3.4e38]
    return records(np.asarray(limits)[:, None], np.asarray(multipliers, np.float32)[None, :])


def contract(values: np.ndarray) -> np.ndarray:
    """The contract's formula with a clamp per record."""
    with np.errstate(over="ignore", under="ignore"):
        rounded: np.ndarray = np.rint(values["accumulator"].astype(np.float32) * values["multiplier"])
    shifted = rounded.astype(np.float64) + values["zero_point"]
    clamped: np.ndarray = np.clip(shifted, values["minimum"], values["maximum"])
    return clamped.astype(np.int8)


def test_the_formula_here_is_that_of_the_operators():
    values = ordinary_records(np.random.default_rng(2), 1000)
    values["zero_point"] = 5
    np.testing.assert_array_equal(contract(values), requantize(values["accumulator"], values["multiplier"], 5))


@pytest.mark.parametrize("build", BUILDS)
def test_requantisation_equals_the_contract(build: str, tmp_path: Path):
    program = tmp_path / "probe"
    probe = Path(__file__).with_name("requantize_probe.c")
    command = [
        "gcc",
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        *BUILDS[build],
        *include_options(),
        str(probe),
        "-o",
        str(program),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "-m32" in command:
        pytest.skip("no 32-bit C library")
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [random_records(rng, 400_000), ordinary_records(rng, 400_000), tie_records(rng), extreme_records()]
    )
    out = subprocess.run([program], input=values.tobytes(), capture_output=True, check=True).stdout
    got = np.frombuffer(out, np.int8)
    want = contract(values)
    wrong = np.flatnonzero(got != want)
    assert wrong.size == 0, [(values[i], got[i], want[i]) for i in wrong[:5]]
