"""Variables outside the arena take what was reckoned: a stack that takes all the rest leaves room for them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.storage.spilled_networks import library_files, metadata, small_unet, spilled
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.boards.static_memory import DRIVER_BYTES, static_bytes
from tinyseg_tvm.micro import generate_project, read_library
from tinyseg_tvm.micro.storages import DRIVERS

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no Arm compiler")
ROOT = Path(__file__).resolve().parents[2]
FREE = 64 * 5  # beside the smallest stack: the linker gives it to the stack, in steps of 64


def test_states_of_drivers_take_what_is_reckoned(tmp_path):
    """As the compiler for Arm lays them out; a NOR flash's simulator is counted with it."""
    types = {kind: [f"{DRIVERS[kind].name}"] for kind in DRIVER_BYTES} | {"nor": ["nor_storage", "nor_simulator"]}
    lines = [f'#include "{name}.h"' for names in types.values() for name in names]
    lines += [f"char {kind}_{i}[sizeof({n})];" for kind, names in types.items() for i, n in enumerate(names)]
    source, program = tmp_path / "sizes.c", tmp_path / "sizes.o"
    source.write_text("\n".join(lines) + "\n")
    folders = [f"-I{ROOT / folder}" for folder in ("tinyseg_tvm/micro/port/storage", "codegen/runtime/storage")]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-std=c99", *folders, "-c", source, "-o", program]
    subprocess.run(command, check=True)
    listed = subprocess.run(["arm-none-eabi-nm", "-S", program], check=True, capture_output=True, text=True).stdout
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in listed.splitlines()}
    for kind, names in types.items():
        assert DRIVER_BYTES[kind] == sum(sizes[f"{kind}_{i}"] for i in range(len(names))), kind


@pytest.mark.parametrize(("board", "storage"), [("lm3s6965evb", "sd"), ("mps2_an386", "timed")])
def test_a_program_with_storage_links_where_the_stack_takes_all_that_is_left(tmp_path, board, storage):
    network = spilled(small_unet(), "skip0", ("join0",), storage=storage, block=512, ahead=3)
    files = library_files(network, "line")
    context = metadata(files)["memory"]["context_bytes"]
    described = load_board(board)
    used = next(each for each in described.storages if each.name == storage)
    promised = static_bytes(described, context, [(used, read_library(files).storages[0][0])])
    ram = read_library(files).arena_bytes + promised + described.stack_bytes + FREE
    project = generate_project(board, files, tmp_path / "p", ram_limit=ram)
    image = project.machine.read_image(project.build())
    assert image.section_bytes(".stack") == described.stack_bytes + FREE
    assert context <= project.machine.static_bytes(image) <= promised
