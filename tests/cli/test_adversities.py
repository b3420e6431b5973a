"""Interruptions, several runs at once, full disks, odd environments: one line, nothing half-written."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.end_to_end.small_models import one_convolution, save
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.cli import main as command_line
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.kept_library import private_folder
from tinyseg_tvm.micro import Project, build
from tinyseg_tvm.micro.exclusive import exclusively
from tinyseg_tvm.micro.machines import machine_of
from tinyseg_tvm.micro.tools import CallResult
from tinyseg_tvm.planner import native

FAST = ("--layerwise", "--stream-axis", "rows", "-q")
TINYSEG = (sys.executable, "-m", "tinyseg_tvm.cli.main")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(one_convolution(), tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="module")
def project(model, tmp_path_factory) -> Path:
    """Its path has what shells and make take for something else."""
    folder: Path = tmp_path_factory.mktemp("a 'b\" $c;d") / "o 'u\"t"
    assert command_line.main(["compile", str(model), "-o", str(folder), "--board", "host", *FAST]) == 0
    return folder


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "1e999"])
@pytest.mark.parametrize("verb", ["run", "verify"])
def test_times_that_are_none_are_one_error(verb, seconds, project, capfd):
    assert command_line.main([verb, str(project), "--timeout", seconds]) == 2
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("jobs", ["-5", "0", "99999999999"])
def test_numbers_of_compilers_that_are_none_are_one_error(jobs, project, capfd):
    assert command_line.main(["build", str(project), "-j", jobs]) == 2
    assert capfd.readouterr().err.startswith("tinyseg: error: jobs is ")
    with pytest.raises(UsageError, match="jobs is"):
        Project(project).run(jobs=int(jobs))


@pytest.mark.parametrize("batch", ["0", "-2"])
def test_batches_that_are_none_are_one_error(batch, model, capfd):
    assert command_line.main(["analyze", str(model), "--batch", batch]) == 2
    assert "batch is" in capfd.readouterr().err


def test_a_project_builds_and_runs_where_its_path_has_quotes_and_blanks(project):
    assert Project(project).run().mismatches == 0


@pytest.mark.parametrize("where", ["parser", "import_module"])
def test_an_interruption_while_modules_are_imported_is_one_line(where, monkeypatch, capfd):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line if where == "parser" else importlib, where, interrupted)
    assert command_line.main(["boards"]) == 130
    assert capfd.readouterr().err == "tinyseg: error: interrupted\n"


def test_an_interruption_while_text_is_executed_has_our_exit_code(tmp_path):
    """As of the text that makes a dataclass: ``python -m`` would end by SIGINT."""
    (tmp_path / "interrupted.py").write_text(
        "from tinyseg_tvm.cli import main as command_line\n"
        "command_line.parser = lambda verb: exec('raise KeyboardInterrupt')\n"
        "raise SystemExit(command_line.main(['boards']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted"], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (130, "tinyseg: error: interrupted\n")


def test_who_builds_a_project_waits_for_who_does(tmp_path, caplog):
    caplog.set_level("WARNING")
    order = []

    def second() -> None:
        with exclusively(tmp_path):
            order.append("second")

    with exclusively(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        while "waiting" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "build").write_text("")
    with pytest.raises(TinySegError, match=r"cannot build in .*build"), exclusively(tmp_path):
        pass


def test_a_full_disk_leaves_the_project_as_it_was(project, model, monkeypatch, capfd):
    before = (project / "metadata.json").read_bytes()
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "metadata.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert command_line.main(["compile", str(model), "-o", str(project), "--board", "host", *FAST]) == 1
    assert "the disk is full; nothing was changed" in capfd.readouterr().err
    assert (project / "metadata.json").read_bytes() == before
    assert [path.name for path in project.parent.iterdir()] == [project.name]


def test_a_compiler_with_an_open_quote_is_one_error(monkeypatch):
    monkeypatch.setenv("CC", "gcc 'x")
    with pytest.raises(UsageError, match=r"CC is .* no command: No closing quotation"):
        native.compiled_library([])


@pytest.mark.parametrize("compiler", ["no-such-compiler", "/bin/false"])
def test_a_compiler_that_does_not_work_is_a_warning(compiler, monkeypatch, caplog, tmp_path):
    caplog.set_level("WARNING")
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert native.compiled_library([]) is None
    assert "Remedy: install gcc" in caplog.text


def test_a_home_that_cannot_be_written_keeps_no_libraries(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert private_folder() is not None
    monkeypatch.setattr(os, "access", lambda *_: False)  # as a file system that is mounted read-only
    assert private_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    assert private_folder() is None


def test_a_board_without_its_compiler_is_one_error(project, monkeypatch, tmp_path):
    """The words of make's own message differ; what is missing is named."""
    monkeypatch.setattr(
        build, "call", lambda *_, **__: CallResult(2, "", "make: arm-none-eabi-gcc: No such file or directory")
    )
    board = load_board("mps2_an386")
    with pytest.raises(TinySegError, match="the compiler 'arm-none-eabi-gcc' is not installed"):
        build.build_program(tmp_path, "net", machine_of(board), board, build.Variant(), 1)


@pytest.mark.release
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no list of what a process has loaded")
@pytest.mark.parametrize("verb", ["compile", "run"])
def test_ctrl_c_at_any_moment_is_one_line(verb, project, model, tmp_path):
    """From when NumPy is loaded on: what comes before is mostly Python's own start."""
    words = [str(project)] if verb == "run" else [str(model), "-o", str(tmp_path / "out"), "--board", "host"]
    for delay in (0.0, 0.2, 0.5, 1.0, 1.4, 2.0, 3.0):
        process = subprocess.Popen(
            [*TINYSEG, verb, *words],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        while "_multiarray_umath" not in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(0.02)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) in ((130, "tinyseg: error: interrupted\n"), (0, "")), delay
        written = [path.name for path in tmp_path.iterdir()]
        assert written in ([], ["out"])
        assert not written or (tmp_path / "out" / "metadata.json").is_file()


@pytest.mark.release
def test_several_runs_of_a_project_at_once_work(project):
    command = [*TINYSEG, "run", str(project), "-q", "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ends = [(run.communicate(timeout=120)[1], run.returncode) for run in runs]
    assert ends == [("", 0)] * 4
