"""Rules for what moves codes: reshapes, slices, joins, pads, blocks of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Gather, Lookup, Select
from tinyseg_tvm.operators.arithmetic.tflite_functions import round_half_away
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, shape_of
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import (
    INT8_MAX,
    INT8_MIN,
    UINT8_SHIFT,
    Lower,
    Operand,
    TfliteCall,
    UnsupportedError,
)
from tinyseg_tvm.relay_passes.tflite.tables import CODES


def picked(found: TfliteCall, value: Expr, axis: int, indices: Sequence[int] | np.ndarray) -> Expr:
    """The places of these indices along an axis, of the value's quantisation."""
    call = accepted_call(Select(axis), [value], {"indices": np.asarray(indices, np.int32)})
    return found.rewrite.emit(call, f"{found.name}_axis_{axis}", found.known(value))


def repeated(found: TfliteCall, value: Expr, shape: Sequence[int]) -> Expr:
    """A value of this rank in this shape: axes of one element are repeated."""
    for axis, (extent, wanted) in enumerate(zip(shape_of(value), shape, strict=True)):
        if extent not in (1, wanted):
            raise UnsupportedError(f"{shape_of(value)} does not broadcast to {tuple(shape)}")
        if extent != wanted:
            value = picked(found, value, axis, [0] * wanted)
    return value


def _reshape(found: TfliteCall) -> Expr:
    return found.moved(relax.op.reshape(found.operand().expression, found.result.shape))


def _transpose(found: TfliteCall) -> Expr:
    axes = [int(axis) for axis in found.constant(1, "permutation").reshape(-1)]
    rank = len(found.operand().shape)
    if sorted(axis % max(rank, 1) for axis in axes) != list(range(rank)):
        raise UnsupportedError(f"its permutation {axes} does not fit {rank} dimensions")
    return found.moved(relax.op.permute_dims(found.operand().expression, [axis % rank for axis in axes]))


def _expect_same_quantization(found: TfliteCall, operands: Sequence[Operand]) -> None:
    """Codes are copied: all must stand for the same numbers."""
    wanted = found.result_quantization
    if wanted is None:
        return
    for operand in operands:
        if operand.described.scales.size == 1 and operand.quantization != wanted:
            raise UnsupportedError(
                f"an operand is quantised by {_text(operand.quantization)} and the result by {_text(wanted)}, and its "
                "codes would be copied. Remedy: convert the model anew"
            )


def _text(quantization: Quantization) -> str:
    return f"({quantization.scale:g}, {quantization.zero_point})"


def _concatenation(found: TfliteCall) -> Expr:
    if found.option_name("fused_activation_function") != "NONE":
        raise UnsupportedError("its fused activation is not supported")
    operands = [found.operand(index) for index in range(len(found.operands))]
    if found.result.dtype == "uint8":
        values = [_requantized(found, operand) for operand in operands]
    else:
        _expect_same_quantization(found, operands)
        values = [operand.expression for operand in operands]
    return found.moved(relax.op.concat(values, found.option("axis") % len(found.result.shape)))


def _requantized(found: TfliteCall, operand: Operand) -> Expr:
    """An operand of uint8 in the result's quantisation: a factor in float32, ties away from zero."""
    before, after = operand.quantization, found.result.quantization
    if before == after:
        return operand.expression
    factor = np.float32(np.float32(before.scale) * np.float32(1 / np.float32(after.scale)))
    zero_point = before.zero_point + UINT8_SHIFT
    codes = (CODES + UINT8_SHIFT).astype(np.float32) * factor + np.float32(-zero_point * factor)
    made = np.clip(round_half_away(codes).astype(np.int64) + after.zero_point, INT8_MIN, INT8_MAX)
    return found.emit(Lookup("int8"), [operand.expression], {"table": made.astype(np.int8)})


def _pack(found: TfliteCall) -> Expr:
    operands = [found.operand(index) for index in range(len(found.operands))]
    _expect_same_quantization(found, operands)
    axis = found.option("axis") % len(found.result.shape)
    lifted = [
        found.move(relax.op.expand_dims(operand.expression, axis), f"lifted_{i}", operand)
        for i, operand in enumerate(operands)
    ]
    return found.moved(relax.op.concat(lifted, axis))


def _slice_of(found: TfliteCall, value: Expr, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> Expr:
    """Part of a value, in the result's shape."""
    shape = shape_of(value)
    if tuple(begin) == (0,) * len(shape) and tuple(end) == shape and set(strides) == {1}:
        return found.moved(relax.op.reshape(value, found.result.shape))
    part = relax.op.strided_slice(
        value, axes=list(range(len(shape))), begin=list(begin), end=list(end), strides=list(strides)
    )
    part = found.move(part, "part")
    return found.shaped(part)


def _strided_slice(found: TfliteCall) -> Expr:
    if found.option("ellipsis_mask") or found.option("new_axis_mask") or found.option("offset"):
        raise UnsupportedError("its ellipsis, new axis or offset is not supported")
    shape = found.operand().shape
    begins, ends, strides = (found.constant(index, "bounds").reshape(-1) for index in (1, 2, 3))
    if not len(begins) == len(ends) == len(strides) <= len(shape):
        raise UnsupportedError(f"its bounds do not fit the shape {shape}")
    first, last, step = [0] * len(shape), list(shape), [1] * len(shape)
    turned: dict[int, range] = {}
    for axis, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        if stride == 0:
            raise UnsupportedError(f"its stride along axis {axis} is 0")
        bit = 1 << axis
        if found.option("shrink_axis_mask") & bit:
            first[axis] = int(begin) % shape[axis]
            last[axis] = first[axis] + 1
            continue
        bounds = slice(
            None if found.option("begin_mask") & bit else int(begin),
            None if found.option("end_mask") & bit else int(end),
        )
        taken = range(*slice(bounds.start, bounds.stop, int(stride)).indices(shape[axis]))
        if not taken:
            raise UnsupportedError(f"it takes nothing of axis {axis}")
        if stride < 0:
            turned[axis] = taken
            continue
        first[axis], last[axis], step[axis] = taken.start, taken.stop, int(stride)
    value = found.operand().expression
    for axis, taken in turned.items():
        value = picked(found, value, axis, taken)
        last[axis] = len(taken)
    return _slice_of(found, value, first, last, step)


def _slice(found: TfliteCall) -> Expr:
    shape = found.operand().shape
    begins, sizes = (found.constant(index, "bounds").reshape(-1) for index in (1, 2))
    if not len(begins) == len(sizes) == len(shape):
        raise UnsupportedError(f"its bounds do not fit the shape {shape}")
    ends = [shape[axis] if size < 0 else int(begins[axis]) + int(size) for axis, size in enumerate(sizes)]
    return _slice_of(found, found.operand().expression, [int(begin) for begin in begins], ends, [1] * len(shape))


def _part_along(found: TfliteCall, source: Operand, axis: int, first: int, last: int) -> Expr:
    """Elements ``first`` to before ``last`` of an axis, in the result's shape."""
    part = relax.op.strided_slice(source.expression, axes=[axis], begin=[first], end=[last], strides=[1])
    part = found.move(part, "part", source) if source.shape[axis] != last - first else source.expression
    return found.shaped(part)


def _split(found: TfliteCall) -> Expr:
    source, count = found.operand(1), found.option("num_splits")
    axis = int(found.constant(0, "axis").reshape(-1)[0]) % max(len(source.shape), 1)
    if count < 1 or source.shape[axis] % count:
        raise UnsupportedError(f"{source.shape[axis]} elements do not divide into {count} parts")
    size = source.shape[axis] // count
    return _part_along(found, source, axis, found.item * size, (found.item + 1) * size)


def _split_v(found: TfliteCall) -> Expr:
    source = found.operand()
    sizes = [int(size) for size in found.constant(1, "sizes").reshape(-1)]
    axis = int(found.constant(2, "axis").reshape(-1)[0]) % max(len(source.shape), 1)
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(sizes) - 1
    if min(sizes, default=0) < 0 or sum(sizes) != source.shape[axis] or found.item >= len(sizes):
        raise UnsupportedError(f"the sizes {sizes} do not sum to {source.shape[axis]}")
    first = sum(sizes[: found.item])
    return _part_along(found, source, axis, first, first + sizes[found.item])


def _unpack(found: TfliteCall) -> Expr:
    source = found.operand()
    axis = found.option("axis") % max(len(source.shape), 1)
    return _part_along(found, source, axis, found.item, found.item + 1)


def _padded(found: TfliteCall, value: int | float) -> Expr:
    amounts = found.constant(1, "amounts").reshape(-1, 2)
    if len(amounts) != len(found.operand().shape) or amounts.min(initial=0) < 0:
        raise UnsupportedError(f"its amounts {amounts.tolist()} do not fit {found.operand().shape}")
    flat = [int(amount) for amount in amounts.reshape(-1)]
    if not any(flat):
        return _reshape(found)
    return found.moved(relax.op.nn.pad(found.operand().expression, flat, "constant", float(value)))


def _pad(found: TfliteCall) -> Expr:
    quantization = found.result_quantization
    return _padded(found, 0 if quantization is None else quantization.zero_point)


def _pad_v2(found: TfliteCall) -> Expr:
    return _padded(found, found.constant(2, "value").reshape(-1)[0])


def _mirror_pad(found: TfliteCall) -> Expr:
    """REFLECT does not repeat the border, SYMMETRIC does."""
    shape, amounts = found.operand().shape, found.constant(1, "amounts").reshape(-1, 2)
    symmetric = found.option_name("mode") == "SYMMETRIC"
    if len(amounts) != len(shape) or amounts.min(initial=0) < 0:
        raise UnsupportedError(f"its amounts {amounts.tolist()} do not fit {shape}")
    value = found.operand().expression
    for axis, (before, after) in enumerate(amounts):
        if max(before, after) > shape[axis] - (not symmetric):
            raise UnsupportedError(f"it mirrors {max(before, after)} of {shape[axis]} places of axis {axis}")
        if before or after:
            places = np.pad(
                np.arange(shape[axis]), (int(before), int(after)), mode="symmetric" if symmetric else "reflect"
            )
            value = picked(found, value, axis, [int(place) for place in places])
    return value if any(amounts.reshape(-1)) else _reshape(found)


def _block(found: TfliteCall) -> tuple[int, tuple[int, ...]]:
    size, shape = found.option("block_size"), found.operand().shape
    if len(shape) != 4 or size < 1:
        raise UnsupportedError(f"blocks of {size} do not fit {shape}")
    return size, shape


def _depth_to_space(found: TfliteCall) -> Expr:
    size, (batch, height, width, channels) = _block(found)
    if channels % (size * size):
        raise UnsupportedError(f"{channels} channels do not divide into blocks of {size}")
    parts = found.move(
        relax.op.reshape(found.operand().expression, (batch, height, width, size, size, channels // size**2)), "blocks"
    )
    known = found.result_quantization
    parts = found.rewrite.emit(relax.op.permute_dims(parts, [0, 1, 3, 2, 4, 5]), f"{found.name}_rows", known)
    return found.moved(relax.op.reshape(parts, found.result.shape))


def _space_to_depth(found: TfliteCall) -> Expr:
    size, (batch, height, width, channels) = _block(found)
    if height % size or width % size:
        raise UnsupportedError(f"{height} x {width} pixels do not divide into blocks of {size}")
    shape = (batch, height // size, size, width // size, size, channels)
    parts = found.move(relax.op.reshape(found.operand().expression, shape), "blocks")
    known = found.result_quantization
    parts = found.rewrite.emit(relax.op.permute_dims(parts, [0, 1, 3, 2, 4, 5]), f"{found.name}_pixels", known)
    return found.moved(relax.op.reshape(parts, found.result.shape))


def _tile(found: TfliteCall) -> Expr:
    repeats = [int(count) for count in found.constant(1, "counts").reshape(-1)]
    value = found.operand().expression
    if len(repeats) != len(shape_of(value)):
        raise UnsupportedError(f"its counts {repeats} do not fit {shape_of(value)}")
    for axis, count in enumerate(repeats):
        if count < 1:
            raise UnsupportedError(f"it repeats axis {axis} {count} times")
        if count > 1:
            value = picked(found, value, axis, np.tile(np.arange(shape_of(value)[axis]), count))
    return value


def _broadcast_to(found: TfliteCall) -> Expr:
    _expect_same_quantization(found, [found.operand()])
    return repeated(found, found.padded(found.operand()), found.result.shape)


def _fill(found: TfliteCall) -> Expr:
    """Of a value that is computed; one that is constant was filled in by the frontend."""
    _expect_same_quantization(found, [found.operand(1)])
    return repeated(found, found.padded(found.operand(1)), found.result.shape)


def _reverse(found: TfliteCall) -> Expr:
    rank, value = len(found.operand().shape), found.operand().expression
    for axis in {int(axis) % max(rank, 1) for axis in found.constant(1, "axes").reshape(-1)}:
        value = picked(found, value, axis, np.arange(shape_of(value)[axis])[::-1])
    return value


def _gather(found: TfliteCall) -> Expr:
    source, axis = found.operand(), found.option("axis")
    if source.constant is not None and found.operand(1).constant is None:
        return _rows_of_table(found, source)
    indices = found.constant(1, "indices")
    if found.option("batch_dims"):
        raise UnsupportedError("its batch dimensions are not supported")
    rank = len(source.shape)
    axis %= max(rank, 1)
    chosen = [int(index) for index in indices.reshape(-1)]
    if any(not 0 <= index < source.shape[axis] for index in chosen):
        raise UnsupportedError(f"an index of {chosen} lies outside of {source.shape[axis]} elements of axis {axis}")
    return found.shaped(picked(found, source.expression, axis, chosen))


def _gather_nd(found: TfliteCall) -> Expr:
    """By constant indices (..., K) into the first K axes."""
    source, indices = found.operand(), found.constant(1, "indices")
    depth = indices.shape[-1] if indices.ndim else 0
    outer = source.shape[:depth]
    if not 0 < depth <= len(source.shape) or (indices < 0).any() or (indices >= np.array(outer)).any():
        raise UnsupportedError(f"its indices {indices.shape} leave the shape {source.shape}")
    places = np.ravel_multi_index(tuple(np.moveaxis(indices, -1, 0).reshape(depth, -1)), outer)
    count = int(np.prod(outer, dtype=np.int64))
    flat = found.move(relax.op.reshape(source.expression, (count, *source.shape[depth:])), "places")
    return found.shaped(picked(found, flat, 0, places))


def _embedding_lookup(found: TfliteCall) -> Expr:
    """Operands: indices, the table."""
    _expect_same_quantization(found, [found.operand(1)])
    if found.operand(1).described.dtype != found.result.dtype:
        raise UnsupportedError("its table is of another type than its result. Remedy: convert without dynamic ranges")
    table = found.constant(1, "table")
    return found.shaped(found.emit(Gather(), [found.operand(0).expression], {"table": table}))


def _rows_of_table(found: TfliteCall, source: Operand) -> Expr:
    """Of a constant, by indices that are computed: embeddings."""
    if found.option("batch_dims") or found.option("axis") % max(len(source.shape), 1):
        raise UnsupportedError("rows of a constant are taken along its first axis alone")
    _expect_same_quantization(found, [source])
    return found.emit(Gather(), [found.operand(1).expression], {"table": array_of(source.expression)})


RULES: dict[str, Lower] = {
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _unpack,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "PAD": _pad,
    "PADV2": _pad_v2,
    "MIRROR_PAD": _mirror_pad,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_DEPTH": _space_to_depth,
    "TILE": _tile,
    "BROADCAST_TO": _broadcast_to,
    "FILL": _fill,
    "REVERSE_V2": _reverse,
    "GATHER_ND": _gather_nd,
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "GATHER": _gather,
}
