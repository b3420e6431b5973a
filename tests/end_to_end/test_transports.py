"""Real networks behind other transports than QEMU's own: every output byte and every figure is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.micro.probed_boards import behind_gdb, behind_uart, serial_board
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.micro.build import Variant, build_program
from tinyseg_tvm.relay import BuildOptions, build, frontend

BOARD = "mps2_an386"
NETWORKS = (
    pytest.param("tinyunet", marks=pytest.mark.slow),
    pytest.param("mlperf_kws_ref_model", marks=pytest.mark.release),
    pytest.param("mlperf_vww_96_int8", marks=pytest.mark.slow),
)


def model_file(network: str) -> Path:
    """Tiny U-Net is the example's; the others are those of MLPerf Tiny."""
    if network == "tinyunet":
        return ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
    path = ROOT.parent / "shared" / "models" / "onnx" / f"{network}.onnx"
    if not path.is_file():
        pytest.skip("the folder of real networks is not present")
    return path


def assert_same(got: RunResult, expected: RunResult) -> None:
    """Outputs, memory and traffic; instructions are counted in QEMU alone."""
    assert expected.mismatches == got.mismatches == 0
    for ours, theirs in zip(got.outputs, expected.outputs, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert (got.ram, got.fast, got.storage, got.status) == (expected.ram, expected.fast, expected.storage, 0)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_gdb_server_gives_the_figures_of_the_emulator(network: str, tmp_path: Path) -> None:
    module, parameters = frontend.from_onnx(model_file(network))
    factory = build(module, BuildOptions(board=BOARD), parameters, name=network)
    expected = generate_project(BOARD, factory, tmp_path / "q").run(count="none")
    got = generate_project(behind_gdb(BOARD), factory, tmp_path / "g").run()
    assert_same(got, expected)
    assert got.flash == expected.flash
    neither = {"board": "", "elf": "", "instructions": None}
    assert got.as_dict() | neither == expected.as_dict() | neither


@pytest.mark.parametrize("network", NETWORKS)
def test_a_serial_line_gives_the_figures_of_the_emulator(network: str, tmp_path: Path) -> None:
    module, parameters = frontend.from_onnx(model_file(network))
    factory = build(module, BuildOptions(board=BOARD), parameters, name=network)
    expected = generate_project(BOARD, factory, tmp_path / "q").run(count="none")
    project = generate_project(behind_uart(BOARD), factory, tmp_path / "u")
    elf = build_program(project.directory, network, project.machine, project.board, Variant(uart=True), jobs=1)
    with serial_board(BOARD, elf) as port:
        assert_same(project.run(port=port), expected)
