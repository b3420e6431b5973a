"""Programs at the other end of a serial line: the same results as in QEMU, and one error for whatever goes wrong."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files, fake_vectors
from tests.micro.probed_boards import behind_uart, free_port, machine_words, serial_board
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import DeviceFaultError, Project, generate_project
from tinyseg_tvm.micro.build import Variant, build_program
from tinyseg_tvm.micro.port_uart import uart_drivers
from tinyseg_tvm.micro.transports import serial_line, uart_run
from tinyseg_tvm.micro.transports.serial_line import Line

WRITE_NOWHERE, LOOP = 202, 205
BOARD = "mps2_an386"


def program_of(project: Project) -> Path:
    """What is to be written to the board."""
    return build_program(
        project.directory, project.library.name, project.machine, project.board, Variant(uart=True), jobs=1
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The hand-written network behind a serial line."""
    return generate_project(behind_uart(BOARD), fake_files(), tmp_path_factory.mktemp("uart") / "p")


@pytest.fixture(scope="module")
def port(project: Project) -> Iterator[str]:
    """The serial line of a board that runs it, again and again."""
    with serial_board(BOARD, program_of(project)) as port:
        yield port


@pytest.mark.parametrize(
    "board",
    [
        BOARD,
        pytest.param("lm3s6965evb", marks=pytest.mark.release),
        pytest.param("microbit", marks=pytest.mark.release),
        pytest.param("mps3_an547", marks=pytest.mark.slow),
        pytest.param("netduinoplus2", marks=pytest.mark.slow),  # QEMU hands it bytes slowly
    ],
)
def test_every_driver_gives_the_figures_of_the_emulator(tmp_path: Path, board: str) -> None:
    expected = generate_project(board, fake_files(), tmp_path / "q").run(count="none")
    # a register that may be changed as well as not: the vector table's, which startup has set
    setup = "[{ address = 0xE000ED08, set = 0, clear = 0 }]"
    project = generate_project(behind_uart(board, setup=setup), fake_files(), tmp_path / "u")
    with serial_board(board, program_of(project)) as port:
        for _ in range(1 if board == BOARD else 2):  # the board waits for the next run
            got = project.run(port=port, timeout=120)
            assert got.mismatches == 0
            assert (got.ram.static, got.ram.arena) == (expected.ram.static, expected.ram.arena)
            assert got.as_dict()["instructions"] is None
            assert got.cycles is None  # nothing can write another program to this board


def test_a_fault_is_described(project: Project, port: str) -> None:
    with pytest.raises(DeviceFaultError, match=r"BusFault in misbehave .*access to"):
        project.run(fake_vectors(1, WRITE_NOWHERE), port=port)


class Damaging:
    """A line that flips a bit now and then, both ways."""

    def __init__(self, line: Line) -> None:
        self.line, self.random, self.damaged = line, random.Random(3), 0

    def _pass(self, data: bytes) -> bytes:
        if not data or self.random.random() > 0.06:
            return data
        self.damaged += 1
        damaged = bytearray(data)
        damaged[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(damaged)

    def read(self) -> bytes:
        return self._pass(self.line.read())

    def write(self, data: bytes) -> None:
        self.line.write(self._pass(data))


@pytest.mark.release
def test_damaged_frames_are_repeated(project: Project, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Damaging] = []

    @contextmanager
    def damaging(device: str, baud: int) -> Iterator[Line]:
        with serial_line.open_line(device, baud) as line:
            lines.append(Damaging(line))
            yield lines[-1]

    monkeypatch.setattr(uart_run, "open_line", damaging)
    assert project.run(port=port, timeout=120).mismatches == 0
    assert lines[0].damaged >= 3


@pytest.mark.release
def test_another_program_is_refused(project: Project, port: str, tmp_path: Path) -> None:
    files = fake_files()
    files["src/fake.c"] += b"const int fake_other = 1;\n"
    other = files["src/fake.c"].replace(b"FAKE_WORK; i++", b"FAKE_WORK; i += 2")
    files["src/fake.c"] = other
    with pytest.raises(TinySegError, match="another program runs on the board: write this one to it"):
        generate_project(behind_uart(BOARD), files, tmp_path / "p").run(port=port)


@pytest.mark.release
def test_a_hang_and_silence_are_errors(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serial_board(BOARD, program_of(project)) as port:
        with pytest.raises(TinySegError, match=r"did not end within 1 seconds: .*reset the board"):
            project.run(fake_vectors(1, LOOP), port=port, timeout=1)
        monkeypatch.setattr(uart_run, "BEGIN_SECONDS", 0.5)
        with pytest.raises(TinySegError, match=r"no program asks for its files at .* \(921600 baud\) within 0.5 sec"):
            project.run(port=port)  # it hangs still


def test_a_line_that_is_not_there_or_breaks_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "OPEN_SECONDS", 0.2)
    with pytest.raises(TinySegError, match=r"cannot open the serial line 127\.0\.0\.1:"):
        project.run(port=f"127.0.0.1:{free_port()}")
    with pytest.raises(UsageError, match=r"\[uart\] without device: name the serial device"):
        project.run()
    with pytest.raises(UsageError, match="takes a GDB server or a serial device"):
        project.run(port="x", server="localhost:1")


@pytest.mark.release
def test_a_line_that_breaks_is_an_error(project: Project) -> None:
    with serial_board(BOARD, program_of(project)) as port:
        failures: list[TinySegError] = []

        def run() -> None:
            with pytest.raises(TinySegError, match="the serial line to the board is lost") as failure:
                project.run(fake_vectors(1, LOOP), port=port, timeout=60)
            failures.append(failure.value)

        running = threading.Thread(target=run)
        running.start()
        time.sleep(3)
    running.join(30)
    assert len(failures) == 1


@pytest.mark.release
def test_a_serial_device_is_used_by_pyserial(project: Project) -> None:
    pytest.importorskip("serial")
    words = [*machine_words(BOARD), "-serial", "pty", "-kernel", str(program_of(project))]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert running.stdout is not None
        device = re.search(r"/dev/\S+", running.stdout.readline())
        assert device is not None
        assert project.run(port=device[0], timeout=120).mismatches == 0
    finally:
        running.kill()
        running.communicate()


def test_without_pyserial_the_error_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(TinySegError, match=r"need pyserial: pip install 'tinyseg-tvm\[board\]'"):
        project.run(port="/dev/ttyACM0")


@pytest.fixture
def flashed(tmp_path: Path) -> Iterator[Callable[[str], tuple[str, str]]]:
    """Keys of a board that is written to: its tool starts QEMU with the program; and its serial line."""
    port, pid = free_port(), tmp_path / "pid"
    line = f"socket,id=line,host=127.0.0.1,port={port},server=on,wait=off"
    words = " ".join([*machine_words(BOARD), "-chardev", line, "-serial", "chardev:line", "-icount", "shift=7"])
    stop = f"[ ! -e {pid} ] || kill $(cat {pid})"
    script = f"{stop}; sleep 0.2; {words} -kernel $0 > /dev/null 2>&1 & echo $! > {pid}"
    yield lambda keys: (f"{keys}\nflash_command = {['sh', '-c', script, '{elf}']!r}", f"127.0.0.1:{port}")
    if pid.exists():
        os.kill(int(pid.read_text()), 9)


@pytest.mark.parametrize("driver", uart_drivers())
def test_every_driver_compiles_without_warnings(tmp_path: Path, driver: str) -> None:
    board = behind_uart(BOARD, setup="[{ address = 0x4002_3830, set = 1 }]")
    assert board.uart is not None
    board = dataclasses.replace(board, uart=dataclasses.replace(board.uart, driver=driver))
    project = generate_project(board, fake_files(), tmp_path / "p")
    folder = project.directory / "port" / board.name / "uart"
    flags = ["-mcpu=cortex-m4", "-mthumb", "-std=c99", "-Os", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    for source in (folder / f"{driver}.c", folder / "uart_port.c"):
        command = ["arm-none-eabi-gcc", *flags, f"-I{project.directory / 'port'}", "-c", str(source)]
        subprocess.run([*command, "-o", str(tmp_path / "x.o")], check=True)


def test_a_driver_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    board = behind_uart(BOARD)
    assert board.uart is not None
    board = dataclasses.replace(board, uart=dataclasses.replace(board.uart, driver="uart_port"))
    with pytest.raises(TinySegError, match=r"uart.driver is 'uart_port', must be one of cmsdk_uart, nrf_uart, pl011"):
        generate_project(board, fake_files(), tmp_path / "p")


@pytest.mark.slow
def test_a_board_that_can_be_written_to_counts_cycles(
    tmp_path: Path, flashed: Callable[[str], tuple[str, str]]
) -> None:
    keys, port = flashed('cycles = "systick"')
    counted = generate_project(BOARD, fake_files(), tmp_path / "q").run(count="plugin")
    result = generate_project(behind_uart(BOARD, keys), fake_files(), tmp_path / "u").run(port=port, timeout=120)
    assert result.mismatches == 0
    assert result.cycles == pytest.approx(counted.instructions * 128 / 40, abs=2)
