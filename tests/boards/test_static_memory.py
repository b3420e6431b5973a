"""Variables outside the arena take what was reckoned: a stack that takes all the rest leaves room for them."""

import shutil

import pytest

from tests.storage.spilled_networks import library_files, metadata, small_unet, spilled
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.boards.static_memory import static_bytes
from tinyseg_tvm.micro import generate_project, read_library

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no Arm compiler")
FREE = 64 * 5  # beside the smallest stack: the linker gives it to the stack, in steps of 64


@pytest.mark.parametrize(("board", "storage"), [("lm3s6965evb", "sd"), ("mps2_an386", "timed")])
def test_a_program_with_storage_links_where_the_stack_takes_all_that_is_left(tmp_path, board, storage):
    network = spilled(small_unet(), "skip0", ("join0",), storage=storage, block=512, ahead=3)
    files = library_files(network, "line")
    context = metadata(files)["memory"]["context_bytes"]
    described = load_board(board)
    promised = static_bytes(described, context, 1)
    ram = read_library(files).arena_bytes + promised + described.stack_bytes + FREE
    project = generate_project(board, files, tmp_path / "p", ram_limit=ram)
    image = project.machine.read_image(project.build())
    assert image.section_bytes(".stack") == described.stack_bytes + FREE
    assert context <= project.machine.static_bytes(image) <= promised
