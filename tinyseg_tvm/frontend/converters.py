"""Converters that replace TVM's where its result is opaque to Relax passes or wrong.

===========  ==========================================================================================
Clip         ``relax.clip`` (two bounds), ``relax.nn.relu`` (lower bound 0 only), ``relax.maximum`` or
             ``relax.minimum`` with a constant (one bound), instead of two opaque ``call_tir``
Pad          ``relax.nn.pad`` for constant mode, ``relax.take`` along each axis for the others and for what is cut off,
             instead of an opaque ``call_tir``
Tile         ``relax.take`` along each axis
Expand       the same, of the one element of an axis
Resize       ``relax.image.resample2d`` with tables of taps (resample_operator.py), for all modes alike
MaxPool      where its second result is read, ``relax.image.max_positions`` as well (unpooling_operators.py)
MaxUnpool    ``relax.image.max_unpool2d``, whose second operand is such positions
Max, Min     pairwise ``relax.maximum`` and ``relax.minimum``, instead of a stack and a reduction
ConvInteger  ``relax.nn.conv2d`` in int32; TVM has none
Recurrent    ``relax.call_pure_packed("tinyseg.recurrent", ...)``: of rewrites/recurrent.py
CumProd      ``relax.cumprod``, of the reversed operand where the node says so; TVM has none
RoiAlign     half a pixel after the scale, as ONNX has it
BitCast      each element's bits as another type; TVM has none
Gather, ...  with indices that stay inside (indexing_converters.py), and so the rest of that family
===========  ==========================================================================================

The normalised graph guarantees constant bounds as scalars, constant pads of full rank, and no empty operands.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tvm
from onnx import helper
from tvm import relax, te
from tvm.relax.frontend.onnx import onnx_frontend

from tinyseg_tvm.frontend.indexing_converters import INDEXING
from tinyseg_tvm.frontend.resample_operator import resample2d
from tinyseg_tvm.frontend.resampling import same_axis
from tinyseg_tvm.frontend.rewrites.resizes import read_resize
from tinyseg_tvm.frontend.unpooling_operators import max_positions, max_unpool2d

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


def _picked(bb: Any, data: Any, places: Mapping[int, np.ndarray]) -> Any:
    """``data`` with the elements of each axis that ``places`` says, one ``relax.take`` for each that changes."""
    for axis, indices in places.items():
        extent = int(data.ty.shape[axis])
        if not np.array_equal(indices, np.arange(extent)):
            data = bb.normalize(relax.op.take(data, relax.const(indices.astype(np.int32)), axis=axis))
    return data


class Pad(onnx_frontend.Pad):  # type: ignore[misc]
    """ONNX Pad; amounts below 0 cut off. Modes other than constant pick the elements of the map again."""

    @classmethod
    def _lower_pad(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any, _modes: set[str]) -> Any:
        mode = attr.get("mode", b"constant").decode()
        before, after, value = cls._parse_pads_and_axes([*inputs, None][:4], params)
        amounts = [(int(b), int(a)) for b, a in zip(before, after, strict=True)]
        places = {axis: _padded(int(n), *amounts[axis], mode) for axis, n in enumerate(inputs[0].ty.shape)}
        if any(indices.size == 0 for indices in places.values()):
            raise ValueError(f"pads {amounts} leave nothing of {list(inputs[0].ty.shape)}")
        data = _picked(bb, inputs[0], places)
        width = [max(amount, 0) for pair in amounts for amount in pair]
        if mode != "constant" or not any(width):
            return data
        return relax.op.nn.pad(data, width, pad_mode="constant", pad_value=float(value))


def _padded(extent: int, before: int, after: int, mode: str) -> np.ndarray:
    """The places of an axis of ``extent`` elements that its padded form is made of; a constant adds none."""
    kept = np.arange(extent)[max(-before, 0) : extent - max(-after, 0)]
    if mode == "constant" or kept.size == 0:
        return kept
    return np.pad(kept, (max(before, 0), max(after, 0)), mode=mode)  # type: ignore[call-overload, no-any-return]


class Tile(onnx_frontend.Tile):  # type: ignore[misc]
    """ONNX Tile by constant repeats."""

    @classmethod
    def _impl_v13(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        repeats = _constant(inputs[1])
        if repeats is None:
            return super()._impl_v13(bb, inputs, attr, params)
        counts = enumerate(zip(inputs[0].ty.shape, repeats.tolist(), strict=True))
        return _picked(bb, inputs[0], {axis: np.arange(int(n) * int(r)) % int(n) for axis, (n, r) in counts})


class Expand(onnx_frontend.Expand):  # type: ignore[misc]
    """ONNX Expand to a constant shape."""

    @classmethod
    def _impl_v13(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        data, wanted = inputs[0], _constant(inputs[1])
        if wanted is None:
            return super()._impl_v13(bb, inputs, attr, params)
        shape = [int(extent) for extent in data.ty.shape]
        result = np.broadcast_shapes(shape, wanted.tolist())
        if len(result) > len(shape):
            shape = [1] * (len(result) - len(shape)) + shape
            data = bb.normalize(relax.op.reshape(data, shape))
        grown = {axis: np.zeros(n, np.int32) for axis, n in enumerate(result) if shape[axis] == 1 != n}
        return _picked(bb, data, grown)


class Resize(_Base):  # type: ignore[misc]
    """ONNX Resize of the last two axes of a map, as resizes.py spells it; what lies outside of a crop is padded."""

    @classmethod
    def _impl_v18(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        texts = {key: value.decode() if isinstance(value, bytes) else value for key, value in attr.items()}
        shape = [int(extent) for extent in inputs[0].ty.shape]
        operands = [None if value is None else _constant(value) for value in [*list(inputs)[1:4], None, None, None][:3]]
        form = read_resize(shape, texts, *operands)
        tables = form.taps(shape)
        found = [tables.get(axis) or same_axis(shape[axis], form.sampling) for axis in (2, 3)]
        result = resample2d(inputs[0], form.sampling.method, *found)
        if not any((each.before, each.after) != (0, 0) for each in found):
            return result
        width = [0, 0, 0, 0, *(amount for each in found for amount in (each.before, each.after))]
        value = float(attr.get("extrapolation_value", 0.0))
        return relax.op.nn.pad(bb.normalize(result), width, pad_mode="constant", pad_value=value)


class MaxPool(onnx_frontend.MaxPool):  # type: ignore[misc]
    """ONNX MaxPool; its second result is positions in windows, which MaxUnpool below reads."""

    @classmethod
    def _impl_v1(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        result = super()._impl_v1(bb, inputs, attr, params)
        if attr["tvm_custom"]["num_outputs"] == 1:
            return result
        positions = max_positions(inputs[0], *_window(attr))
        return relax.Tuple([bb.normalize(result), bb.normalize(positions)])


class MaxUnpool(_Base):  # type: ignore[misc]
    """ONNX MaxUnpool with the windows of the pool that its positions are of, and a constant shape (windows.py)."""

    @classmethod
    def _impl_v9(cls, _bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        kernel, strides, padding = _window(attr)
        extent = np.asarray(_constant(inputs[2])).tolist()[2:]
        return max_unpool2d(inputs[0], inputs[1], kernel, strides, padding[:2], extent)


def _window(attr: dict[str, Any]) -> tuple[list[int], list[int], list[int]]:
    """Kernel, strides and padding (top, left, bottom, right) as numbers."""
    return tuple([int(number) for number in attr[key]] for key in ("kernel_shape", "strides", "pads"))  # type: ignore[return-value]


class RoiAlign(onnx_frontend.RoiAlign):  # type: ignore[misc]
    """ONNX RoiAlign: half a pixel is taken off behind the scale, where TVM's converter takes it off before."""

    @classmethod
    def _impl(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any, default: bytes) -> Any:
        data, regions, batch = inputs[0], inputs[1], inputs[2]
        transformation = attr.get("coordinate_transformation_mode", default)
        moved = 0.5 - 0.5 / float(attr.get("spatial_scale", 1.0))
        if transformation in (b"half_pixel", "half_pixel") and moved:
            regions = bb.normalize(relax.op.add(regions, relax.const(moved, str(regions.ty.dtype))))
        return super()._impl(bb, [data, regions, batch], attr, params, default)


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


class Recurrent(_Base):  # type: ignore[misc]
    """Our own Recurrent as a call of the packed function ``tinyseg.recurrent``, which a pass replaces."""

    @classmethod
    def _impl_v1(cls, _bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        operands = [name.decode() if isinstance(name, bytes) else str(name) for name in attr["operands"]]
        fields = attr["fields"].decode() if isinstance(attr["fields"], bytes) else str(attr["fields"])
        stated = json.dumps({"operands": operands, "fields": json.loads(fields)})
        given = [value for value in inputs if value is not None]
        kind = relax.TensorType([int(extent) for extent in attr["shape"]], "float32")
        return relax.op.call_pure_packed("tinyseg.recurrent", *given, tvm.ir.StringImm(stated), ty_args=[kind])


class CumProd(_Base):  # type: ignore[misc]
    """ONNX CumProd along a constant axis."""

    @classmethod
    def _impl_v26(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        given = _constant(inputs[1])
        if given is None:
            raise ValueError("its axis is not constant")
        axis = int(given.item())
        reverse = attr.get("reverse", 0) != 0
        data = bb.normalize(relax.op.flip(inputs[0], axis)) if reverse else inputs[0]
        data = bb.normalize(relax.op.cumprod(data, axis, exclusive=attr.get("exclusive", 0) != 0))
        return relax.op.flip(data, axis) if reverse else data


class BitCast(_Base):  # type: ignore[misc]
    """ONNX BitCast to a type of as many bits."""

    @classmethod
    def _impl_v26(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(attr["to"])).name

        source = str(inputs[0].ty.dtype)
        if dtype == source or "bool" in (dtype, source):  # a truth value is a byte of 0 or 1
            return relax.op.astype(inputs[0], dtype)

        def bits(data: te.Tensor) -> te.Tensor:
            return te.compute(data.shape, lambda *place: tvm.tirx.reinterpret(dtype, data(*place)), name="bits")

        return bb.emit_te(bits, inputs[0], primfunc_name_hint="bit_cast")


CONVERTERS: dict[str, Any] = {
    "BitCast": BitCast,
    "Clip": Clip,
    "ConvInteger": ConvInteger,
    "CumProd": CumProd,
    "Max": Max,
    "Min": Min,
    "Pad": Pad,
    "Tile": Tile,
    "Expand": Expand,
    "Resize": Resize,
    "MaxPool": MaxPool,
    "MaxUnpool": MaxUnpool,
    "Recurrent": Recurrent,
    "RoiAlign": RoiAlign,
    **INDEXING,
}
