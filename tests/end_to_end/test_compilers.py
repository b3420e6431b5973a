"""Projects build without a warning of compiler or linker, by GCC and by clang, and give the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import build, frontend

BOARDS = ("host", "mps2_an385", "mps2_an386", "mps3_an547", "microbit")


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Projects of one network by board, generated once."""
    known = {}

    def project(board: str):
        if board not in known:
            mod, params = frontend.from_onnx(segmenter())
            factory = build(mod, f"c -tinyseg -board={board} -stream-axis=rows", params, name="net")
            known[board] = generate_project(board, factory, tmp_path_factory.mktemp(board) / "project")
        return known[board]

    return project


@pytest.mark.release
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("board", BOARDS)
def test_firmware_is_exact_and_built_without_a_warning(projects, board: str, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    words = ["make", "test", *(["CC=clang"] if compiler == "clang" else [])]
    result = subprocess.run(
        words, cwd=projects(board).directory, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "all outputs are equal" in result.stdout
    assert "warning" not in result.stderr


@pytest.mark.skipif(None in (shutil.which("clang"), shutil.which("cmake")), reason="clang or cmake is not installed")
def test_cmake_builds_firmware_by_clang(projects, tmp_path) -> None:
    project = projects("mps2_an386")
    toolchain = project.directory / "port" / "mps2_an386" / "toolchain.cmake"
    options = ["-DTINYSEG_PORT=mps2_an386", "-DTINYSEG_CLANG=ON", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
    subprocess.run(["cmake", "-S", project.directory, "-B", tmp_path, *options], check=True, capture_output=True)
    built = subprocess.run(["cmake", "--build", tmp_path, "-v"], check=True, capture_output=True, text=True)
    assert "clang" in built.stdout
    assert "warning" not in built.stderr
    assert (tmp_path / "net.elf").is_file()
