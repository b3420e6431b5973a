"""What all tests run with: compilers that keep their objects, property tests that try the same examples every time."""

import os
from collections import Counter
from collections.abc import Iterator
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that is marked ``sampled(n)``, every n-th set of parameters is for make test, others for releases."""
    seen: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("release") or item.get_closest_marker("slow"):
            continue
        for mark in item.iter_markers("sampled"):
            test = item.nodeid.partition("[")[0]
            if seen[test] % mark.args[0] != 0:
                item.add_marker(pytest.mark.release)
            seen[test] += 1


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder of real networks; tests that need it skip where it is absent."""
    if not MODELS.is_dir():
        pytest.skip("the folder of real networks is not present")
    return MODELS


@pytest.fixture(autouse=True)
def the_same_environment() -> Iterator[None]:
    """A test that leaves variables behind changes what others compile: it fails, and not they."""
    before = dict(os.environ)
    yield
    names = {*before, *os.environ} - {"PYTEST_CURRENT_TEST"}
    changed = [name for name in sorted(names) if os.environ.get(name) != before.get(name)]
    for name in changed:
        os.environ.pop(name, None)
    os.environ.update({name: before[name] for name in changed if name in before})
    assert not changed
