"""The runner of ONNX's test cases: how it judges, what it keeps apart, and (slow) that all come out as written down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx_backend
import pytest
from onnx import helper
from onnx_backend_cases import Case, Verdict, difference, judge, obstacle, pinned, simple_case

ROOT = Path(__file__).resolve().parents[2]


def reshaped() -> Case:
    """A case whose second input, the shape, is a parameter."""
    ports = [helper.make_tensor_value_info("x", 1, [4]), helper.make_tensor_value_info("s", 7, [2])]
    result = helper.make_tensor_value_info("y", 1, [2, 2])
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "s"], ["y"])], "reshape", ports, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    x = np.arange(4, dtype=np.float32)
    inputs = [x, np.array([2, 2], np.int64)]
    return Case("Reshape", "reshape", frozenset({"s"}), model, [(inputs, [x.reshape(2, 2)])], 0, 0)


def test_a_right_case_is_compiled_and_run(tmp_path):
    assert judge(simple_case(), tmp_path) == Verdict("right")
    assert len(list(tmp_path.iterdir())) == 1
    assert judge(simple_case(), tmp_path) == Verdict("right")  # now without a build


def test_parameters_become_constants_where_the_model_is_refused_as_it_is(tmp_path):
    case = reshaped()
    found = pinned(case)
    assert found is not None
    model, left = found
    assert left == (0,)
    assert [tensor.name for tensor in model.graph.initializer] == ["s"]
    assert judge(case, tmp_path).outcome == "right"


def test_results_without_elements_are_results(tmp_path):
    """Of a network of which no tensor takes a byte; its plan and the search for unused channels once had no end."""
    result = helper.make_tensor_value_info("y", 7, [0])
    value = helper.make_tensor("value", 7, [0], [])
    graph = helper.make_graph([helper.make_node("Constant", [], ["y"], value=value)], "none", [], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    case = Case("Constant", "none", frozenset(), model, [([], [np.zeros(0, np.int64)])], 0, 0)
    assert judge(case, tmp_path) == Verdict("right")


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (np.array([1, 3], np.float32), "1 of 2 values"),
        (np.array([1, 2], np.float64), "float64"),
        (np.array([[1, 2]], np.float32), "(1, 2)"),
    ],
)
def test_other_values_types_and_shapes_are_wrong(got, words):
    expected = [np.array([1, 2], np.float32)]
    assert words in difference(expected, [got], 1e-3, 1e-7)
    assert difference(expected, [np.array([1, 2.001], np.float32)], 1e-3, 1e-7) == ""
    assert difference(expected, [], 1e-3, 1e-7) == "0 results in place of 1"


def test_a_scalar_is_no_vector():
    assert "(1,) in place of int64 ()" in difference([np.int64(3)], [np.array([3])], 0, 0)


def test_a_process_that_dies_counts_as_a_crash_of_its_case_alone(monkeypatch):
    def dies(case, _known):
        if case.name == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        return Verdict("right")

    monkeypatch.setattr(onnx_backend, "judge", dies)
    case = simple_case()
    cases = [Case(case.operator, name, case.parameters, case.model, case.data_sets, 0, 0) for name in ("dies", "lives")]
    outcomes = {each.name: each.verdict.outcome for each in onnx_backend.run_cases(cases, 2)}
    assert outcomes == {"dies": "crash", "lives": "right"}


def test_what_is_no_tensor_of_the_device_is_named():
    case = simple_case()
    assert obstacle(case) == ""
    case.model.graph.input[0].type.tensor_type.elem_type = 16
    assert obstacle(case) == "x is bfloat16"


def test_deviations_are_named_and_kept():
    tried = [
        onnx_backend.Tried("a", "Abs", "", Verdict("refused", "no")),
        onnx_backend.Tried("b", "Abs", "", Verdict("right")),
    ]
    kept = {"not right": {"b": "wrong: 1", "c": "refused: 2"}}
    assert [line.split(":")[0] for line in onnx_backend.deviations(tried, kept)] == ["a", "b"]
    assert onnx_backend.expectations(tried, kept)["not right"] == {"a": "refused: no", "c": "refused: 2"}


@pytest.mark.slow
def test_all_cases_come_out_as_expected():
    command = [sys.executable, str(ROOT / "benchmarks" / "onnx_backend.py"), "--quiet"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:]
