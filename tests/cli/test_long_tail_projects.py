"""Projects with steps of the long tail: ``run`` and ``verify`` know them, and judge floating point by tolerance."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tinyseg_tvm.cli.main import main
from tinyseg_tvm.micro import Project
from tinyseg_tvm.network import agreement


def float_model() -> onnx.ModelProto:
    """Sigmoid, then running sums, which no operator of the numeric contract computes."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"], name="squash"),
        helper.make_node("CumSum", ["s", "axis"], ["y"], name="total"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 60])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 60])
    axis = helper.make_tensor("axis", TensorProto.INT64, [], [2])
    graph = helper.make_graph(nodes, "longtail", [x], [y], [axis])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = Path(tmp_path_factory.mktemp("longtail"))
    onnx.save(float_model(), folder / "model.onnx")
    words = ["compile", str(folder / "model.onnx"), "-o", str(folder / "out"), "--board", "host", "--layerwise"]
    assert main(words) == 0
    return folder / "out"


def test_a_project_with_the_long_tail_runs_and_verifies(project: Path, tmp_path: Path, capfd) -> None:
    x = np.random.default_rng(0).normal(size=(1, 4, 60)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    assert main(["run", str(project)]) == 0
    assert main(["run", str(project), "--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy")]) == 0
    squashed = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), squashed.cumsum(2), rtol=1e-5)
    capfd.readouterr()
    assert main(["verify", str(project), "--json"]) == 0
    assert "opaque" in {row["kind"] for row in json.loads(capfd.readouterr().out)["operators"]}


@pytest.mark.parametrize(("change", "code"), [(1e-6, 0), (1e-2, 1)])
def test_float_outputs_are_judged_by_the_tolerance(project: Path, tmp_path: Path, capfd, change, code) -> None:
    shutil.copytree(project, tmp_path / "changed")
    path = tmp_path / "changed" / "tests" / "output0_0.bin"
    path.write_bytes((np.frombuffer(path.read_bytes(), np.float32) * np.float32(1 + change)).tobytes())
    capfd.readouterr()
    assert main(["run", str(tmp_path / "changed"), "--json"]) == code
    figures = json.loads(capfd.readouterr().out)
    assert figures["mismatches"] > 0
    assert (figures["disagreements"] > 0) == bool(code)
    assert Project(tmp_path / "changed").run().mismatches == figures["mismatches"]


def test_integers_may_be_one_step_away_and_what_is_not_a_number_equals_itself() -> None:
    levels = np.array([3, 4, 5], np.int8)
    assert list(agreement.outside_tolerance(levels, levels + np.array([0, 1, 2], np.int8))) == [False, False, True]
    floats = np.array([np.nan, np.inf, 1.0, -np.inf, 10.0], np.float32)
    other = np.array([np.nan, np.inf, 1.0009, 3.0, np.nan], np.float32)
    assert list(agreement.outside_tolerance(floats, other)) == [False, False, False, True, True]
