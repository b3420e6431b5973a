"""What ``tinyseg ops`` says of ONNX's operators is true: how each runs in each type. That it computes what it should:
``tests/benchmarks/test_listed_operators.py``."""

from __future__ import annotations

from collections import defaultdict

import onnx
import pytest

from tests.frontend.operator_forms import OWN, examples
from tests.frontend.operator_types import best_word
from tinyseg_tvm.frontend import supported_operators
from tinyseg_tvm.frontend.operator_words import TYPES

MICROSOFT = "com.microsoft."  # test_onnx_rewrites.py and test_contributed_operators.py have a form of each
LISTED = {row.name: row.types for row in supported_operators() if row.route != "unsupported"}
OWN_DOMAIN = [name for name in LISTED if not name.startswith(MICROSOFT)]


@pytest.fixture(scope="module")
def forms() -> dict[str, list[onnx.ModelProto]]:
    found = defaultdict(list, {name: [form] for name, form in OWN.items()})
    for name, form in examples():
        found[name].append(form)
    return found


@pytest.mark.sampled(40)
@pytest.mark.parametrize("name", OWN_DOMAIN)
def test_cells_say_how_an_operator_runs(name: str, forms) -> None:
    assert tuple(best_word(name, dtype, forms[name]) for dtype in TYPES) == LISTED[name]


def test_operators_of_other_domains_have_no_cells_for_they_become_others() -> None:
    assert {types for name, types in LISTED.items() if name.startswith(MICROSOFT)} == {()}
    assert all(len(LISTED[name]) == len(TYPES) for name in OWN_DOMAIN)
