"""The rule of requantisation of a project, as its copies of the runtime's files state it.

The portable kernels are compiled for one rule. Where that is not ``onnx``, the copy of tinyseg_requantize.h defines
TINYSEG_RULE_<NAME>, which asks for the header of the rule; projects of other rules do without that header.
"""

from __future__ import annotations

from tinyseg_tvm.codegen.text.runtime_files import runtime_closure, runtime_text
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators.arithmetic import forms, onnx
from tinyseg_tvm.operators.base import ARITHMETIC

_REQUANTIZATION = "tinyseg_requantize.h"
_GUARD = "#define TINYSEG_REQUANTIZE_H\n"


def rule_macro(network: Network) -> str:
    """What is defined for the rule by which sums of integers are requantised; empty for ``onnx``.

    Raises:
        TinySegError: there are several rules.
    """
    found = [getattr(node.operator, ARITHMETIC, None) for node in network.nodes]
    sums = [made for made in found if isinstance(made, (forms.WeightedSum, forms.Average, forms.Interpolation))]
    rules = sorted({made.rule for made in sums if made.dtype != "float32"})
    if len(rules) > 1:
        raise TinySegError(f"kernels of one project requantise by one rule, not by {' and '.join(rules)}")
    return "" if rules in ([], [onnx.RULE]) else f"TINYSEG_RULE_{rules[0].upper()}"


def runtime_copies(modules: set[str], macro: str) -> dict[str, str]:
    """Names and texts of the runtime's files for some modules, where ``macro`` is defined."""
    copies = {name: runtime_text(name) for name in runtime_closure(modules, macro)}
    if macro and _REQUANTIZATION in copies:
        copies[_REQUANTIZATION] = copies[_REQUANTIZATION].replace(_GUARD, f"{_GUARD}#define {macro}\n")
    return copies
