"""SVDF: its memory is a state, and its values are those of the formula, frame after frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.frontend.test_tflite_variables import outputs
from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import multiplied, quantize_multiplier
from tinyseg_tvm.relay_passes import lower

INPUTS, UNITS, RANK, STEPS = 5, 3, 2, 4
X, FEATURES, MEMORY, TIME, Y = 0.04, 0.01, 0.0005, 0.002, 3.0
"""Scales."""


def svdf(dtype: str, *, variable: bool = True, steps: int = STEPS) -> tuple[bytes, dict[str, np.ndarray]]:
    """A file of one node, and its weights: integers, or reals of float32."""
    rng, made = np.random.default_rng(8), TfliteFile()
    count = UNITS * RANK
    stored: dict[str, np.ndarray]
    types: tuple[str, ...] = ("float32",) * 4
    if dtype == "int8":
        stored = {
            "features": rng.integers(-127, 128, (count, INPUTS)).astype(np.int8),
            "time": rng.integers(-9000, 9000, (count, steps)).astype(np.int16),
            "bias": rng.integers(-90000, 90000, UNITS).astype(np.int32),
        }
        types = ("int8", "int16", "int32", "int16")
    else:
        shapes = {"features": (count, INPUTS), "time": (count, steps), "bias": (UNITS,)}
        stored = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    scales = (FEATURES, TIME, MEMORY * TIME) if dtype == "int8" else (None, None, None)
    x = made.tensor((1, INPUTS), dtype, X if dtype == "int8" else None, 7)
    weights = [
        made.tensor(array.shape, kind, scale, 0, array)
        for array, kind, scale in zip(stored.values(), types, scales, strict=False)
    ]
    memory = made.tensor((1, count * STEPS), types[3], MEMORY if dtype == "int8" else None, variable=variable)
    y = made.tensor((1, UNITS), dtype, Y if dtype == "int8" else None, -3)
    made.operator("SVDF", [x, *weights, memory], [y], rank=RANK, fused_activation_function="RELU")
    return made.to_bytes([x], [y]), stored


def frames(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    if dtype == "int8":
        return [rng.integers(-128, 128, (1, INPUTS)).astype(np.int8) for _ in range(7)]
    return [rng.normal(0, 1, (1, INPUTS)).astype(np.float32) for _ in range(7)]


def test_integers_are_those_of_the_formula():
    file, stored = svdf("int8")
    features, time, bias = (array.astype(np.int64) for array in stored.values())
    f32 = np.float32
    first = quantize_multiplier(float(f32(f32(f32(X) * f32(FEATURES)) / f32(MEMORY))))
    second = quantize_multiplier(float(f32(f32(f32(MEMORY) * f32(TIME)) / f32(Y))))
    memory, given = np.zeros((UNITS * RANK, STEPS), np.int64), frames("int8")
    for frame, got in zip(given, outputs(lower(from_tflite(file)[0]), given), strict=True):
        newest = np.clip(multiplied(features @ (frame[0].astype(np.int64) - 7), *first), -32768, 32767)
        memory = np.concatenate([memory[:, 1:], newest[:, np.newaxis]], axis=1)
        total = bias + (memory * time).reshape(UNITS, -1).sum(axis=1)
        wanted = np.clip(multiplied(total, *second) - 3, -128, 127)
        assert len(np.unique(wanted)) > 1
        assert got.tolist() == [wanted.tolist()]


def test_reals_are_those_of_the_formula():
    file, stored = svdf("float32")
    memory, given = np.zeros((UNITS * RANK, STEPS)), frames("float32")
    for frame, got in zip(given, outputs(lower(from_tflite(file)[0]), given), strict=True):
        newest = stored["features"] @ frame[0]
        memory = np.concatenate([memory[:, 1:], newest[:, np.newaxis]], axis=1)
        total = stored["bias"] + (memory * stored["time"]).reshape(UNITS, -1).sum(axis=1)
        assert got[0] == pytest.approx(np.maximum(total, 0), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("options", "message"), [({"variable": False}, "no variable"), ({"steps": 3}, "weighs steps")])
def test_contradictions_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(TinySegError, match=message):
        from_tflite(svdf("int8", **options)[0])


def test_another_operator_that_changes_a_variable_is_refused_by_name():
    made = TfliteFile()
    x, y = made.tensor((1, 1, 4), "int8", 0.1), made.tensor((1, 1, 4), "int8", 0.1)
    memory = made.tensor((1, 4), "int8", 0.1, variable=True)
    made.operator("ADD", [x, memory], [y])
    with pytest.raises(TinySegError, match=r"ADD\) is a variable that the node changes"):
        from_tflite(made.to_bytes([x], [y]))
