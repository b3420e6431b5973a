"""Makes the example's modules importable, as when its programs are run."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "segmentation"
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def example() -> Path:
    return FOLDER
