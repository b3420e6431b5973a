"""Comparison of a pass' result with what is expected."""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from tinyseg_tvm.relay_passes.derived_tensors import DERIVED_ATTRIBUTE
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE


def expect(module_pass: Any, before: Any, expected: Any) -> None:
    """``before`` becomes ``expected``: equal structure and names, well-formed; what passes record of tensors apart."""
    after = module_pass(before)
    relax.analysis.well_formed(after)
    after = without_records(after)
    tvm.ir.assert_structural_equal(after, without_records(expected))
    assert names(after) == names(expected)


def names(module: Any) -> list[str]:
    """Names of the bound variables of ``main``."""
    return [binding.var.name for block in module["main"].body.blocks for binding in block.bindings]


def without_records(module: Any) -> Any:
    """The module without the attributes that record quantisation and what tensors are derived from."""
    function = module["main"]
    recorded = [key for key in (QUANTIZATION_ATTRIBUTE, DERIVED_ATTRIBUTE) if function.attrs and key in function.attrs]
    for key in recorded:
        function = function.without_attr(key)
    if recorded:
        module = module.clone()
        module.update_func(module.get_global_var("main"), function)
    return module
