"""A machine that the package does not know is added beside the others: nothing but the machine itself names it."""

import dataclasses
import re
import shutil
import stat

import pytest

from tests.micro.fake_library import fake_files, fake_vectors
from tinyseg_tvm.boards import Core, board_names, load, load_board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import DeviceFaultError, Project, generate_project, machines
from tinyseg_tvm.micro.emulator import Emulator
from tinyseg_tvm.micro.host import Host
from tinyseg_tvm.micro.machine import Machine, Toolchain
from tinyseg_tvm.micro.port_files import c_files

CORE = """
[m1]
architecture = "made-up"
version = 1
fpu = "none"
dsp = false
mve = false
flags = ["-DMADE_UP"]
"""
BOARD = """
description = "a made-up board"
core = "m1"
clock_hz = 1_000_000
static_bytes = 100_000
stack_bytes = 1024
qemu = { machine = "made-up-board", systick_hz = 1_000_000 }
memories = [
    { name = "ROM", kind = "flash", origin = 0x0, length = "1M" },
    { name = "RAM", kind = "ram", origin = 0x20000000, length = "1M" },
]
"""
UNDEFINED = 203  # first input byte that asks fake.c for an instruction that no processor has


class MadeUp(Host):
    """This computer in disguise: its compiler and processes under other names, and a handler for traps."""

    name = "made-up"
    toolchain = Toolchain("made-up-", "made_up", ("-Wl,--no-undefined",), ("-lm",), "buy it")
    emulator = Emulator("made-up-emulator", "buy it too")
    timer = "sundial"

    def runs(self, core: Core) -> bool:
        return core.architecture == "made-up"

    def port_files(self, board, values):
        script = f"/* {board.name}: {values['stack_bytes']} bytes of stack */\nSECTIONS {{ }} INSERT AFTER .data;\n"
        trap = (
            b'#include <signal.h>\n#include "port.h"\n'
            b"static void trap(int number)\n{\n    (void)number;\n    port_exit(PORT_EXIT_FAULT + 3);\n}\n"
            b"__attribute__((constructor)) static void start(void)\n{\n    (void)signal(SIGILL, trap);\n}\n"
        )
        return {"board.ld": script.encode(), "startup.c": trap, **c_files("host")}

    def describe_fault(self, exception, console, image):
        return f"trap {exception} of the made-up machine"

    def estimate_cycles(self, elf, executed, core):
        return 7 * sum(executed.values())


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A board of the made-up machine, with the tools that the machine names."""
    cores = tmp_path / "cores.toml"
    cores.write_text(load.CORES.read_text() + CORE)
    monkeypatch.setattr(load, "CORES", cores)
    described = tmp_path / "made_up.toml"
    described.write_text(BOARD)
    monkeypatch.setattr(machines, "MACHINES", (*machines.MACHINES, MadeUp()))
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (("made-up-gcc", 'exec gcc "$@"'), ("made-up-emulator", 'for elf; do :; done; exec "$elf"')):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    return load_board(described)


def test_a_project_for_it_is_generated_built_and_run(board, tmp_path):
    project = generate_project(board, fake_files(), tmp_path / "p")
    made = {path.relative_to(project.directory).as_posix() for path in project.directory.rglob("*") if path.is_file()}
    assert {"port/made_up/board.ld", "port/made_up/startup.c", "port/host/port.c"} <= made
    written = [project.directory / name for name in ("Makefile", "CMakeLists.txt")]
    written += (project.directory / "port" / "made_up").glob("*.[ldc]*")
    text = "\n".join(path.read_text() for path in written)
    assert "(needs made-up-gcc)" in text
    assert "-Wl,--no-undefined -T port/$(PORT)/board.ld" in text
    assert "made-up-emulator -M made-up-board" in text
    assert "counts instructions by sundial" in text
    assert not re.search(r"(?i)\barm|qemu-system|cortex|systick|nano\.specs", text)
    result = project.run(count="none")
    assert (result.status, result.mismatches) == (0, 0)
    assert Project(project.directory).machine.name == "made-up"


def test_its_faults_are_told_in_its_own_words(board, tmp_path):
    files = fake_files()
    source = files["src/fake.c"].replace(b"#ifdef __arm__", b"(void)raise(SIGILL);\n#ifdef __arm__")
    files["src/fake.c"] = b"#include <signal.h>\n" + source
    project = generate_project(board, files, tmp_path / "p")
    with pytest.raises(DeviceFaultError, match="trap 3 of the made-up machine"):
        project.run(fake_vectors(1, first_byte=UNDEFINED), count="none")


def test_its_missing_tools_are_named_with_its_remedies(board, tmp_path, monkeypatch):
    project = generate_project(board, fake_files(), tmp_path / "p")
    project.build()
    (tmp_path / "tools" / "made-up-emulator").unlink()
    with pytest.raises(TinySegError, match="'made-up-emulator' is not installed: buy it too"):
        project.run(count="none")
    shutil.rmtree(project.directory / "build")
    (tmp_path / "tools" / "made-up-gcc").unlink()
    with pytest.raises(TinySegError, match="'made-up-gcc' is not installed: buy it"):
        project.build()


def test_a_core_of_no_machine_is_refused(tmp_path):
    board = load_board("mps2_an386")
    unknown = dataclasses.replace(board, core=dataclasses.replace(board.core, architecture="pdp11"))
    with pytest.raises(TinySegError, match=r"'mps2_an386' has a core of the architecture 'pdp11'.*Cortex-M"):
        generate_project(unknown, fake_files(), tmp_path / "p")


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_one_machine(name):
    board = load_board(name)
    found: list[Machine] = [machine for machine in machines.MACHINES if machine.runs(board.core)]
    assert found == [machines.machine_of(board)]
    assert (found[0] is machines.HOST) == board.is_host
    assert found[0].emulator is not None or not board.is_emulated
