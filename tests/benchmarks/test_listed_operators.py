"""What ``tinyseg ops`` lists works: a case of ONNX's for each operator is compiled, built and run."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_backend import EXPECTATIONS
from onnx_backend_cases import Case, judge, load_cases

from tests.frontend.onnx_models import run_onnxruntime
from tests.frontend.operator_forms import OWN
from tinyseg_tvm.frontend import supported_operators

LISTED = [row.name for row in supported_operators() if row.route != "unsupported" and "." not in row.name]
NEAR = 1e-4, 1e-6  # relative and absolute, of what ONNX has no case of


def cases_by_operator() -> dict[str, list[Case]]:
    """Cases that come out right, the smallest first; a name that is an operator's own, before its expansion."""
    not_right = json.loads(EXPECTATIONS.read_text())["not right"]
    found = defaultdict(list)
    for case in sorted(load_cases(), key=lambda case: (case.model.ByteSize(), case.name)):
        if case.name not in not_right and "_expanded" not in case.name:
            found[case.operator].append(case)
    return found


@pytest.fixture(scope="module")
def cases() -> dict[str, list[Case]]:
    return cases_by_operator()


def own_case(name: str, model: onnx.ModelProto) -> Case:
    """A case of an operator that ONNX has none of, or none with tensors as ports; its values are ONNX Runtime's."""
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    expected = run_onnxruntime(model, {model.graph.input[0].name: x})
    return Case(name, f"own {name}", frozenset(), model, [([x], expected)], *NEAR)


@pytest.mark.sampled(60)
@pytest.mark.parametrize("name", LISTED)
def test_a_listed_operator_computes_what_onnx_says(name: str, cases, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("OPTIMIZE", "-O0")
    case = cases[name][0] if cases[name] else own_case(name, OWN[name])
    verdict = judge(case, tmp_path)
    assert verdict.outcome == "right", f"{case.name}: {verdict.reason}"
