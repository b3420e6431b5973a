"""Shapes of applications (examples/applications): built with generated projects and run in QEMU."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.relay import build, frontend

APPLICATIONS = Path(__file__).resolve().parents[2] / "examples" / "applications"
MEDIUM = (
    'name = "medium"\nkind = "file"\ncapacity = 100_000\nblock_bytes = 4\n'
    "read_bytes_per_second = 1_000_000\nwrite_bytes_per_second = 1_000_000\n"
)


def application(name: str, options: str, folder: Path) -> Project:
    """A project for QEMU with an application in place of the test harness."""
    module, params = frontend.from_onnx(segmenter())
    factory = build(module, f"c -tinyseg -board=mps2_an386 -stream-axis=rows {options}", params, name="net")
    project = generate_project(factory.board, factory, folder / "out", storages=factory.storages)
    (project.directory / "port" / "main.c").unlink()
    for path in (APPLICATIONS / name).glob("*.[ch]"):
        shutil.copy(path, project.directory / "port")
    return project


def make(project: Project, target: str, flags: str = "") -> subprocess.CompletedProcess[str]:
    words = ["make", "WARNINGS=-Wall -Wextra -Wconversion -Werror", target]
    return subprocess.run(
        words,
        cwd=project.directory,
        env={**os.environ, "CPPFLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.release
@pytest.mark.parametrize("flags", ["-DCAMERA_BURSTS=1", ""])
def test_a_camera_fills_one_buffer_while_the_network_takes_the_other(flags: str, tmp_path: Path) -> None:
    project = application("camera", "-io=line", tmp_path)
    done = make(project, "test", flags)
    assert "all outputs are equal" in done.stdout, done.stdout[-1000:] + done.stderr[-3000:]
    image = project.machine.read_image(project.directory / "build/mps2_an386/net.elf")
    sizes = {symbol.name: symbol.bytes for symbol in image.symbols}
    assert sizes["buffers"] == 2 * 12 * 3


@pytest.mark.release
def test_a_camera_that_does_not_wait_ends_the_run(tmp_path: Path) -> None:
    project = application("camera", "-io=line", tmp_path)
    done = make(project, "run", "-DCAMERA_WAITS=0 -DCAMERA_BURSTS=1")
    assert done.returncode != 0
    assert "Error 2" in done.stdout + done.stderr  # NET_ERROR_INPUT


def test_other_threads_run_between_the_steps_of_a_network(tmp_path: Path) -> None:
    done = make(application("thread", "", tmp_path), "test")
    assert "all outputs are equal" in done.stdout, done.stdout[-1000:] + done.stderr[-3000:]


@pytest.mark.release
@pytest.mark.parametrize("flags", ["-DTINYSEG_IDLE=processor_sleeps", ""])
def test_the_processor_sleeps_in_waits_for_a_storage(flags: str, tmp_path: Path) -> None:
    medium = tmp_path / "medium.toml"
    medium.write_text(MEDIUM)
    done = make(application("sleep", f"-storage={medium} -objective=ram", tmp_path), "test", flags)
    assert "all outputs are equal" in done.stdout, done.stdout[-1000:] + done.stderr[-3000:]
