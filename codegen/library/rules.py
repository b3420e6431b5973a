"""The rule of requantisation of a project, as its copies of the runtime's files state it.

The portable kernels are compiled for one rule. Where that is not ``onnx``, the copy of tinyseg_requantize.h defines
TINYSEG_RULE_<NAME>, which asks for the header of the rule; projects of other rules do without that header.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from tinyseg_tvm.codegen.text.runtime_files import runtime_closure, runtime_text
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import are_below_half
from tinyseg_tvm.operators.base import ARITHMETIC

_REQUANTIZATION = "tinyseg_requantize.h"
_GUARD = "#define TINYSEG_REQUANTIZE_H\n"


def rule_macros(network: Network) -> tuple[str, ...]:
    """What is defined in a project's copy of the runtime: for its rule, and what its multipliers are like."""
    rule = rule_macro(network)
    return (rule, *multipliers_macros(network)) if rule else ()


def rule_macro(network: Network) -> str:
    """What is defined for the rule by which sums of integers are requantised; empty for ``onnx``.

    Raises:
        TinySegError: there are several rules.
    """
    found = [getattr(node.operator, ARITHMETIC, None) for node in network.nodes]
    rules = sorted({made.rule for made in found if made is not None and made.dtype != "float32"})
    if len(rules) > 1:
        raise TinySegError(f"kernels of one project requantise by one rule, not by {' and '.join(rules)}")
    return "" if rules in ([], [onnx.RULE]) else f"TINYSEG_RULE_{rules[0].upper()}"


def multipliers_macros(network: Network) -> tuple[str, ...]:
    """What is defined beside the rule, where its multipliers allow for shorter code.

    ``tflite``: TINYSEG_TFLITE_RIGHT where no sum of products is shifted to the left, or not at all.
    """
    fixed: list[tuple[npt.ArrayLike, npt.ArrayLike]] = [
        (node.constants["multiplier"], node.constants["shift"])
        for node in network.nodes
        if "shift" in node.operator.constant_names
    ]
    rules = [getattr(node.operator, ARITHMETIC, None) for node in network.nodes]
    fixed += [rule.fixed_point for rule in rules if isinstance(rule, tflite.ProductSum)]
    right = all(are_below_half(multiplier, shift) for multiplier, shift in fixed)
    return ("TINYSEG_TFLITE_RIGHT",) if fixed and right else ()


def runtime_copies(modules: set[str], macros: Sequence[str]) -> dict[str, str]:
    """Names and texts of the runtime's files for some modules, where ``macros`` are defined, the rule's first."""
    copies = {name: runtime_text(name) for name in runtime_closure(modules, next(iter(macros), ""))}
    if macros and _REQUANTIZATION in copies:
        definitions = "".join(f"#define {macro}\n" for macro in macros)
        copies[_REQUANTIZATION] = copies[_REQUANTIZATION].replace(_GUARD, _GUARD + definitions)
    return copies
