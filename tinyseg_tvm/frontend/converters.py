"""Converters that replace TVM's where its result is opaque to Relax passes or wrong.

===========  ==========================================================================================
Clip         ``relax.clip`` (two bounds), ``relax.nn.relu`` (lower bound 0 only), ``relax.maximum`` or
             ``relax.minimum`` with a constant (one bound), instead of two opaque ``call_tir``
Pad          ``relax.nn.pad`` for constant mode, instead of an opaque ``call_tir``
Max, Min     pairwise ``relax.maximum`` and ``relax.minimum``, instead of a stack and a reduction
ConvInteger  ``relax.nn.conv2d`` in int32; TVM has none
===========  ==========================================================================================

The normalised graph guarantees constant bounds as scalars, constant pads of full rank, and no empty operands.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import tvm
from tvm import relax
from tvm.relax.frontend.onnx import onnx_frontend

_Base: Any = onnx_frontend.OnnxOpConverter


def _constant(value: Any) -> Any | None:
    return value.value.numpy() if isinstance(value, tvm.ir.GenericConst) else None


class Clip(_Base):  # type: ignore[misc]
    """ONNX Clip with scalar bounds; either may be missing."""

    @classmethod
    def _impl_v11(cls, bb: Any, inputs: Any, _attr: dict[str, Any], _params: Any) -> Any:
        data, low, high = inputs[0], inputs[1], inputs[2]
        values = [_constant(bound) for bound in (low, high)]
        if (low is not None and values[0] is None) or (high is not None and values[1] is None):
            result = data if low is None else bb.normalize(relax.op.maximum(data, low))
            return result if high is None else relax.op.minimum(result, high)
        dtype = str(data.ty.dtype)
        minimum, maximum = (None if value is None or math.isinf(value.item()) else value.item() for value in values)
        if minimum is not None and maximum is not None:
            # ONNX: the upper bound wins where the bounds cross.
            return relax.op.clip(data, tvm.tirx.const(min(minimum, maximum), dtype), tvm.tirx.const(maximum, dtype))
        if minimum == 0:
            return relax.op.nn.relu(data)
        if minimum is not None:
            return relax.op.maximum(data, relax.const(minimum, dtype))
        return data if maximum is None else relax.op.minimum(data, relax.const(maximum, dtype))


class Pad(onnx_frontend.Pad):  # type: ignore[misc]
    """ONNX Pad; the modes other than constant are TVM's."""

    @classmethod
    def _lower_pad(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any, allowed_modes: set[str]) -> Any:
        if attr.get("mode", b"constant") != b"constant":
            return super()._lower_pad(bb, inputs, attr, params, allowed_modes)
        before, after, value = cls._parse_pads_and_axes(inputs, params)
        width = [int(amount) for pair in zip(before, after, strict=True) for amount in pair]
        return relax.op.nn.pad(inputs[0], width, pad_mode="constant", pad_value=float(value))


class Max(_Base):  # type: ignore[misc]
    """ONNX Max, pairwise."""

    @classmethod
    def _impl_v8(cls, bb: Any, inputs: Any, _attr: dict[str, Any], _params: Any) -> Any:
        return functools.reduce(lambda a, b: bb.normalize(relax.op.maximum(a, b)), inputs)


class Min(_Base):  # type: ignore[misc]
    """ONNX Min, pairwise."""

    @classmethod
    def _impl_v8(cls, bb: Any, inputs: Any, _attr: dict[str, Any], _params: Any) -> Any:
        return functools.reduce(lambda a, b: bb.normalize(relax.op.minimum(a, b)), inputs)


class ConvInteger(_Base):  # type: ignore[misc]
    """ONNX ConvInteger as a convolution in int32 of the values without their zero points."""

    @classmethod
    def _impl_v10(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        operands = []
        for value, zero in ((inputs[0], inputs[2]), (inputs[1], inputs[3])):
            wide = bb.normalize(relax.op.astype(value, "int32"))
            if zero is not None:
                offset = bb.normalize(relax.op.astype(zero, "int32"))
                if len(offset.ty.shape) == 1:  # per output channel of the weight
                    offset = bb.normalize(relax.op.reshape(offset, [-1, *[1] * (len(value.ty.shape) - 1)]))
                wide = bb.normalize(relax.op.subtract(wide, offset))
            operands.append(wide)
        return relax.op.nn.conv2d(
            *operands,
            strides=list(attr["strides"]),
            padding=list(attr["pads"]),
            dilation=list(attr["dilations"]),
            groups=attr.get("group", 1),
            out_dtype="int32",
        )


CONVERTERS: dict[str, Any] = {"Clip": Clip, "Pad": Pad, "Max": Max, "Min": Min, "ConvInteger": ConvInteger}
