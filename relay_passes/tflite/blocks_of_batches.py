"""Rules for SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND as movements; around a convolution they are dilation, see the pass
``fold_space_to_batch``.
"""

from __future__ import annotations

import math

import numpy as np
from tvm import relax

from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError


def _block(found: TfliteCall, amounts: str) -> tuple[list[int], np.ndarray]:
    """Extents of a block, and the pairs of what is padded or cropped along each of its axes."""
    block = [int(extent) for extent in found.constant(1, "block's shape").reshape(-1)]
    pairs = found.constant(2, amounts).reshape(-1, 2)
    if len(block) != len(pairs) or len(block) + 1 > len(found.operand().shape):
        raise UnsupportedError(f"a block {block} and {amounts} {pairs.tolist()} do not fit {found.operand().shape}")
    if min(block, default=1) < 1 or pairs.min(initial=0) < 0:
        raise UnsupportedError(f"a block {block} or {amounts} {pairs.tolist()} are not positive")
    return block, pairs


def space_to_batch(found: TfliteCall) -> Expr:
    """Pads with the zero point; pixels of a block go to as many maps."""
    block, pads = _block(found, "paddings")
    operand, count = found.operand(), len(block)
    value, known = operand.expression, found.result_quantization
    if pads.any():
        rest = len(operand.shape) - 1 - count
        amounts = [0, 0, *(int(amount) for amount in pads.reshape(-1)), *(0, 0) * rest]
        fill = 0.0 if known is None else float(known.zero_point)
        value = found.move(relax.op.nn.pad(value, amounts, "constant", fill), "padded")
    shape = shape_of(value)
    if any(extent % size for extent, size in zip(shape[1:], block, strict=False)):
        raise UnsupportedError(f"blocks of {block} do not divide {shape}")
    split = [part for extent, size in zip(shape[1:], block, strict=False) for part in (extent // size, size)]
    value = found.move(relax.op.reshape(value, (shape[0], *split, *shape[1 + count :])), "blocks")
    inside = [2 + 2 * axis for axis in range(count)]
    order = [*inside, 0, *(axis - 1 for axis in inside), *range(1 + 2 * count, len(shape_of(value)))]
    value = found.rewrite.emit(relax.op.permute_dims(value, order), f"{found.name}_batches", known)
    return found.moved(relax.op.reshape(value, found.result.shape))


def batch_to_space(found: TfliteCall) -> Expr:
    """The other way round; crops what is outside."""
    block, crops = _block(found, "crops")
    shape, count, known = found.operand().shape, len(block), found.result_quantization
    pixels = math.prod(block)
    if shape[0] % pixels:
        raise UnsupportedError(f"{shape[0]} maps do not divide into blocks of {block}")
    batch = shape[0] // pixels
    value: Expr = found.move(relax.op.reshape(found.operand().expression, (*block, batch, *shape[1:])), "blocks")
    order = [count, *(each for axis in range(count) for each in (count + 1 + axis, axis))]
    order += range(2 * count + 1, len(shape_of(value)))
    value = found.rewrite.emit(relax.op.permute_dims(value, order), f"{found.name}_pixels", known)
    whole = (batch, *(extent * size for extent, size in zip(shape[1:], block, strict=False)), *shape[1 + count :])
    value = found.moved(relax.op.reshape(value, whole))
    if not crops.any():
        return value
    ends = [whole[1 + axis] - int(after) for axis, (_, after) in enumerate(crops)]
    begins = [int(before) for before, _ in crops]
    if any(begin >= end for begin, end in zip(begins, ends, strict=True)):
        raise UnsupportedError(f"crops {crops.tolist()} leave nothing of {whole}")
    axes = list(range(1, 1 + count))
    return found.moved(relax.op.strided_slice(value, axes=axes, begin=begins, end=ends, strides=[1] * count))


RULES: dict[str, Lower] = {"SPACE_TO_BATCH_ND": space_to_batch, "BATCH_TO_SPACE_ND": batch_to_space}
