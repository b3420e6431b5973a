"""What all tests run with: compilers that keep their objects, property tests that try the same examples every time."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.object_cache import install, prune

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT.parent / "shared" / "models"
OBJECTS = ROOT / "build" / "objects"
# A generated project warns where its compiler does; here a warning is an error.
WARNINGS = "-Wall -Wextra -Wconversion -Werror"

# "make test" gives the same verdict every time. "make test-slow" explores (--hypothesis-profile=explore) and prints how
# to reproduce what it finds, which then becomes an @example. How long an example takes says nothing of the code.
settings.register_profile("same", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    install(str(OBJECTS))
    os.environ.setdefault("WARNINGS", WARNINGS)
    if not hasattr(config, "workerinput"):
        prune(str(OBJECTS))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder of real networks; tests that need it skip where it is absent."""
    if not MODELS.is_dir():
        pytest.skip("the folder of real networks is not present")
    return MODELS
