"""Three networks that people know compile and link within every board's true memories, or it is known why not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.conftest import MODELS, ROOT
from tinyseg_tvm.boards import board_names, load_board
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import BuildOptions, build, frontend

NETWORKS = {
    "tinyunet": ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx",
    "person_detect": MODELS / "onnx" / "tflm_person_detect.onnx",
    "kws": MODELS / "onnx" / "mlperf_kws_ref_model.onnx",
}
TOO_SMALL = {  # the memory that is missing: 81 KiB of arena are
    ("microbit", "tinyunet"): "16,384 bytes of RAM on microbit",
    ("lm3s6965evb", "tinyunet"): "65,536 bytes of RAM on lm3s6965evb",
}

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of real networks is not present")


@cache
def module(network: str):
    return frontend.from_onnx(NETWORKS[network], name=network)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("board", [name for name in board_names() if name != "host"])
def test_every_board_has_room_for_networks_that_people_know(board: str, network: str, tmp_path: Path) -> None:
    reason = TOO_SMALL.get((board, network))
    if reason is not None:
        with pytest.raises(DoesNotFitError, match=reason):
            build(module(network), BuildOptions(board=board))
        return
    factory = build(module(network), BuildOptions(board=board))
    project = generate_project(board, factory, tmp_path / "project")
    elf = project.build()  # the linker refuses what does not fit, and the image is checked
    flash = project.machine.flash(project.machine.read_image(elf), elf.parent, project.library.name)
    assert flash.total <= (load_board(board).flash_bytes or 0)
    assert factory.memory.total <= (load_board(board).ram_bytes or 0)
