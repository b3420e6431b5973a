"""One network on every board; builds are reproducible; the library allocates nothing and has no variables."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tests.end_to_end.small_models import save, segmenter
from tinyseg_tvm.boards import board_names
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend

BOARDS = (
    *("host", "mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505"),
    *("mps3_an547", "lm3s6965evb", "netduinoplus2", "microbit"),
)
MODES: tuple[IoMode, ...] = ("resident", "line")


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = save(segmenter(), tmp_path_factory.mktemp("model") / "segmenter.onnx")
    return frontend.from_onnx(path)


def factory_of(module, board: str, io: IoMode = "resident", **options) -> Factory:
    return build(module[0], BuildOptions(board=board, io=io, **options), module[1], name="segmenter")


def test_every_board_is_tested() -> None:
    assert set(BOARDS) <= set(board_names())


@pytest.mark.sampled(2)
@pytest.mark.parametrize("io", MODES)
@pytest.mark.parametrize("board", BOARDS)
def test_the_network_is_exact_on_every_board_and_keeps_the_promised_memory(module, board, io, tmp_path) -> None:
    factory = factory_of(module, board, io)
    project = generate_project(board, factory, tmp_path / "project")
    result = project.run(count="none")
    assert result.status == 0
    assert result.mismatches == 0
    assert len(result.outputs) == 2
    promised = factory.memory
    assert result.ram.arena == promised.arena
    if board != "host":
        assert 0 < result.ram.stack <= promised.stack
        assert result.ram.static <= promised.static
        assert result.ram.total <= promised.total
        depths = project.deepest_stacks(result.elf)
        run, program = depths["run"], depths["program"]
        assert not program.unbounded
        assert run.bytes < program.bytes
        # The code's most is what a run can take; of a network whose every path is gone it is what a run took.
        assert result.ram.stack <= program.bytes <= result.ram.stack + 512
        assert run.path[0] == "segmenter_run"


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("io", MODES)
@pytest.mark.parametrize(
    "layerwise", [pytest.param(False, id="streamed"), pytest.param(True, id="layerwise", marks=pytest.mark.release)]
)
def test_the_host_program_is_clean_under_sanitizers(module, axis, io, layerwise, tmp_path) -> None:
    factory = factory_of(module, "host", io, stream_axis=axis, layerwise=layerwise)
    assert factory.axis == axis
    result = generate_project("host", factory, tmp_path / "project").run(sanitize=True)
    assert result.mismatches == 0


def test_every_operator_is_exact_line_by_line_on_a_core_without_fpu(module, tmp_path) -> None:
    from tinyseg_tvm.cli.comparison import compare
    from tinyseg_tvm.relay.factory import random_inputs

    factory = factory_of(module, "mps2_an385")
    inputs = random_inputs(factory.network, seed=5)
    result = generate_project("mps2_an385", factory, tmp_path / "project").run(
        [inputs], layout="device", observe=True, count="none"
    )
    rows = compare(factory.network, inputs, result)
    assert [row.name for row in rows if row.differing] == []
    assert {"down_conv", "up_transposed", "head"} <= {row.name for row in rows}


WRITABLE_ALLOWED = frozenset({"memcpy", "memset", "memmove"})


@pytest.mark.parametrize("board", ["host", "mps2_an386", "microbit"])
def test_the_library_has_no_writable_data_and_calls_no_allocator(module, board, tmp_path) -> None:
    project = generate_project(board, factory_of(module, board), tmp_path / "project")
    objects = [path for path in library_objects(project, project.build()) if path.exists()]
    assert len(objects) > 4
    defined: set[str] = set()
    needed: set[str] = set()
    for path in objects:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            for section in elf.iter_sections():
                flags = section["sh_flags"]
                # pointers in tables of constants are relocated in a position-independent program of the host
                relocated = section.name.startswith(".data.rel.ro")
                if flags & SH_FLAGS.SHF_WRITE and flags & SH_FLAGS.SHF_ALLOC and not relocated:
                    assert section["sh_size"] == 0, f"{path.name}: {section.name} holds {section['sh_size']} bytes"
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL":
                    (needed if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    foreign = {
        name for name in needed - defined - WRITABLE_ALLOWED if name and not name.startswith(("__aeabi", "_GLOBAL_"))
    }
    assert foreign == set()


def library_objects(project: Project, elf: Path) -> list[Path]:
    """Objects of src/, runtime/ and weights/."""
    folders = [elf.parent / name for name in ("src", "runtime", "weights")]
    return sorted(path for folder in folders for path in folder.glob("*.o"))


DIGEST = """
import hashlib, sys
from tinyseg_tvm.relay import BuildOptions, build, frontend
mod, params = frontend.from_onnx(sys.argv[1])
files = build(mod, BuildOptions(board="mps2_an386", io="line"), params).project_files()
print(hashlib.sha256(b"".join(p.encode() + b"\\0" + files[p] for p in sorted(files))).hexdigest())
"""


def digest(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(p.relative_to(folder)).encode() + p.read_bytes() for p in paths)).hexdigest()


def test_two_builds_give_the_same_bytes_in_any_process(tmp_path) -> None:
    path = save(segmenter(), tmp_path / "segmenter.onnx")
    digests = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    folders = []
    for name in ("one", "two"):
        module = frontend.from_onnx(path)
        folders.append(generate_project("mps2_an386", factory_of(module, "mps2_an386"), tmp_path / name).directory)
    assert digest(folders[0]) == digest(folders[1])


def test_a_program_built_elsewhere_from_the_same_sources_is_loaded_as_the_same_bytes(module, tmp_path) -> None:
    """Debugging information may name the folder; what goes to the board may not."""
    images = []
    for name in ("here", "further/there"):
        project = generate_project("mps2_an386", factory_of(module, "mps2_an386"), tmp_path / name / "project")
        with project.build().open("rb") as stream:
            images.append([segment.data() for segment in ELFFile(stream).iter_segments("PT_LOAD")])
    assert images[0] == images[1]
    assert sum(map(len, images[0])) > 4096
