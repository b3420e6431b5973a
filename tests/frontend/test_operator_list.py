"""What ``tinyseg ops`` lists is true: every operator compiles to C in one form at least."""

from __future__ import annotations

from collections import defaultdict

import onnx
import pytest

from tests.frontend.operator_forms import OWN, examples
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx, supported_operators
from tinyseg_tvm.relay import BuildOptions, build

TRIED = 40  # examples of an operator, the smallest first
LISTED = [row.name for row in supported_operators() if row.route != "unsupported"]
MICROSOFT = "com.microsoft."  # test_onnx_rewrites.py and test_contributed_operators.py have a form of each


@pytest.fixture(scope="module")
def forms() -> dict[str, list[onnx.ModelProto]]:
    found = defaultdict(list, {name: [form] for name, form in OWN.items()})
    for name, form in examples():
        found[name].append(form)
    return found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [name for name in LISTED if not name.startswith(MICROSOFT)])
def test_a_listed_operator_compiles(name: str, forms) -> None:
    refusals = []
    for form in forms[name][:TRIED]:
        try:
            mod, params = from_onnx(form)
            assert build(mod, BuildOptions(layerwise=True, stream_axis="rows"), params).files
        except TinySegError as error:
            refusals.append(str(error))
        else:
            return
    pytest.fail(f"{name}: none of {len(refusals)} forms compiles: {refusals[:2]}")
