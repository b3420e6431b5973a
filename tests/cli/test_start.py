"""What the command line imports before it knows that it needs it: help and small verbs start at once."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from tinyseg_tvm.cli.main import VERBS, summary

LIBRARIES = ("tvm", "onnx", "matplotlib")
PROGRAM = """
import json, sys
from tinyseg_tvm.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert stop.code == 0
print(json.dumps(sorted(sys.modules)))
"""


def imported_by(*words: str) -> set[str]:
    """Names of the modules that a process has imported which ran a verb."""
    process = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    return set(json.loads(process.stdout.splitlines()[-1]))


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("boards",), ("boards", "--json")], ids=" ".join)
def test_what_needs_no_library_imports_none(words: tuple[str, ...]) -> None:
    assert imported_by(*words).isdisjoint((*LIBRARIES, "numpy"))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_imports_no_large_library_and_no_other_verb(verb: str) -> None:
    modules = imported_by(verb, "--help")
    assert modules.isdisjoint(LIBRARIES)
    verbs = {f"tinyseg_tvm.cli.{name.replace('-', '_')}" for name in VERBS}
    assert modules & verbs == {f"tinyseg_tvm.cli.{verb.replace('-', '_')}"}


def test_a_verb_that_reads_models_imports_what_reads_them() -> None:
    assert imported_by("ops") >= {"tvm", "onnx"}


@pytest.mark.parametrize("verb", VERBS)
def test_the_summary_is_the_first_line_of_the_module(verb: str) -> None:
    module = importlib.import_module(f"tinyseg_tvm.cli.{verb.replace('-', '_')}")
    assert module.__doc__ is not None
    assert summary(verb) == module.__doc__.splitlines()[0].rstrip(".")
