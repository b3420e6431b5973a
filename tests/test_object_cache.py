"""The commands before the compilers: what they make is what the compiler makes, and it is made once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.object_cache import FOLDER, install, prune, write_whole

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the host has no C compiler")
FLAGS = ["-std=c99", "-O1", "-Wall", "-MMD", "-MP", "-Iinclude"]


@pytest.fixture
def objects(tmp_path, monkeypatch):
    """A folder of objects of its own, with its commands first in PATH."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv(FOLDER, os.environ[FOLDER])
    folder = tmp_path / "objects"
    install(str(folder))
    return folder


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "include").mkdir(parents=True)
    (folder / "include" / "number.h").write_text("#define NUMBER 7\nint number(void);\n")
    (folder / "number.c").write_text('#include "number.h"\nint number(void)\n{\n    return NUMBER;\n}\n')
    (folder / "main.c").write_text(
        '#include <math.h>\n#include "number.h"\n'
        "int main(int argc, char **argv)\n{\n    (void)argv;\n    return number() + (int)sqrt(argc);\n}\n"
    )
    return folder


def gcc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["gcc", *words], cwd=folder, capture_output=True, text=True, check=False)


def kept(objects: Path) -> list[Path]:
    return sorted(path for path in objects.iterdir() if path.suffix == ".o")


def test_an_equal_source_is_compiled_once_wherever_it_lies(objects, project, tmp_path):
    shutil.copytree(project, tmp_path / "elsewhere")
    for folder in (project, tmp_path / "elsewhere"):
        assert gcc(folder, *FLAGS, "-c", "number.c", "-o", "number.c.o").returncode == 0
    assert len(kept(objects)) == 1
    ours = [(folder / "number.c.o").read_bytes() for folder in (project, tmp_path / "elsewhere")]
    compiler = shutil.which("gcc", path=os.environ["PATH"].partition(os.pathsep)[2])
    assert compiler is not None
    assert not compiler.startswith(str(objects.parent))
    subprocess.run([compiler, *FLAGS, "-c", "number.c", "-o", "number.c.o"], cwd=project, check=True)
    assert ours == [(project / "number.c.o").read_bytes()] * 2
    lists = [(folder / "number.c.d").read_text() for folder in (project, tmp_path / "elsewhere")]
    assert lists == ["number.c.o: number.c include/number.h\ninclude/number.h:\n"] * 2


def test_another_header_flag_or_output_is_another_object(objects, project):
    assert gcc(project, *FLAGS, "-c", "number.c", "-o", "a.o").returncode == 0
    assert gcc(project, *FLAGS, "-c", "number.c", "-o", "b.o").returncode == 0  # whose list of headers names it
    assert gcc(project, *FLAGS, "-O2", "-c", "number.c", "-o", "a.o").returncode == 0
    (project / "include" / "number.h").write_text("#define NUMBER 8\nint number(void);\n")
    assert gcc(project, *FLAGS, "-c", "number.c", "-o", "a.o").returncode == 0
    assert len(kept(objects)) == 4


def test_a_program_of_several_sources_is_linked_from_their_objects(objects, project):
    for _ in range(2):
        assert gcc(project, "-Iinclude", "main.c", "number.c", "-lm", "-o", "program").returncode == 0
        assert subprocess.run(["./program"], cwd=project, check=False).returncode == 8
    assert len(kept(objects)) == 2
    assert gcc(project, "-Iinclude", "-shared", "-fPIC", "number.c", "-o", "number.so").returncode == 0
    assert [path.name for path in objects.iterdir() if path.suffix not in (".o", "")] == []


def test_errors_and_warnings_are_those_of_the_compiler_every_time(objects, project):
    (project / "broken.c").write_text("int broken(\n")
    (project / "warned.c").write_text("int warned(void);\nint warned(void)\n{\n    int unused;\n    return 1;\n}\n")
    for _ in range(2):
        broken = gcc(project, *FLAGS, "-c", "broken.c", "-o", "broken.o")
        assert broken.returncode == 1
        assert "broken.c:1" in broken.stderr
        warned = gcc(project, *FLAGS, "-c", "warned.c", "-o", "warned.o")
        assert warned.returncode == 0
        assert "unused variable" in warned.stderr
    assert gcc(project, *FLAGS, "-c", "absent.c", "-o", "absent.o").returncode == 1
    assert kept(objects) == []


def test_commands_that_compile_nothing_are_the_compilers(objects, project):
    assert "Free Software Foundation" in gcc(project, "--version").stdout
    assert "NUMBER" not in gcc(project, "-Iinclude", "-E", "number.c").stdout
    assert kept(objects) == []


def test_processes_at_the_same_time_get_whole_objects(objects, project):
    command = ["gcc", *FLAGS, "-c", "number.c", "-o"]
    running = [subprocess.Popen([*command, f"{n}.o"], cwd=project) for n in range(8)]
    running += [
        subprocess.Popen(["gcc", "-c", "-Iinclude", "number.c", "-o", f"same{n}.o"], cwd=project) for n in range(8)
    ]
    assert [process.wait() for process in running] == [0] * 16
    assert len({(project / f"same{n}.o").read_bytes() for n in range(8)}) == 1
    assert len(kept(objects)) == 9
    assert all(path.suffix in (".o", ".d", "") for path in objects.iterdir())


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_is_open_to_others_is_refused(tmp_path, mode, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"])
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects").chmod(mode)
    with pytest.raises(PermissionError, match="mode 0700"):
        install(str(tmp_path / "objects"))


def test_what_was_not_used_for_longest_is_removed_where_there_is_too_much(tmp_path):
    for number in range(10):
        write_whole(str(tmp_path / f"{number}.o"), bytes(100))
        os.utime(tmp_path / f"{number}.o", (number, number))
    prune(str(tmp_path), most_bytes=1000)
    assert len(list(tmp_path.iterdir())) == 10
    prune(str(tmp_path), most_bytes=999)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n}.o" for n in range(6, 10)]
