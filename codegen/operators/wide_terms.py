"""Kernels of int8 weights for fully connected layers over a map of several lines, a few of whose weights leave int8.

Beside wide_channels.py, for sums that stay in the operator's state from line to line: channels cannot be computed by
themselves behind the last line, when the others are gone. The kernel has each weight clipped to int8, and what the
weight has beyond that is added to the sums in the state, ``beyond * x``: behind the kernel's call, or before it where
the kernel makes results of the sums in that call, of the last line.

Every term of a sum is then ``x * clipped`` and, later or sooner, ``x * beyond``. Both have the sign of their sum
``x * w`` and are no longer than that, so each partial sum is one of terms between 0 and ``x * w``, which
``accumulators.check_no_overflow`` bounds. The bias takes over the input's zero point times what is beyond, so that
the kernel, which folds the clipped weights into it, begins with the bias that the layer of int16 weights begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import of_fixed_point, sum_dtype
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, constant_bytes
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.dense import Dense

_INT8 = np.iinfo(np.int8)
_TERM_BYTES, _TERM_CYCLES = 8, 9


def beside_wide_terms(variants: Sequence[Variant[Dense]]) -> tuple[Variant[Dense], ...]:
    """Variants for layers of int16 weights that add what is beyond int8 to the sums of a kernel of int8 weights.

    Args:
        variants: kernels of int8 weights, with a sum of 32 bits per channel in the state.
    """
    return tuple(_beside_wide_terms(variant) for variant in variants)


def _beside_wide_terms(variant: Variant[Dense]) -> Variant[Dense]:
    def supports(view: NodeView[Dense]) -> bool:
        wide = view.constants["weight"].dtype == np.int16 and of_fixed_point(view) and sum_dtype(view) == "int32"
        if not (wide and view.operator.flatten and view.inputs[0].lines > 1):
            return False
        return _flash(view) < constant_bytes(view) and variant.supports(clipped(view))

    def cost(view: NodeView[Dense]) -> Cost:
        narrow = variant.cost(clipped(view))
        terms = _TERM_CYCLES * np.count_nonzero(_beyond(view)) // view.inputs[0].lines + 40
        return replace(narrow, cycles_per_step=narrow.cycles_per_step + int(terms))

    def emit(view: NodeView[Dense], out: FunctionWriter) -> None:
        before = len(out.statements)
        variant.emit(clipped(view), out)
        kernel = out.statements[before:]
        del out.statements[before:]
        _emit(view, out, kernel)

    def flash(view: NodeView[Dense]) -> int:
        narrow = clipped(view)
        return variant.flash(narrow) + _flash(view) - constant_bytes(narrow)

    def code(view: NodeView[Dense]) -> int:
        return variant.code(clipped(view))

    return Variant(f"{variant.name}, wide weights apart", supports, cost, emit, flash, code)


def _beyond(view: NodeView[Dense]) -> np.ndarray:
    """(O, I) int16: what each weight has beyond int8."""
    weight = view.constants["weight"]
    return np.asarray(weight - np.clip(weight, _INT8.min, _INT8.max))


def clipped(view: NodeView[Dense]) -> NodeView[Dense]:
    """The node with weights clipped to int8, and a bias for which its kernels begin as those of all of the weights."""
    weight, bias, beyond = view.constants["weight"], view.constants["bias"], _beyond(view)
    held = {
        **view.constants,
        "weight": (weight - beyond).astype(np.int8),
        "bias": (bias - view.operator.arithmetic.operand_zero * beyond.sum(axis=1, dtype=np.int64)).astype(np.int32),
    }
    return replace(view, node=replace(view.node, constants=held))


def _flash(view: NodeView[Dense]) -> int:
    """Bytes of constants with weights of a byte, and the terms."""
    terms = _TERM_BYTES * int(np.count_nonzero(_beyond(view))) + 4 * (view.inputs[0].lines + 1)
    return constant_bytes(clipped(view)) + terms


def _emit(view: NodeView[Dense], out: FunctionWriter, kernel: Sequence[str]) -> None:
    """Writes the terms around the kernel's statements."""
    lines, elements = view.inputs[0].lines, view.inputs[0].line_elements
    beyond = _beyond(view)
    channels, places = np.nonzero(beyond)
    order = np.lexsort((channels, places))
    channels, places = channels[order], places[order]
    if not channels.size:
        out.write(*kernel)
        return
    entries = ", ".join(
        f"{{{place % elements}, {channel}, {beyond[channel, place]}}}"
        for channel, place in zip(channels.tolist(), places.tolist(), strict=True)
    )
    out.modules.add("tinyseg_wide_terms")
    table, begins = f"{out.symbol}_terms", np.searchsorted(places, elements * np.arange(lines + 1))
    out.definitions.append(f"static const tinyseg_wide_term {table}[{channels.size}] = {{{entries}}};")
    line = out.constant("line_terms", begins.astype(np.uint32))
    arguments = f"{table} + {line}[step], {table} + {line}[step + 1u], {out.line(0)}, {out.state_as('int32_t')}"
    last = f"step == {lines - 1}u"
    terms = f"    tinyseg_wide_terms_line({arguments});"
    out.write(f"if ({last}) {{", terms, "}", *kernel, f"if (!({last})) {{", terms, "}")
