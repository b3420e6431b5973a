"""Comparison of a pass' result with what is expected."""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE


def expect(module_pass: Any, before: Any, expected: Any) -> None:
    """``before`` becomes ``expected``: equal structure and names, well-formed; the quantisation attribute apart."""
    after = module_pass(before)
    relax.analysis.well_formed(after)
    after = without_quantization(after)
    tvm.ir.assert_structural_equal(after, without_quantization(expected))
    assert names(after) == names(expected)


def names(module: Any) -> list[str]:
    """Names of the bound variables of ``main``."""
    return [binding.var.name for block in module["main"].body.blocks for binding in block.bindings]


def without_quantization(module: Any) -> Any:
    """The module without the attribute that records quantisation."""
    function = module["main"]
    if function.attrs is not None and QUANTIZATION_ATTRIBUTE in function.attrs:
        module = module.clone()
        module.update_func(module.get_global_var("main"), function.without_attr(QUANTIZATION_ATTRIBUTE))
    return module
