"""A hand-written network runs on every board, and every figure of the run is right."""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from tests.micro.emulated_boards import emulated_boards
from tests.micro.fake_library import fake_files, fake_outputs, fake_vectors
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.micro.emulator import PLUGIN_SOURCES

QEMU_BOARDS = emulated_boards()
RECURSE, WRITE_NOWHERE, UNDEFINED, WRITE_OUTSIDE, LOOP, FAIL, WRITE_FLASH, WORK, OVERFLOW = range(201, 210)


def same(outputs, vectors) -> bool:
    return len(outputs) == len(vectors) and all(
        np.array_equal(actual.view(np.uint8), expected)
        for result, vector in zip(outputs, vectors, strict=True)
        for actual, expected in zip(result, fake_outputs(vector), strict=True)
    )


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Projects by board and kind of input and output, generated once."""
    known = {}

    def project(board: str, line_io: bool = False) -> Project:
        if (board, line_io) not in known:
            folder = tmp_path_factory.mktemp(board) / "project"
            ram = load_board(board).memory("ram")
            nowhere = 0 if ram is None else ram.end
            known[board, line_io] = generate_project(
                board, fake_files(line_io, nowhere=nowhere, work=3_000_000), folder
            )
        return known[board, line_io]

    return project


@pytest.mark.sampled(3)
@pytest.mark.parametrize("line_io", [False, True], ids=["resident", "line"])
@pytest.mark.parametrize("board", ["host", *QEMU_BOARDS])
def test_outputs_are_right_for_several_vectors(projects, board: str, line_io: bool) -> None:
    project = projects(board, line_io)
    vectors = fake_vectors(11)  # names with two digits
    result = project.run(vectors)
    assert result.status == 0
    assert same(result.outputs, vectors)
    assert result.mismatches is None
    assert project.run(count="none").mismatches == 0


@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_memory_figures_are_those_of_the_program(projects, board: str) -> None:
    result = projects(board).run(count="none")
    assert result.ram.arena == 128
    assert result.ram.io == result.ram.slow == 0
    context, own = 20, 20  # of the network: its context, and the variables of fake.c
    assert context + own <= result.ram.static <= load_board(board).static_bytes + context + own  # the promise
    assert 64 <= result.ram.stack <= load_board(board).stack_bytes
    assert result.ram.total == result.ram.arena + result.ram.static + result.ram.stack
    assert result.flash.weights == 8
    with Path(result.elf).open("rb") as stream:
        sections = [s for s in ELFFile(stream).iter_sections() if s["sh_flags"] & 2 and s["sh_type"] != "SHT_NOBITS"]
    content = sum(section["sh_size"] for section in sections)
    assert content <= result.flash.total <= content + 32  # gaps between them


@pytest.mark.parametrize("board", ["microbit", "mps2_an386"])
def test_an_arena_may_have_any_size(tmp_path: Path, board: str) -> None:
    """What follows it is copied and cleared by words, which a Cortex-M0 cannot write at odd addresses."""
    for arena in (129, 131):
        files = fake_files(arena=arena)
        initialised = b"const volatile uint32_t fake_nowhere = "  # would align what follows the arena
        assert initialised in files["src/fake.c"]
        files["src/fake.c"] = (
            files["src/fake.c"].replace(initialised, b"#define fake_nowhere ").replace(b"_NOWHERE;", b"_NOWHERE")
        )
        result = generate_project(board, files, tmp_path / f"{arena}").run(count="none")
        assert result.mismatches == 0
        assert result.ram.arena == arena


@pytest.mark.sampled(3)
@pytest.mark.parametrize("line_io", [False, True], ids=["resident", "line"])
@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_plugin_and_timer_count_the_same_instructions(projects, board: str, line_io: bool) -> None:
    project = projects(board, line_io)
    vectors = fake_vectors(2)
    by_plugin = project.run(vectors, count="plugin")
    by_timer = project.run(vectors, count="timer")
    assert (by_plugin.counted_by, by_timer.counted_by) == ("plugin", "timer")
    assert by_plugin.instructions_per_vector == by_timer.instructions_per_vector
    assert by_plugin.callback_instructions == by_timer.callback_instructions
    assert by_plugin.instructions > 300
    assert (by_plugin.callback_instructions > 0) == line_io
    assert by_plugin.ram == by_timer.ram  # those of the program without the timer


@pytest.mark.parametrize("board", ["mps2_an386", "lm3s6965evb", "microbit", "mps3_an547"])
def test_the_timer_may_wrap(projects, board: str) -> None:
    project = projects(board)
    vectors = fake_vectors(1, WORK)
    by_plugin = project.run(vectors, count="plugin")
    assert by_plugin.instructions > 1 << 24  # more than two periods of 24 bits, at more than two ticks an instruction
    assert project.run(vectors, count="timer").instructions == by_plugin.instructions


def test_counts_are_repeatable(projects) -> None:
    project = projects("mps2_an386")
    assert len({project.run(count="plugin").instructions_per_vector for _ in range(3)}) == 1


def test_the_profile_adds_up(projects) -> None:
    result = projects("mps2_an386", True).run(profile=True)
    run = sum(result.instructions_per_vector)
    assert 0 <= sum(result.profile.values()) - run <= 4 * 16 * 2  # two instructions per marker
    assert max(result.profile, key=result.profile.get) == "fake_run"
    assert result.profile["fake_run"] > 0.7 * run


def test_where_the_plugin_does_not_load_the_timer_counts(projects, monkeypatch) -> None:
    project = projects("mps2_an386")
    expected = project.run(count="plugin").instructions
    broken = project.directory / "build" / "broken.so"
    broken.write_bytes(b"not a plugin")
    monkeypatch.setattr("tinyseg_tvm.micro.counting.build_plugin", lambda emulator, folder: broken)
    result = project.run()
    assert (result.counted_by, result.instructions, result.mismatches) == ("timer", expected, 0)
    with pytest.raises(TinySegError, match="cannot count by plugin"):
        project.run(count="plugin")
    with pytest.raises(TinySegError, match="cannot count by plugin"):
        project.run(profile=True)


@pytest.mark.parametrize("interface", [1, 2])
def test_the_plugin_compiles_for_both_interfaces(tmp_path: Path, interface: int) -> None:
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-DQEMU_PLUGIN_API={interface}"]
    subprocess.run(["cc", *flags, *PLUGIN_SOURCES, "-o", tmp_path / "plugin.so"], check=True)


@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an505", "microbit"])
def test_stray_writes_are_reported_and_only_those(projects, board: str) -> None:
    project = projects(board)
    assert project.run(watch_writes=True).stray_writes == ()
    stray = project.run(fake_vectors(1, WRITE_OUTSIDE), watch_writes=True).stray_writes
    assert len(stray) == 4
    assert {write.bytes for write in stray} == {4}
    assert {write.function for write in stray} == {"misbehave"}
    assert [write.address - stray[0].address for write in stray] == [0, 4, 8, 12]


@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_a_stack_overflow_is_named_as_such(projects, board: str) -> None:
    with pytest.raises(TinySegError, match="stack overflow") as error:
        projects(board).run(fake_vectors(1, RECURSE), timeout=60)
    assert "reserve is" in str(error.value)


@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_an_access_behind_the_ram_is_a_fault_with_its_function(projects, board: str) -> None:
    with pytest.raises(TinySegError, match=r"(BusFault|HardFault|MemManage).* in misbehave"):
        projects(board).run(fake_vectors(1, WRITE_NOWHERE), timeout=60)


@pytest.mark.parametrize("board", QEMU_BOARDS)
def test_an_undefined_instruction_is_a_fault(projects, board: str) -> None:
    with pytest.raises(TinySegError, match=r"(UsageFault|HardFault) in misbehave"):
        projects(board).run(fake_vectors(1, UNDEFINED), timeout=60)


@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an505", "mps3_an547", "microbit"])  # versions 7, 8 and 6
def test_a_fault_is_described_while_the_stack_is_still_empty(projects, tmp_path: Path, board: str) -> None:
    shutil.copytree(projects(board).directory, tmp_path / "project")
    startup = tmp_path / "project" / "port" / board / "startup.c"
    text = startup.read_text()
    assert "(void)main();" in text
    startup.write_text(text.replace("(void)main();", '__asm__ volatile("udf #0");'))
    with pytest.raises(TinySegError, match=r"(UsageFault|HardFault) in Reset_Handler"):
        Project(tmp_path / "project").run(fake_vectors(1), count="none", timeout=60)


@pytest.mark.parametrize("board", ["mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505"])
def test_flash_cannot_be_written_even_where_it_is_ram_in_the_emulator(projects, board: str) -> None:
    with pytest.raises(TinySegError, match="MemManage fault in misbehave"):
        projects(board).run(fake_vectors(1, WRITE_FLASH), timeout=60)


@pytest.mark.parametrize("board", ["host", "mps2_an386"])
def test_an_endless_loop_is_stopped(projects, board: str) -> None:
    with pytest.raises(TinySegError, match="did not end within 1 seconds"):
        projects(board).run(fake_vectors(1, LOOP), timeout=1)


@pytest.mark.parametrize("board", ["host", "mps2_an386", "microbit"])
def test_the_networks_own_error_is_the_status(projects, board: str) -> None:
    result = projects(board).run([fake_vectors(1)[0], fake_vectors(1, FAIL)[0]])
    assert result.status == 2
    assert len(result.outputs) == 1


@pytest.mark.parametrize("board", ["host", "mps2_an386"])
@pytest.mark.parametrize("line_io", [False, True], ids=["resident", "line"])
def test_an_observing_build_records_every_line(projects, board: str, line_io: bool) -> None:
    vectors = fake_vectors(2)
    result = projects(board, line_io).run(vectors, observe=True)
    assert same(result.outputs, vectors)
    assert [(o.vector, o.node, o.line) for o in result.observations] == [
        (vector, node, line) for vector in range(2) for node, line in [*((0, line) for line in range(6)), (1, 0)]
    ]
    for observation in result.observations:
        expected = fake_outputs(vectors[observation.vector])[observation.node][observation.line]
        assert observation.data == expected.tobytes()


def test_sanitizers_find_undefined_behaviour(projects) -> None:
    project = projects("host")
    assert project.run(sanitize=True).mismatches == 0
    with pytest.raises(TinySegError, match="signed integer overflow"):
        project.run(fake_vectors(1, OVERFLOW), sanitize=True)
    with pytest.raises(UsageError, match="sanitizers run on the host"):
        projects("mps2_an386").run(sanitize=True)


def test_wrong_inputs_are_refused(projects) -> None:
    project = projects("host")
    first, second = fake_vectors(1)[0]
    with pytest.raises(UsageError, match="vector 1 has 1 arrays, the network has 2 inputs"):
        project.run([[first, second], [first]])
    with pytest.raises(UsageError, match=r"vector 0, input 1: has 4 bytes .* reads 8 \(2 lines of 4\)"):
        project.run([[first, second[:1]]])
    with pytest.raises(UsageError, match="at least one input vector"):
        project.run([])


def test_other_types_and_layouts_of_the_same_size_are_accepted(projects) -> None:
    first, second = fake_vectors(1)[0]
    result = projects("host").run([[np.asfortranarray(first).view(), second.view(np.float32)]])
    assert same(result.outputs, [[first, second]])


@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an505", "microbit"])
def test_a_ram_limit_is_enforced_by_linker_and_processor(tmp_path: Path, board: str) -> None:
    limit = 4096
    ram = load_board(board).memory("ram")
    assert ram is not None
    origin = ram.origin
    with pytest.raises(DoesNotFitError, match=r"the arena needs 4000 bytes and the stack \d+, 4096 are there"):
        generate_project(board, fake_files(arena=4000), tmp_path / "small", ram_limit=limit)
    exact = limit - load_board(board).stack_bytes
    project = generate_project(board, fake_files(arena=exact), tmp_path / "exact", ram_limit=limit)
    with pytest.raises(DoesNotFitError, match=r"does not fit the memory RAM of .* 4096 are there"):
        project.build()
    project = generate_project(board, fake_files(arena=exact - 128, nowhere=origin + limit), tmp_path / "fits", limit)
    assert project.run(count="none").mismatches == 0
    if board != "microbit":  # its processor has no memory protection
        with pytest.raises(TinySegError, match="MemManage fault in misbehave"):
            project.run(fake_vectors(1, WRITE_NOWHERE))


def test_flash_is_limited_too(tmp_path: Path) -> None:
    files = fake_files()
    files["src/fake_weights.c"] += b"const uint8_t fake_more[300000] = { 1 };\n"
    files["src/fake.c"] = files["src/fake.c"].replace(b"fake_weights[i])", b"fake_weights[i] + fake_more[i + in[0]])")
    files["include/fake.h"] = files["include/fake.h"].replace(
        b"extern const uint8_t fake_weights[8];", b"extern const uint8_t fake_weights[8], fake_more[300000];"
    )
    project = generate_project("lm3s6965evb", files, tmp_path / "p")
    with pytest.raises(DoesNotFitError, match=r"memory FLASH .* needs 30\d+ bytes, 262144 are there"):
        project.build()


def test_the_makefile_and_cmake_work_without_python(projects) -> None:
    folder = projects("mps2_an386").directory
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MAKE"))}
    for words in (["make", "test"], ["make", "test", "PORT=host"], ["make", "test", "TIMER=1"]):
        result = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "all outputs are equal" in result.stdout
    damaged = folder / "tests" / "output1_0.bin"
    original = damaged.read_bytes()
    damaged.write_bytes(original[:-1] + b"\x00")
    try:
        failed = subprocess.run(["make", "test"], cwd=folder, env=environment, capture_output=True, check=False)
        assert failed.returncode != 0
        assert projects("mps2_an386").run(count="none").mismatches == 1
    finally:
        damaged.write_bytes(original)


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.parametrize("board", ["host", "mps2_an386"])
def test_cmake_builds_the_same_program(projects, tmp_path: Path, board: str) -> None:
    project = projects("mps2_an386")
    options = []
    if board != "host":
        toolchain = project.directory / "port" / board / "toolchain.cmake"
        options = [f"-DTINYSEG_PORT={board}", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
    subprocess.run(["cmake", "-S", project.directory, "-B", tmp_path, *options], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", tmp_path], check=True, capture_output=True)
    with (tmp_path / "fake.elf").open("rb") as stream:
        elf = ELFFile(stream)
        if board != "host":
            assert elf.get_section_by_name(".weights")["sh_size"] == 8
            assert elf.get_section_by_name(".vectors")["sh_addr"] == 0


def test_guards_are_where_the_memories_end(projects) -> None:
    project = projects("mps2_an386")
    image = project.machine.read_image(project.build())
    names = ("flash_start", "flash_end", "ram_start", "ram_end", "guard_end", "stack_limit")
    expected = [0, 0x400000, 0x20000000, 0x20400000, 0x20500000, 0x20000000]
    assert [image.address(name) for name in names] == expected


def test_weights_in_binary_form_and_slow_pools_are_placed(tmp_path: Path) -> None:
    files = fake_files()
    files["weights/fake.bin"] = bytes(range(1, 9))
    files["weights/fake.S"] = (
        b'.section .rodata.fake_weights,"a",%progbits\n.balign 16\n'
        b".globl fake_weights\n.type fake_weights, %object\n"
        b'.size fake_weights, 8\nfake_weights:\n.incbin "fake.bin"\n.section .note.GNU-stack,"",%progbits\n'
    )
    files["src/fake_weights.c"] = b"#error not compiled where the binary is there\n"
    files["include/fake.h"] = files["include/fake.h"].replace(
        b"extern const",
        b"#define FAKE_POOL1_SIZE 640u\n"
        b"fake_status fake_set_pool(fake_context *context, uint32_t pool, void *memory, size_t bytes);\nextern const",
    )
    files["src/fake.c"] += (
        b"fake_status fake_set_pool(fake_context *context, uint32_t pool, void *memory, size_t bytes)\n{\n"
        b"    (void)context;\n    memset(memory, 0, bytes);\n"
        b"    return pool == 1u ? FAKE_OK : FAKE_ERROR_ARGUMENT;\n}\n"
    )
    for board in ("host", "mps2_an386", "lm3s6965evb"):  # the last one has no slow memory: its pool is in RAM
        result = generate_project(board, files, tmp_path / board).run(count="none")
        assert result.mismatches == 0
        assert (result.ram.arena, result.ram.slow, result.flash.weights) == (128, 640, 8)
        assert result.ram.static < 100 or board == "host"


def test_flashing_an_emulated_board_is_refused(projects) -> None:
    with pytest.raises(TinySegError, match="is emulated by QEMU"):
        projects("mps2_an386").flash()
    with pytest.raises(TinySegError, match="is this computer"):
        projects("host").flash()


def test_a_real_board_is_flashed_by_its_tool(tmp_path: Path) -> None:
    board = dataclasses.replace(load_board("mps2_an386"), name="real", qemu=None)
    toml = board.toml.replace('qemu = { machine = "mps2-an386", systick_hz = 25_000_000 }', "{flash}")
    log = tmp_path / "log"

    def project(command: str) -> Project:
        text = toml.replace("{flash}", f"flash_command = {command}")
        return generate_project(dataclasses.replace(board, toml=text), fake_files(), tmp_path / "p")

    project(f'["cp", "{{elf}}", "{log}"]').flash()
    assert log.read_bytes().startswith(b"\x7fELF")
    with pytest.raises(TinySegError, match="'no-such-tool' is not installed"):
        project('["no-such-tool", "{elf}"]').flash()
    with pytest.raises(TinySegError, match="could not write to the board"):
        project('["false"]').flash()
    with pytest.raises(TinySegError, match=r"neither a QEMU machine nor a GDB server .*, a serial line"):
        project('["true"]').run()


def test_missing_tools_are_named_with_a_remedy(projects, tmp_path: Path, monkeypatch) -> None:
    project = projects("mps2_an386")
    project.build()
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(TinySegError, match=r"'make' is not installed: .*apt install make"):
        project.build()
    for name in ("make", "sh", "mkdir", "cc"):
        found = shutil.which(name, path=os.defpath + ":/usr/bin:/bin")
        assert found is not None
        (tools / name).symlink_to(found)
    with pytest.raises(TinySegError, match=r"'qemu-system-arm' is not installed: .*apt install qemu-system-arm"):
        project.run()
    (project.directory / "src" / "fake.c").touch()
    with pytest.raises(TinySegError, match=r"'arm-none-eabi-gcc' is not installed: .*gcc-arm-none-eabi"):
        project.build()


def test_code_that_does_not_compile_is_shown(tmp_path: Path) -> None:
    files = fake_files()
    files["src/fake.c"] += b"int broken(void) { return missing; }\n"
    with pytest.raises(TinySegError, match=r"does not build:[\s\S]*missing"):
        generate_project("host", files, tmp_path / "p").build()


def test_a_warning_stops_these_tests_but_not_a_users_build(tmp_path: Path, monkeypatch) -> None:
    files = fake_files()
    files["src/fake.c"] += b"int8_t narrow(int x);\nint8_t narrow(int x)\n{\n    return x;\n}\n"
    project = generate_project("host", files, tmp_path / "p")
    with pytest.raises(TinySegError, match="-Werror=conversion"):
        project.build()
    monkeypatch.delenv("WARNINGS")
    assert project.run().mismatches == 0


def test_dictionary_of_figures_has_every_key(projects) -> None:
    figures = projects("host").run().as_dict()
    assert set(figures["ram"]) == {"total", "arena", "io", "static", "stack", "slow", "banks"}
    assert set(figures["flash"]) == {"total", "code", "weights"}
    assert set(figures["storage"]) >= {"written", "read", "written_physical", "erases"}
    assert figures["mismatches"] == 0
