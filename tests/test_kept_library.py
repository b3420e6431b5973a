"""Compiled libraries are kept per user, by content, where nobody else can put one."""

import ctypes
import multiprocessing
import os
import shutil
import subprocess

import pytest

from tinyseg_tvm import kept_library
from tinyseg_tvm.kept_library import library_file, load_library, private_folder

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the host has no C compiler")
COMMAND = ["cc", "-O1", "-shared", "-fPIC"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tinyseg-tvm"


def source(tmp_path, number: int, name: str = "number.c"):
    path = tmp_path / name
    path.write_text(f"int number(void);\nint number(void)\n{{\n    return {number};\n}}\n")
    return path


@pytest.fixture
def compilations(monkeypatch):
    """Commands that were run to compile."""
    seen = []
    real = subprocess.run

    def run(words, **options):
        if "-o" in words:
            seen.append(words)
        return real(words, **options)

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_a_library_is_compiled_once(folder, tmp_path, compilations):
    path = source(tmp_path, 7)
    assert [load_library("n", COMMAND, [path]).number() for _ in range(3)] == [7, 7, 7]
    assert len(compilations) == 1
    assert [entry.suffix for entry in folder.iterdir()] == [".so"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_other_sources_flags_and_compilers_are_other_libraries(folder, tmp_path, compilations):
    assert load_library("n", COMMAND, [source(tmp_path, 7)]).number() == 7
    assert load_library("n", COMMAND, [source(tmp_path, 8)]).number() == 8
    assert load_library("n", [*COMMAND, "-g"], [source(tmp_path, 8)]).number() == 8
    other = tmp_path / "another-cc"
    other.write_text('#!/bin/sh\ntest "$1" = --version && echo another && exit\nexec cc "$@"\n')
    other.chmod(0o755)
    assert load_library("n", [str(other), *COMMAND[1:]], [source(tmp_path, 8)]).number() == 8
    assert len(compilations) == len(list(folder.iterdir())) == 4


def test_a_damaged_library_is_compiled_again(folder, tmp_path, compilations):
    path = source(tmp_path, 7)
    folder.mkdir(mode=0o700, parents=True)
    command = [*COMMAND, "-g0"]
    key = kept_library._key(command, [path])
    (folder / f"n-{key}.so").write_bytes(b"not a library")
    assert load_library("n", command, [path]).number() == 7
    assert load_library("n", command, [path]).number() == 7
    assert len(compilations) == 1


@pytest.mark.parametrize("what", ["open", "link", "file"])
def test_a_folder_that_others_could_have_filled_is_not_used(folder, tmp_path, what, compilations):
    folder.parent.mkdir()
    if what == "open":
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    elif what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    assert private_folder() is None
    path = source(tmp_path, 7)
    assert [load_library("n", COMMAND, [path]).number() for _ in range(2)] == [7, 7]
    assert len(compilations) == 2
    assert what == "file" or list(folder.iterdir()) == []


def test_the_file_of_a_library_is_kept_and_lies_elsewhere_where_the_folder_is_open(folder, tmp_path, compilations):
    path, elsewhere = source(tmp_path, 7), tmp_path / "elsewhere"
    kept = {library_file("n", COMMAND, [path], elsewhere) for _ in range(2)}
    assert len(compilations) == 1
    assert kept == set(folder.iterdir())
    assert ctypes.CDLL(str(kept.pop())).number() == load_library("n", COMMAND, [path]).number() == 7
    folder.chmod(0o755)
    assert library_file("n", COMMAND, [path], elsewhere).parent == elsewhere
    assert len(compilations) == 2


def test_another_users_folder_is_not_used(folder, monkeypatch):
    assert private_folder() == folder
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert private_folder() is None


def test_a_relative_cache_folder_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert private_folder() == tmp_path / ".cache" / "tinyseg-tvm"


def number_of(command, path) -> int:
    return ctypes.c_int(load_library("n", command, [path]).number()).value


def test_processes_at_the_same_time_get_whole_libraries(folder, tmp_path):
    path = source(tmp_path, 7)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.starmap(number_of, [(COMMAND, path)] * 8) == [7] * 8
    assert [entry.suffix for entry in folder.iterdir()] == [".so"]


def test_a_compiler_that_fails_is_an_error(folder, tmp_path):
    path = tmp_path / "broken.c"
    path.write_text("int broken(\n")
    with pytest.raises(subprocess.CalledProcessError):
        load_library("n", COMMAND, [path])
    with pytest.raises(OSError, match="no-such-cc"):
        load_library("n", ["no-such-cc"], [path])
    assert list(folder.iterdir()) == []
