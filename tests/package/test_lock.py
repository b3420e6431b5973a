"""Locks satisfy what ``setup.cfg`` asks for, with a hash for each package; what cannot be installed by one is said."""

from __future__ import annotations

import configparser
import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("lock", ROOT / ".ci" / "lock.py")
assert specification is not None
assert specification.loader is not None
lock = importlib.util.module_from_spec(specification)
specification.loader.exec_module(lock)
FILES = sorted(lock.LOCKS.glob("*.txt"))


def pins(file: Path) -> dict[str, str]:
    """Versions by names of a lock, each of whose lines has a hash."""
    found = {}
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r"([\w.-]+)==(\S+) --hash=sha256:[0-9a-f]{64}", line)
            assert match is not None, line
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_lock_satisfies_what_the_project_asks_for(file: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    wanted = settings["options"]["install_requires"] + settings["options.extras_require"]["dev"]
    python = re.match(r"cp(\d)(\d+)-", file.name)
    assert python is not None
    held = pins(file)
    for text in wanted.strip().splitlines():
        requirement = Requirement(text)
        here = {"python_version": f"{python[1]}.{python[2]}"}
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert held[re.sub(r"[-_.]+", "-", requirement.name).lower()] in requirement.specifier, text


def test_a_package_without_a_hash_is_no_line_of_a_lock() -> None:
    entry = {"metadata": {"name": "a", "version": "1"}, "download_info": {"archive_info": {"hashes": {"sha256": "5"}}}}
    own = {"metadata": {"name": "tinyseg-tvm", "version": "1"}, "download_info": {}}
    assert lock.lines({"install": [entry, own]}) == ["a==1 --hash=sha256:5"]
    with pytest.raises(ValueError, match="no hash of a 1"):
        lock.lines({"install": [{**entry, "download_info": {}}]})


@pytest.mark.parametrize("must", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_what_cannot_be_installed_by_a_lock_is_said(must: bool, there: bool, tmp_path, monkeypatch, capsys) -> None:
    file = tmp_path / "cp399-here.txt"
    if there:
        file.write_text("a==1 --hash=sha256:5\n")
    monkeypatch.setattr(lock, "lock_file", lambda: file)
    monkeypatch.setattr(lock.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    assert lock.install(must) == int(must)
    said = capsys.readouterr().out
    assert ("could not install" if there else "no lock for cp399-here") in said
    assert ("hashes not compared" in said) == (not must)
