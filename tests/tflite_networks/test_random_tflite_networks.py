"""Random TensorFlow Lite networks: what TensorFlow Lite for Microcontrollers computes, in every value, and so in C."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tflite_networks.judging import Case, differing, programs
from tinyseg_tvm.errors import TinySegError

SEED = 1
SLOW = range(240)
REFUSED = ("are no maps (1, H, W, C)",)
TOGETHER = 20  # networks in one program


def accepted(numbers: range) -> list[Case]:
    """The cases that the compiler takes."""
    found, refusals = [], []
    for number in numbers:
        case = Case(SEED, number)
        try:
            found += [case] if case.network.nodes else []
        except TinySegError as error:
            refusals.append(str(error))
    assert [text for text in refusals if not any(known in text for known in REFUSED)] == []
    return found


@pytest.mark.slow
def test_random_networks_equal_the_interpreter_for_microcontrollers():
    runtime = pytest.importorskip("tflite_micro").runtime
    verdicts = [case.judged_by(runtime) for case in accepted(SLOW)]
    assert [verdict for verdict in verdicts if verdict] == []
    assert verdicts.count("") >= 200


@pytest.mark.release
def test_random_networks_are_the_reference_in_c(tmp_path: Path):
    made = programs(accepted(range(TOGETHER)), tmp_path)
    assert {case.number: count for case, member in made if (count := differing(case, member))} == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(TOGETHER, len(SLOW), TOGETHER))
def test_more_random_networks_are_the_reference_in_c(first: int, tmp_path: Path):
    made = programs(accepted(range(first, first + TOGETHER)), tmp_path)
    assert {case.number: count for case, member in made if (count := differing(case, member))} == {}
