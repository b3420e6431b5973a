"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder of real networks; tests that need it skip where it is absent."""
    if not MODELS.is_dir():
        pytest.skip("the folder of real networks is not present")
    return MODELS
