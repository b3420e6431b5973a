"""Random networks of the independent generator, from ONNX to programs: right, however they are compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.random_networks.cases import random_case
from tests.random_networks.judging import FINDINGS, judge

FAST = range(8, 20)  # by make test; the others by make test-release and make test-slow
RELEASE = range(20, 56)
SLOW = range(56, 3000)
SEED = 7


def check(number: int, folder: Path, run: bool, watch: bool = False) -> None:
    """Judges one network; on every core by reference, and where ``run`` by its program, perhaps watched."""
    verdict = judge(random_case(SEED, number), folder, run, watch)
    assert verdict.kind not in FINDINGS, f"{verdict.kind}: {verdict.message}"


@pytest.mark.parametrize("number", FAST)
def test_random_networks_are_right(number: int, tmp_path: Path) -> None:
    check(number, tmp_path, run=number % 6 == 0)


@pytest.mark.release
@pytest.mark.parametrize("number", RELEASE)
def test_more_random_networks_are_right(number: int, tmp_path: Path) -> None:
    check(number, tmp_path, run=number % 3 == 0, watch=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", SLOW)
def test_thousands_of_random_networks_are_right(number: int, tmp_path: Path) -> None:
    check(number, tmp_path, run=number % 3 == 0, watch=True)
