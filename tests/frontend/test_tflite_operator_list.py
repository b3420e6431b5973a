"""What ``tinyseg ops`` says of TensorFlow Lite is true: where it says yes a network is lowered, elsewhere refused."""

from __future__ import annotations

import pytest

from tests.frontend.tflite_forms import FORMS, TYPES, form
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.frontend.tflite import support
from tinyseg_tvm.frontend.tflite.memories import MEMORY_KINDS
from tinyseg_tvm.frontend.tflite.schema import CUSTOM_KINDS
from tinyseg_tvm.relay_passes import lower
from tinyseg_tvm.relay_passes.tflite import pointwise, wide_functions
from tinyseg_tvm.relay_passes.tflite_to_operators import RULES


def is_lowered(kind: str, dtype: str) -> bool:
    try:
        return bool(lower(from_tflite(form(kind, dtype))[0]).nodes)
    except TinySegError as error:
        if "contradicts itself" in str(error):
            raise
        return False


@pytest.mark.release
@pytest.mark.parametrize("dtype", TYPES)
def test_cells_say_what_is_lowered(dtype: str):
    assert support.TYPES == TYPES
    found = {kind for kind in FORMS if is_lowered(kind, dtype)}
    assert found == {kind for kind, types in support.OPERATOR_TYPES.items() if dtype in types}


def test_every_rule_has_a_row_and_every_row_a_form():
    ruled = {*RULES, *pointwise.FLOAT_RULES, *wide_functions.RULES} - {*MEMORY_KINDS, *CUSTOM_KINDS.values()}
    ruled |= {"SVDF", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}
    assert set(support.OPERATOR_TYPES) == ruled == set(FORMS)
    assert not set(support.NOTES) & ruled
