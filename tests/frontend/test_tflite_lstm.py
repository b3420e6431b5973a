"""UNIDIRECTIONAL_SEQUENCE_LSTM: its states carry over, and its forms of time and batches agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.frontend.test_tflite_variables import outputs
from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.relay_passes import lower

STEPS, INPUTS, UNITS = 4, 5, 3


def lstm(
    steps: int = STEPS, batch: int = 1, *, dtype: str = "int8", time_major: bool = False, **changes: Any
) -> TfliteFile:
    """A file of one node; ``changes`` are of its operands by number, or of ``variable``, ``cells`` or its options."""
    rng, made = np.random.default_rng(3), TfliteFile()
    wide = dtype == "int16"

    def constant(shape: tuple[int, ...], kind: str, least: int, most: int, scale: float) -> int:
        return made.tensor(shape, kind, scale, 0, rng.integers(least, most, shape).astype(kind))

    order = (steps, batch) if time_major else (batch, steps)
    x = made.tensor((*order, INPUTS), dtype, 0.0001 if wide else 0.03, 0 if wide else 9)
    own = [constant((UNITS, INPUTS), "int8", -127, 128, 0.01) for _ in range(4)]
    recurrent = [constant((UNITS, UNITS), "int8", -127, 128, 0.02) for _ in range(4)]
    biases = [constant((UNITS,), "int64" if wide else "int32", -900, 900, 0.0003) for _ in range(4)]
    unit: dict[str, Any] = {"dtype": dtype, "scale": 1 / 32768 if wide else 1 / 128, "zero_point": 0 if wide else -3}
    hidden = made.tensor((batch, UNITS), **unit, variable=changes.pop("variable", True))
    cells = made.tensor((batch, UNITS), "int16", changes.pop("cells", 2.0**-12), variable=True)
    operands = [x, *own, *recurrent, -1, -1, -1, *biases, -1, -1, hidden, cells, -1, -1, -1, -1]
    options = {"fused_activation_function": "TANH", "cell_clip": 1.5, "time_major": int(time_major)}
    for name, value in changes.items():
        if name.startswith("operand"):
            operands[int(name.removeprefix("operand"))] = value
        else:
            options[name] = value
    y = made.tensor((*order, UNITS), **unit)
    made.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], **options)
    return made


def network(made: TfliteFile) -> Network:
    return lower(from_tflite(made.to_bytes([0], [len(made.tensors) - 1]))[0])


def values(steps: int, batch: int, dtype: str = "int8") -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(4).integers(limits.min, limits.max, (steps, batch, INPUTS)).astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_states_carry_over_from_one_inference_to_the_next(dtype: str):
    given = values(2 * STEPS, 1, dtype)[:, 0][np.newaxis]
    (at_once,) = outputs(network(lstm(2 * STEPS, dtype=dtype)), [given])
    in_parts = outputs(network(lstm(STEPS, dtype=dtype)), np.split(given, 2, axis=1))
    one_by_one = outputs(network(lstm(1, dtype=dtype)), np.split(given, 2 * STEPS, axis=1))
    assert np.array_equal(at_once, np.concatenate(in_parts, axis=1))
    assert np.array_equal(at_once, np.concatenate(one_by_one, axis=1))
    assert len(np.unique(at_once)) > UNITS


def test_batches_are_computed_each_for_itself_in_both_orders():
    given = values(STEPS, 2)
    (time_major,) = outputs(network(lstm(batch=2, time_major=True)), [given])
    (batch_major,) = outputs(network(lstm(batch=2)), [np.ascontiguousarray(given.transpose(1, 0, 2))])
    assert np.array_equal(time_major, batch_major.transpose(1, 0, 2))
    for number in range(2):
        (alone,) = outputs(network(lstm()), [given[:, number][np.newaxis]])
        assert np.array_equal(alone[0], time_major[:, number])


def test_states_are_as_large_as_the_file_says():
    assert [state.initial.nbytes for state in network(lstm(batch=2)).states] == [2 * UNITS, 4 * UNITS]
    assert (network(lstm()).states[0].initial == -3).all()  # the zero point


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operand9": 9}, "peepholes"),
        ({"operand16": 9}, "a projection"),
        ({"operand20": 9}, "layer normalisation"),
        ({"operand1": -1}, "coupled to the forget gate"),
        ({"fused_activation_function": "RELU"}, "activation is not TANH"),
        ({"diagonal_recurrent_tensors": 1}, "diagonal"),
        ({"cells": 0.001}, "no power of two"),
        ({"cell_clip": float("nan")}, "limited to nan"),
        ({"operand5": 1}, "contradicts itself|does not fit|is needed"),
        ({"variable": False}, "which is no variable"),
        ({"operand18": -1}, "which is no variable"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(changes: dict[str, Any], message: str):
    with pytest.raises(TinySegError, match=message) as refusal:
        network(lstm(**changes))
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in str(refusal.value)
    assert "Remedy" in str(refusal.value) or "is needed" in str(refusal.value)
