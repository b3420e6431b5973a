"""Programs behind GDB servers: the same results as in QEMU, and one error for whatever goes wrong."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files, fake_vectors
from tests.micro.probed_boards import behind_gdb, qemu_server, without_emulator
from tinyseg_tvm.boards import parse_board
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import DeviceFaultError, Project, generate_project

WRITE_NOWHERE, LOOP, FAIL = 202, 205, 206
Served = Callable[..., Project]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The hand-written network behind a server of version 7."""
    return generate_project(behind_gdb("mps2_an386"), fake_files(), tmp_path_factory.mktemp("gdb") / "p")


@pytest.fixture
def served(project: Project) -> Served:
    """The project with another server; what a server costs is not paid for twice."""

    def make(*server: str) -> Project:
        other = Project(project.directory)
        assert other.board.debug is not None
        other.board = dataclasses.replace(other.board, debug=dataclasses.replace(other.board.debug, server=server))
        return other

    return make


@pytest.mark.parametrize(
    ("board", "reset"),
    [
        ("mps2_an386", "system_reset"),  # version 7
        pytest.param("microbit", "", marks=pytest.mark.release),  # 6
        pytest.param("mps3_an547", "", marks=pytest.mark.release),  # 8
    ],
)
def test_figures_are_those_of_the_emulator(tmp_path: Path, board: str, reset: str) -> None:
    files = fake_files(line_io=True)
    expected = generate_project(board, files, tmp_path / "q").run(count="none").as_dict()
    got = generate_project(behind_gdb(board, reset=reset), files, tmp_path / "g").run().as_dict()
    assert got["mismatches"] == 0
    for key in set(expected) - {"board", "elf"}:
        assert got[key] == expected[key], key
    assert got["instructions"] is None


@pytest.mark.release
def test_cycles_are_counted_where_the_board_has_a_counter(tmp_path: Path) -> None:
    files = fake_files(work=3_000_000)
    options = ("-icount", "shift=7")  # an instruction lasts 128 ns of SysTick's 40 ns
    vectors = fake_vectors(1, 208)
    counted = generate_project("mps2_an386", files, tmp_path / "q").run(vectors, count="plugin")
    project = generate_project(behind_gdb("mps2_an386", *options, cycles="systick"), files, tmp_path / "g")
    result = project.run(vectors)
    wraps = counted.instructions * 128 / 40 / (1 << 24)
    assert result.cycles == pytest.approx(counted.instructions * 128 / 40, abs=2 + 40 * wraps)
    assert result.cycles is not None
    assert result.milliseconds == pytest.approx(1000 * result.cycles / 25e6)
    assert result.as_dict()["cycles"] == result.cycles
    assert (tmp_path / "g" / "build" / "mps2_an386_probed-timer").is_dir()


@pytest.mark.release
def test_a_counter_that_stands_still_counts_nothing(tmp_path: Path) -> None:
    result = generate_project(behind_gdb("mps2_an386", cycles="dwt"), fake_files(), tmp_path / "g").run()
    assert (result.cycles, result.milliseconds, result.mismatches) == (None, None, 0)  # QEMU has no such counter


@pytest.mark.release
def test_observed_lines_come_through(project: Project) -> None:
    observed = project.run(fake_vectors(1), observe=True).observations
    assert [(o.node, o.line) for o in observed] == [*((0, line) for line in range(6)), (1, 0)]


def test_a_fault_and_the_networks_own_error(project: Project) -> None:
    with pytest.raises(DeviceFaultError, match=r"BusFault in misbehave"):
        project.run(fake_vectors(1, WRITE_NOWHERE))
    assert project.run([fake_vectors(1)[0], fake_vectors(1, FAIL)[0]]).status == 2


def test_a_hang_says_where(project: Project) -> None:
    with pytest.raises(TinySegError, match=r"did not end within 0.5 seconds and was halted in misbehave \(pc 0x"):
        project.run(fake_vectors(1, LOOP), timeout=0.5)


def test_servers_that_do_not_work_are_shown(served: Served) -> None:
    with pytest.raises(TinySegError, match=r"'no-such-server' is not installed: .*change server in the board's"):
        served("no-such-server", "{port}").run()
    with pytest.raises(TinySegError, match=r"'sh' did not start; 'sh' ended with status 3\nno probe found"):
        served("sh", "-c", "echo no probe found {port} >&2; exit 3").run()


def test_a_lost_connection_is_one_error(served: Served) -> None:
    words = " ".join(qemu_server("mps2_an386"))
    script = f"{words} & sleep 0.8; kill -9 $!; echo unplugged >&2; exit 7"
    with pytest.raises(TinySegError, match=r"connection.*; 'sh' ended with status 7\n(.*\n)*unplugged"):
        served("sh", "-c", script).run(fake_vectors(1, LOOP), timeout=20)


@pytest.mark.release
def test_a_program_for_another_board_is_one_error(tmp_path: Path) -> None:
    text = behind_gdb("mps2_an386").toml
    assert text.count("origin = 0x0000_0000") == 1  # of the flash
    board = parse_board("moved", text.replace("origin = 0x0000_0000", "origin = 0x7000_0000"), "moved.toml")
    project = generate_project(board, fake_files(), tmp_path / "g")
    with pytest.raises(TinySegError, match=r"memory at 0x70000000"):
        project.run()


def test_a_server_that_listens_is_used_again_and_again(project: Project) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    with pytest.raises(TinySegError, match="no GDB server listens at"):
        project.run(server=address)
    server = subprocess.Popen([word.replace("{port}", str(port)) for word in qemu_server("mps2_an386")])
    try:
        wait_for(port)
        for _ in range(2):
            assert project.run(server=address).mismatches == 0
            assert server.poll() is None
    finally:
        server.kill()
        server.wait()


def wait_for(port: int) -> None:
    """Until somebody listens at a port."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)


@pytest.mark.release
def test_ctrl_c_leaves_the_board_halted_and_no_server(project: Project, tmp_path: Path) -> None:
    """As a process of its own, which a signal interrupts while the program runs."""
    port_file = tmp_path / "pid"
    program = (
        "import sys, dataclasses, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which a shell's background has not
        "from tests.micro.fake_library import fake_vectors\n"
        "from tinyseg_tvm.cli.main import main\n"
        "from tinyseg_tvm.cli import build\n"
        "from tinyseg_tvm.micro import Project\n"
        f"project = Project({str(project.directory)!r})\n"
        f"words = 'echo $$ > {port_file}; exec ' + ' '.join(project.board.debug.server)\n"
        "debug = dataclasses.replace(project.board.debug, server=('sh', '-c', words))\n"
        "project.board = dataclasses.replace(project.board, debug=debug)\n"
        f"build.run = lambda arguments: project.run(fake_vectors(1, {LOOP}))\n"
        "sys.exit(main(['build', 'x']))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    while not port_file.exists() or not port_file.read_text():
        assert running.poll() is None
        time.sleep(0.05)
    time.sleep(1.5)  # until the program runs: before that, too, the connection has halted the board
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert re.fullmatch(r"tinyseg: error: interrupted: the board is halted\n", said)
    with pytest.raises(ProcessLookupError):
        os.kill(int(port_file.read_text()), 0)


def test_a_transport_that_a_board_has_not_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'mps2_an386_probed' has no qemu .* \(it has: gdb\)"):
        project.run(transport="qemu")
    with pytest.raises(UsageError, match="transport is 'jtag', must be one of qemu, gdb, uart, command"):
        project.run(transport="jtag")
    with pytest.raises(UsageError, match="profile and watch_writes need the QEMU plugin"):
        project.run(profile=True)
    host = generate_project("host", fake_files(), tmp_path / "h")
    with pytest.raises(UsageError, match="processes of this computer"):
        host.run(transport="gdb")
    emulated = generate_project("mps2_an386", fake_files(), tmp_path / "q")
    with pytest.raises(UsageError, match=r"has no \[debug\].*or name a listening server"):
        emulated.run(transport="gdb")


def test_a_failing_command_is_shown_with_its_status(tmp_path: Path) -> None:
    board = without_emulator("mps2_an386", "run_command = ['sh', '-c', 'echo no adapter >&2; exit 1', '{elf}']")
    with pytest.raises(TinySegError, match=r"'sh' ended with status 1 before the program began:\nno adapter"):
        generate_project(board, fake_files(), tmp_path / "p").run()
