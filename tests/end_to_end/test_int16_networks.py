"""A network of 16-bit activations, with some layers of 8 bits, is exact on every kind of core, and streams by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.small_models import save
from tests.passes.int16_models import every_kind
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.operators import OPERATORS
from tinyseg_tvm.relay import BuildOptions, build, frontend

RELEASE = pytest.mark.release
RUNS: tuple[object, ...] = (
    ("host", "resident", "rows"),
    ("mps2_an386", "line", "rows"),
    ("microbit", "line", "rows"),
    pytest.param("mps2_an385", "resident", "columns", marks=RELEASE),
    pytest.param("mps3_an547", "line", "columns", marks=RELEASE),
)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return frontend.from_onnx(save(every_kind(np.uint16), tmp_path_factory.mktemp("model") / "int16.onnx"))


@pytest.mark.parametrize(("board", "io", "axis"), RUNS)
def test_the_network_is_exact(module, board: str, io: IoMode, axis: str, tmp_path: Path) -> None:
    options = BuildOptions(board=board, io=io, stream_axis=axis)
    factory = build(module[0], options, module[1], name="wide")
    assert {node.operator.kind for node in factory.network.nodes} <= set(OPERATORS)
    result = generate_project(board, factory, tmp_path / "project").run(count="none")
    assert (result.status, result.mismatches) == (0, 0)
