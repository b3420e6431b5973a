"""Converters of the Gather and Scatter families, whose indices never leave their axis.

An index below 0 counts from the end; one outside of its axis is moved to its ends. Constant indices were checked when
the graph was read (indices.py), so that this concerns those that come at run time. One step computes them all, where
TVM's own converters take three and leave what is outside as it is.

Of rows by indices TVM's form stays: where the rows are constant, they become the operator ``gather``, which does
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm
from tvm import relax, te, tirx
from tvm.relax.frontend.onnx import onnx_frontend


def bounded_indices(bb: Any, indices: Any, extents: Sequence[int]) -> Any:
    """Integers of any type with ``extents``, the length of the axis that each points into.

    Args:
        bb: the block builder.
        indices: a constant or a tensor that is known at run time.
        extents: one number for all, or one for each place along the last axis.
    """
    if isinstance(indices, tvm.ir.GenericConst):
        given = indices.value.numpy()
        along = np.array(extents, np.int64)
        inside = np.clip(np.where(given < 0, given + along, given), 0, along - 1).astype(given.dtype)
        return relax.const(inside, given.dtype.name)
    dtype = str(indices.ty.dtype)

    def moved(data: te.Tensor) -> te.Tensor:
        def at(*place: Any) -> Any:
            extent = tirx.const(int(extents[-1]), dtype)
            for coordinate, length in reversed(list(enumerate(extents[:-1]))):
                extent = tirx.Select(place[-1] == coordinate, tirx.const(int(length), dtype), extent)
            index = data(*place)
            if not dtype.startswith("uint"):
                index = tirx.Select(index < 0, index + extent, index)
            return tirx.max(tirx.min(index, extent - 1), tirx.const(0, dtype))

        return te.compute(data.shape, at, name="bounded_indices")

    return bb.emit_te(moved, indices, primfunc_name_hint="bounded_indices")


def _shape(value: Any) -> list[int]:
    return [int(extent) for extent in value.ty.shape]


def _axis(attr: dict[str, Any], data: Any) -> int:
    return int(attr.get("axis", 0)) % max(len(_shape(data)), 1)


class Gather(onnx_frontend.Gather):  # type: ignore[misc]
    """ONNX Gather."""

    @classmethod
    def _impl_v13(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        data, indices = inputs[0], inputs[1]
        axis = _axis(attr, data)
        if axis == 0:
            return super()._impl_v13(bb, inputs, attr, params)
        return relax.op.take(data, bounded_indices(bb, indices, _shape(data)[axis : axis + 1]), axis)


class GatherElements(onnx_frontend.GatherElements):  # type: ignore[misc]
    """ONNX GatherElements."""

    @classmethod
    def _impl_v13(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        axis = _axis(attr, inputs[0])
        indices = bounded_indices(bb, inputs[1], _shape(inputs[0])[axis : axis + 1])
        return relax.op.gather_elements(inputs[0], indices, axis)


class GatherND(onnx_frontend.GatherND):  # type: ignore[misc]
    """ONNX GatherND."""

    @classmethod
    def _impl_v13(cls, bb: Any, inputs: Any, attr: dict[str, Any], _params: Any) -> Any:
        batch = int(attr.get("batch_dims", 0))
        extents = _shape(inputs[0])[batch : batch + _shape(inputs[1])[-1]]
        return relax.op.gather_nd(inputs[0], bounded_indices(bb, inputs[1], extents), batch)


class ScatterElements(onnx_frontend.ScatterElements):  # type: ignore[misc]
    """ONNX ScatterElements in all its versions: TVM's know which reductions they have."""

    @classmethod
    def _bounded(cls, bb: Any, inputs: Any, attr: dict[str, Any]) -> list[Any]:
        axis = _axis(attr, inputs[0])
        return [inputs[0], bounded_indices(bb, inputs[1], _shape(inputs[0])[axis : axis + 1]), inputs[2]]

    @classmethod
    def _impl_v11(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        return super()._impl_v11(bb, cls._bounded(bb, inputs, attr), attr, params)

    @classmethod
    def _impl_v16(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        return super()._impl_v16(bb, cls._bounded(bb, inputs, attr), attr, params)

    @classmethod
    def _impl_v18(cls, bb: Any, inputs: Any, attr: dict[str, Any], params: Any) -> Any:
        return super()._impl_v18(bb, cls._bounded(bb, inputs, attr), attr, params)


class ScatterND(onnx_frontend.ScatterND):  # type: ignore[misc]
    """ONNX ScatterND in all its versions."""

    @staticmethod
    def _normalize_indices(bb: Any, data: Any, indices: Any) -> Any:
        return bounded_indices(bb, indices, _shape(data)[: _shape(indices)[-1]])


INDEXING: dict[str, Any] = {
    "Gather": Gather,
    "GatherElements": GatherElements,
    "GatherND": GatherND,
    "ScatterElements": ScatterElements,
    "ScatterND": ScatterND,
}
