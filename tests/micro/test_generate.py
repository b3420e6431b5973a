"""Generated folders: what is in them, and that they are written as a whole or not at all."""

import errno
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import Project, generate_project, read_library


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_project_is_the_same_every_time_and_names_no_machine(tmp_path: Path) -> None:
    first = contents(generate_project("mps2_an386", fake_files(), tmp_path / "one").directory)
    second = contents(generate_project("mps2_an386", fake_files(), tmp_path / "two").directory)
    assert first == second
    assert not [path for path, data in first.items() if str(tmp_path).encode() in data or b"/home" in data]
    assert {"Makefile", "CMakeLists.txt", "port/main.c", "port/mps2_an386/board.ld", "port/host/port.c"} <= set(first)


def test_a_project_can_be_opened_again(tmp_path: Path) -> None:
    made = generate_project("lm3s6965evb", fake_files(line_io=True), tmp_path / "p")
    opened = Project(tmp_path / "p")
    assert (opened.board, opened.library) == (made.board, made.library)
    assert opened.library.line_io


@pytest.mark.parametrize("content", [None, "not json", '{"board": "x"}', "[]"])
def test_what_is_no_project_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "port").mkdir()
        (tmp_path / "port" / "project.json").write_text(content)
    with pytest.raises(TinySegError, match="is not a generated project"):
        Project(tmp_path)


def test_an_earlier_project_and_an_empty_folder_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    generate_project("mps2_an386", fake_files(), folder)
    generate_project("host", fake_files(), folder)
    assert not (folder / "port" / "mps2_an386").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(TinySegError, match="holds files that are not a generated project"):
        generate_project("host", fake_files(), tmp_path)
    assert contents(tmp_path) == before
    with pytest.raises(TinySegError, match="is not a folder"):
        generate_project("host", fake_files(), tmp_path / "thesis.txt")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generate_project("mps2_an386", fake_files(), tmp_path / "p").directory
    before = contents(folder)
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "startup.c":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TinySegError, match="the disk is full; nothing was changed"):
        generate_project("mps2_an386", fake_files(arena=256), folder)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("path", ["../escape.c", "/etc/escape.c", "src/../../escape.c", "", "src\\..\\escape.c"])
def test_files_cannot_leave_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(TinySegError, match="outside the project's folder"):
        generate_project("host", {**fake_files(), path: b""}, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_a_header_without_a_macro_is_refused() -> None:
    files = fake_files()
    files["include/fake.h"] = files["include/fake.h"].replace(b"FAKE_INPUT1_LINES", b"FAKE_INPUT1_ROWS")
    with pytest.raises(TinySegError, match="does not define FAKE_INPUT1_LINES"):
        read_library(files)
    with pytest.raises(TinySegError, match=r"no include/<name>\.h"):
        read_library({})


def test_an_object_with_project_files_is_a_source(tmp_path: Path) -> None:
    class Factory:
        def project_files(self) -> dict[str, bytes]:
            return fake_files()

    assert generate_project("host", Factory(), tmp_path / "p").library.name == "fake"
