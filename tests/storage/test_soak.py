"""Thousands of inferences in a row, with faults, resets and wraps between them: none is wrong without saying so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.storage.soak import PLANS, soak


@pytest.mark.release
@pytest.mark.parametrize("plan", PLANS)
def test_inferences_in_a_row_with_faults_and_wraps_stay_right(plan: str, tmp_path: Path) -> None:
    status, said = soak(tmp_path, plan, 4000, 3, sanitize=False)
    assert status == 0, said
    counts = {what: int(number) for number, what in re.findall(r"(\d+) ([a-z ]+)", said)}
    assert counts["faults noticed"] > 50
    assert counts["resets"] > 20
    assert counts["wraps"] > 1


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS)
def test_a_hundred_thousand_inferences_stay_right_under_sanitizers(plan: str, tmp_path: Path) -> None:
    status, said = soak(tmp_path, plan, 100_000, 1)
    assert status == 0, said
