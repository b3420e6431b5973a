"""The bill of materials names the wheel and what it needs, by what the installed packages state, and nothing else."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "bill_of_materials.py"
specification = importlib.util.spec_from_file_location("bill_of_materials", SCRIPT)
assert specification is not None
assert specification.loader is not None
bills = importlib.util.module_from_spec(specification)
specification.loader.exec_module(bills)


def package(name: str, *needs: str, **more: str) -> dict[str, list[str]]:
    keys = ("Summary", "License-Expression", "License", "Classifier")
    given = {key: [more[key.replace("-", "_")]] if key.replace("-", "_") in more else [] for key in keys}
    return {"Name": [name], "Version": ["1.2"], "Requires-Dist": list(needs), **given}


PACKAGES = [
    package("tinyseg_tvm", "Numbers>=1", 'absent; extra == "board"', 'absent; python_version < "3"'),
    package("Numbers", "deep.er", License_Expression="BSD-3-Clause"),
    package("deep-er", Classifier="License :: OSI Approved :: MIT License", License="Permission is\ngranted"),
    package("pip"),
]


def test_what_is_needed_is_named_and_nothing_else(tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"wheel")
    bill = bills.bill_of_materials(PACKAGES, wheel)
    main = bill["metadata"]["component"]
    assert main["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"wheel").hexdigest()}]
    assert [(each["name"], each.get("licenses")) for each in bill["components"]] == [
        ("deep-er", [{"license": {"name": "MIT License"}}]),
        ("Numbers", [{"expression": "BSD-3-Clause"}]),
    ]
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert needs["pkg:pypi/tinyseg-tvm@1.2"] == ["pkg:pypi/numbers@1.2"]
    assert needs["pkg:pypi/numbers@1.2"] == ["pkg:pypi/deep-er@1.2"]
    assert bill == bills.bill_of_materials(PACKAGES, wheel)


@pytest.mark.parametrize("missing", [0, 1])
def test_an_environment_without_what_is_needed_is_refused(missing: int, tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"")
    with pytest.raises(ValueError, match="tinyseg"):
        bills.bill_of_materials([*PACKAGES[:missing], *PACKAGES[missing + 1 :]], tmp_path / "x.whl")


def test_this_environment_tells_what_it_has() -> None:
    done = subprocess.run([sys.executable, "-c", bills.INSPECTION], capture_output=True, text=True, check=True)
    assert any(bills.canonical(each["Name"][0]) == "numpy" for each in json.loads(done.stdout))
