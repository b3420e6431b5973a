"""Mutated files beside a model, through the command line: an error of the user's kind, or success."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.small_models import one_convolution, save
from tests.fuzz.side_files import MUTATIONS, TEXTS
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.cli.main import main

FAST = ("--layerwise", "--stream-axis", "rows")
FEW, MANY = 6, 500
RECORDS = (
    '{"format": "tinyseg-tuning-records", "version": 2, "tools": [{"cc": "13"}], "boards": {"host": {"core": "host", '
    '"decisions": {"00": [1, 2]}, "kernels": [{"operator": "a", "kernel": "b", "cycles": 5, "measured": true, '
    '"decisions": {"00": [1, 2]}, "tools": 0}]}}}'
)
STORAGE = """name = "card"
kind = "file"
capacity = "1M"
block_bytes = 1
read_bytes_per_second = 1_000_000
write_bytes_per_second = 500_000
latency_microseconds = 0.5
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(one_convolution(), tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="module")
def built(model, tmp_path_factory) -> Path:
    """A project for the host that has run once."""
    folder: Path = tmp_path_factory.mktemp("project") / "out"
    assert main(["compile", str(model), "-o", str(folder), "--board", "host", *FAST]) == 0
    assert main(["run", str(folder)]) == 0
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "out")
    return tmp_path / "out"


def run(words: list[object], capfd, what: bytes | str) -> None:
    """One call of the command line, judged."""
    capfd.readouterr()
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:  # argparse
        code = int(stop.code or 0)
    out, err = capfd.readouterr()
    assert code in (0, 1, 2, 3), (code, what)
    assert "internal error" not in err, (err, what)
    assert "Traceback" not in err, (err, what)
    assert (code == 0) == ("error: " not in err), (err, what)
    assert all(each.isprintable() or each in "\n\t\r" for each in out + err), what


def sweep(original: bytes, path: Path, words: list[object], capfd, count: int) -> None:
    """Writes mutations of ``original`` to a file and calls the command line each time."""
    rng = random.Random(f"{path.name} 1")
    for _ in range(count):
        mutated = MUTATIONS[path.suffix[1:]](original, rng)
        path.write_bytes(mutated)
        run(words, capfd, mutated)


def sort_board(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = tmp_path / "mine.toml"
    text = load_board("mps2_an386").toml
    return text.encode(), path, ["analyze", model, "--board", path, *FAST]


def sort_storage(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = tmp_path / "card.toml"
    return STORAGE.encode(), path, ["analyze", model, "--storage", path, *FAST]


def sort_records(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = tmp_path / "records.json"
    return RECORDS.encode(), path, ["analyze", model, "--tuning", path, *FAST]


def sort_metadata(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = project / "metadata.json"
    return path.read_bytes(), path, ["run", project]


def sort_project(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = project / "port/project.json"
    return path.read_bytes(), path, ["run", project]


def sort_array(project: Path, model: Path, tmp_path: Path) -> tuple[bytes, Path, list[object]]:
    path = tmp_path / "input.npy"
    np.save(path, np.zeros((1, 3, 8, 8), np.float32))
    return path.read_bytes(), path, ["run", project, "--input", path]


SORTS = (sort_board, sort_storage, sort_records, sort_metadata, sort_project, sort_array)
Sort = Callable[[Path, Path, Path], tuple[bytes, Path, list[object]]]


@pytest.mark.parametrize("sort", SORTS)
def test_some_mutated_files_end_in_an_answer_or_an_error(sort: Sort, project, model, tmp_path, capfd) -> None:
    sweep(*sort(project, model, tmp_path), capfd, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("sort", SORTS)
def test_mutated_files_end_in_an_answer_or_an_error(sort: Sort, project, model, tmp_path, capfd) -> None:
    sweep(*sort(project, model, tmp_path), capfd, MANY)


OPTIONS = (
    *(
        "--board",
        "--target",
        "--mcpu",
        "--ram",
        "--objective",
        "--max-recompute",
        "--max-written",
        "--storage",
        "--codec",
    ),
    *(
        "--frame-rate",
        "--stream-axis",
        "--io",
        "--io-type",
        "--effort",
        "--fast",
        "--tuning",
        "--shape",
        "--batch",
        "--name",
    ),
)
MORE = (
    "1",
    "0",
    "-1",
    "1e999",
    "9" * 5000,
    "c -tinyseg -mcpu=x",
    "c -tinyseg '",
    "x.toml",
    "1K",
    "h=1x",
    ",",
    "/dev/zero",
)


def lines_of_commands(count: int) -> list[list[str]]:
    rng = random.Random(2)
    return [
        [
            "analyze",
            "missing.onnx",
            *(w for _ in range(rng.choice((1, 2))) for w in (rng.choice(OPTIONS), rng.choice(TEXTS + MORE))),
        ]
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [40, pytest.param(MANY, marks=pytest.mark.slow)])
def test_words_of_the_command_line_end_in_an_error(count: int, capfd) -> None:
    for words in lines_of_commands(count):
        run(list(words), capfd, repr(words))


@pytest.mark.parametrize(
    "words", [["boards", "a\x1b[2Jb"], ["analyze", "a", "--io", "\x9b2J"], ["build", "a\0b"], ["a\x1bb"]], ids=repr
)
def test_an_error_shows_no_control_characters_of_arguments(words: list[str], capfd) -> None:
    run(list(words), capfd, repr(words))


def test_an_error_shows_what_was_written(capfd) -> None:
    with pytest.raises(SystemExit):
        main(["boards", "a\x1b[2Jb"])
    assert "unrecognized arguments: a?[2Jb" in capfd.readouterr().err


def test_links_out_of_a_project_are_not_followed(project, tmp_path, capfd) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "keep").write_text("kept")
    shutil.rmtree(project / "build")
    (project / "build").symlink_to(victim)
    assert main(["run", str(project)]) == 1
    assert "symbolic link that leads out of" in capfd.readouterr().err
    assert [path.name for path in victim.iterdir()] == ["keep"]
    (project / "build").unlink()
    (project / "build").symlink_to("tests")  # stays inside
    assert main(["build", str(project)]) == 0


@pytest.mark.parametrize("name", ["../../victim", "/victim", "a/b", ".."])
def test_images_are_names_of_files_in_the_working_folder(name: str, project, capfd) -> None:
    file = project / "port/project.json"
    file.write_text(file.read_text().replace('"images": {}', f'"images": {{"{name}": 4}}'))
    assert main(["run", str(project)]) == 1
    assert "images name is" in capfd.readouterr().err
