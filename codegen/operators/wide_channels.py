"""Kernels of int8 weights for layers of which a few output channels have weights beyond int8.

An asymmetric weight free of its zero point may leave int8; in files of uint8 that is often one number of a layer. No
output channel depends on another one's weights: the layer goes to a kernel of int8 weights, with zeros in place of
the weights of *wide* channels, and those channels are computed by themselves behind it, over the results of the zeros
(runtime/portable/tinyseg_wide_channels.h). So every bit is that of the layer of int16 weights, whatever kernel it is:
the results of other channels are the kernel's own contract, those of wide channels are sums of the same products.

No accumulator can overflow that could not before. With zeros, partial sums are a channel's bias alone. A wide channel
is summed as the portable kernels sum it: from 0 over products of the stored values, padding as the input's zero point,
then plus the bias with the zero point folded in; ``accumulators.check_no_overflow`` bounds all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, of_fixed_point, output_value, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.pair_packing import convolution_segments
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.operators.sum_costs import ARMV6M_FACTOR
from tinyseg_tvm.network.cost import Cost

Summing = TypeVar("Summing", bound=WeightedSum)
Calls = Callable[[NodeView[Summing]], Sequence[Call]]
"""The convolutions that a node is, of its own weights; none where wide channels cannot be computed by themselves."""
Lines = Callable[[NodeView[Summing], FunctionWriter], None]
"""Writes the declaration of ``lines`` that the calls take."""

_INT8 = np.iinfo(np.int8)
_MOST_CHANNELS = np.iinfo(np.uint16).max  # in the kernel's tables
_STRUCT = "tinyseg_wide_channels"


@dataclass(frozen=True)
class _Family:
    """How products of neighbouring values are summed on some cores.

    Attributes:
        ending: of the kernel's name and its module's.
        cycles: of a product.
    """

    ending: str
    cycles: float


def _family(core: Core) -> _Family:
    if core.has_mve:
        return _Family("_vectors", 0.5)
    if core.has_dsp:
        return _Family("_pairs", 2.3)
    return _Family("", 3.4 if core.has_wide_multiply else 3.4 * ARMV6M_FACTOR)


def beside_wide_channels(
    variants: Sequence[Variant[Summing]], calls: Calls[Summing], lines: Lines[Summing]
) -> tuple[Variant[Summing], ...]:
    """Variants for nodes of int16 weights that leave all but the wide channels to a kernel of int8 weights.

    Args:
        variants: kernels of int8 weights.
        calls: the convolutions that a node is.
        lines: declares what the calls take, as variants may have done already.
    """
    return tuple(_beside_wide_channels(variant, calls, lines) for variant in variants)


def _beside_wide_channels(variant: Variant[Summing], calls: Calls[Summing], lines: Lines[Summing]) -> Variant[Summing]:
    def supports(view: NodeView[Summing]) -> bool:
        weight = view.constants["weight"]
        if weight.dtype != np.int16 or not of_fixed_point(view):
            return False
        found = calls(view)
        if any(max(sum(each.channels), len(each.multiplier)) > _MOST_CHANNELS for each in _convolutions(found)):
            return False
        saves = _flash(view, found) < weight.size  # of two bytes for each weight
        return bool(found) and saves and variant.supports(narrowed(view))

    def cost(view: NodeView[Summing]) -> Cost:
        narrow = variant.cost(narrowed(view))
        return replace(narrow, cycles_per_step=narrow.cycles_per_step + _cycles(view, calls(view)))

    def emit(view: NodeView[Summing], out: FunctionWriter) -> None:
        variant.emit(narrowed(view), out)
        _emit(view, out, calls(view), lines)

    def flash(view: NodeView[Summing]) -> int:
        return variant.flash(narrowed(view)) + _flash(view, calls(view))

    def code(view: NodeView[Summing]) -> int:
        return variant.code(narrowed(view))

    def programs(view: NodeView[Summing]) -> Mapping[str, tuple[Any, ...]]:
        return variant.programs(narrowed(view))

    return Variant(f"{variant.name}, wide channels apart", supports, cost, emit, flash, code, programs)


def _convolutions(calls: Sequence[Call]) -> list[Convolution]:
    return [call.convolution for call in calls]


def narrowed(view: NodeView[Summing]) -> NodeView[Summing]:
    """The node with int8 weights: zeros in the place of wide channels' weights."""
    weight = view.constants["weight"].copy()
    weight[_are_wide(weight)] = 0
    return replace(view, node=replace(view.node, constants={**view.constants, "weight": weight.astype(np.int8)}))


def _are_wide(weight: np.ndarray) -> np.ndarray:
    """Per output channel of a weight (O, ...), whether any number leaves int8."""
    axes = tuple(range(1, weight.ndim))
    return np.asarray((weight.min(axis=axes) < _INT8.min) | (weight.max(axis=axes) > _INT8.max))


@dataclass(frozen=True)
class _WideChannels:
    """The wide channels of one of the convolutions of a call.

    Attributes:
        weight: (C, KH, KW, I) int16.
        bias: (C,) int32 with the input's zero point folded in.
        multiplier: (C,).
        places: (C,) of the channels, among all of the convolution.
        firsts: (C,) of the first value of an input pixel that each reads.
        pieces: (pieces, 2): values of an input pixel, and how many of them a channel reads.
    """

    weight: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    places: np.ndarray
    firsts: np.ndarray
    pieces: np.ndarray


def _wide(view: NodeView[WeightedSum], call: Call) -> Iterator[_WideChannels]:
    """Of each of the convolutions; nothing where the node has none.

    A channel is wide by all of its weights, also where a convolution has only those of some taps.
    """
    convolution = call.convolution
    wide = _are_wide(view.constants["weight"])
    places = np.flatnonzero(np.tile(wide, len(convolution.multiplier) // len(wide)))
    if not places.size:
        return
    for weight, bias in zip(convolution.weights, convolution.biases, strict=True):
        read = weight.shape[3]
        groups = sum(convolution.channels) // read
        yield _WideChannels(
            weight[places],
            bias[places],
            convolution.multiplier[places],
            places,
            places // (weight.shape[0] // groups) * read if groups > 1 else np.zeros_like(places),
            np.asarray([(channels, channels // groups) for channels in convolution.channels]),
        )


def _flash(view: NodeView[WeightedSum], calls: Sequence[Call]) -> int:
    """Bytes of constants of the wide channels."""
    return sum(
        each.weight.nbytes + each.bias.nbytes + each.multiplier.nbytes + 4 * len(each.places) + 4 * len(each.pieces)
        for call in calls
        for each in _wide(view, call)
    )


def _cycles(view: NodeView[WeightedSum], calls: Sequence[Call]) -> int:
    """Estimated cycles of a step."""
    total = 0.0
    for call in calls:
        wide = next(_wide(view, call), None)
        if wide is None:
            return 0
        channels, rows, taps, values = wide.weight.shape
        if values == 1:
            window = rows * (9.0 * taps + 8)
        else:
            runs = rows * len(wide.pieces) * (1 if _are_joined(call.convolution, wide) else taps)
            window = _family(view.core).cycles * rows * taps * values + (60 * runs if runs > 1 else 22)
        pixels = call.convolution.columns.outputs
        total += call.share * pixels * channels * (window + 26 + requantize_cycles(view.core))
    return round(total) + 60


def _are_joined(convolution: Convolution, wide: _WideChannels) -> bool:
    """Whether the values that a channel reads of a row of taps lie side by side."""
    side_by_side = convolution.window.dilation == 1 and bool((wide.pieces[:, 0] == wide.pieces[:, 1]).all())
    return convolution.window.taps == 1 or (side_by_side and bool((wide.pieces > 1).all()))


def _emit(view: NodeView[Summing], out: FunctionWriter, calls: Sequence[Call], lines: Lines[Summing]) -> None:
    """Writes the calls behind those of the kernel of int8 weights."""
    if not _are_wide(view.constants["weight"]).any():
        return
    family = _family(view.core)
    values: list[str] = []
    statements: list[str] = []
    for number, call in enumerate(calls):
        wide = list(_wide(view, call))
        table = f"&{out.symbol}_wide[{len(values)}{f' + step % {len(wide)}u' if len(wide) > 1 else ''}]"
        for part, each in enumerate(wide):
            fields = _fields(call.convolution, each, out, f"wide_{number}_{part}", paired=family.ending == "_pairs")
            values.append(out.struct_value(view, _STRUCT, fields))
        first = f" + {call.first_result}" if call.first_result else ""
        statement = f"{_STRUCT}_line{family.ending}({table}, lines, {out.output()}{first});"
        statements += [f"if ({call.condition}) {{", f"    {statement}", "}"] if call.condition else [statement]
    out.modules.add(f"{_STRUCT}{family.ending}")
    structs = ",\n    ".join(values)
    out.definitions.append(f"static const {_STRUCT} {out.symbol}_wide[{len(values)}] = {{\n    {structs},\n}};")
    declared = replace(out, statements=[], definitions=[])
    lines(view, declared)
    if set(declared.statements) <= set(out.statements):
        out.write(*statements)
        return
    out.definitions += declared.definitions
    out.statements[:] = [*_block(out.statements), *_block([*declared.statements, *statements])]


def _block(statements: Sequence[str]) -> list[str]:
    return ["{", *(f"    {statement}" for statement in statements), "}"]


def _fields(
    convolution: Convolution, wide: _WideChannels, out: FunctionWriter, name: str, *, paired: bool
) -> dict[str, Any]:
    """Of the kernel's struct; stores the constants, whose names begin with ``name``.

    ``paired``: whether of every four weights of a run the first and the third stand before the second and the fourth.
    """
    columns, window = convolution.columns, convolution.window
    joined = _are_joined(convolution, wide)
    segments = convolution_segments(wide.weight, wide.pieces[:, 1].tolist(), window.taps if joined else 1)
    weight = np.concatenate([_in_pairs(segment) if paired else segment for segment in segments], axis=1)
    return {
        "weight": out.constant(f"{name}_weight", weight),
        "bias": out.constant(f"{name}_bias", wide.bias),
        "multiplier": out.constant(f"{name}_multiplier", wide.multiplier),
        "channels": out.constant(f"{name}_channels", np.stack([wide.places, wide.firsts], axis=1).astype(np.uint16)),
        "pieces": out.constant(f"{name}_pieces", wide.pieces.astype(np.uint16)),
        "channel_count": len(wide.places),
        "piece_count": len(wide.pieces),
        "joined": int(joined),
        "input_width": columns.width,
        "output_width": columns.outputs,
        "output_step": convolution.output_step,
        "kernel_height": window.rows,
        "kernel_width": window.taps,
        "stride": columns.stride,
        "dilation": window.dilation,
        "pad_left": columns.before,
        "input_zero_point": convolution.zero_point,
        "output": output_value(*convolution.output),
    }


def _in_pairs(segment: np.ndarray) -> np.ndarray:
    """(C, n) with the second and the third of every four exchanged."""
    fours = segment.shape[1] // 4 * 4
    paired = segment[:, :fours].reshape(len(segment), -1, 4)[:, :, [0, 2, 1, 3]]
    return np.concatenate([paired.reshape(len(segment), fours), segment[:, fours:]], axis=1)
