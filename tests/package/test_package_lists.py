"""What ``setup.cfg`` lists by hand: every folder of Python files, and every file beside them that the package reads."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg")
FOLDERS = {  # of the repository, by the name as which they are imported
    name: ROOT / folder
    for name, _, folder in (line.partition(" = ") for line in SETTINGS["options"]["package_dir"].strip().splitlines())
}
PACKAGES = SETTINGS["options"]["packages"].split()


def folder_of(package: str) -> Path:
    """Where a package's files are: in the folder that is mapped to the longest beginning of its name."""
    root = max((name for name in FOLDERS if f"{package}.".startswith(f"{name}.")), key=len)
    return FOLDERS[root].joinpath(*package.removeprefix(root).split("."))


def files(pattern: str) -> set[Path]:
    """Files of the package that match, but for what running it leaves behind."""
    found = {path for folder in FOLDERS.values() for path in folder.rglob(pattern) if path.is_file()}
    return {path for path in found if "__pycache__" not in path.parts}


def test_every_folder_with_python_files_is_a_listed_package() -> None:
    assert {path.parent for path in files("*.py")} == {folder_of(package) for package in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_package_can_be_told_from_a_folder_of_data(package: str) -> None:
    assert (folder_of(package) / "__init__.py").is_file()


def test_every_file_that_is_not_python_is_listed_as_data() -> None:
    listed = {
        path
        for package, patterns in SETTINGS["options.package_data"].items()
        for pattern in patterns.split()
        for path in folder_of(package).glob(pattern)
        if path.is_file()
    }
    assert {path for path in files("*") if path.suffix != ".py"} == listed
