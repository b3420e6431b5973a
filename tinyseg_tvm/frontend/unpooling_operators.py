"""The Relax operators ``image.max_positions`` and ``image.max_unpool2d`` of maps (N, C, H, W).

ONNX says where a maximum lies by its index among all elements of the tensor; here it is its place in the window,
``row * kernel columns + column`` in uint8. Attributes: ``kernel``, ``strides``, ``padding`` (top, left, bottom, right;
of the second top and left alone), and of the second ``extent`` and ``empty``, the value of all other elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relax

POSITIONS, UNPOOL = "relax.image.max_positions", "relax.image.max_unpool2d"


def max_positions(data: Any, kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int]) -> Any:
    """The call."""
    attributes = {"kernel": list(kernel), "strides": list(strides), "padding": list(padding)}
    return relax.Call(tvm.ir.Op.get(POSITIONS), [data], tvm.ir.make_node("ir.DictAttrs", **attributes))


def max_unpool2d(
    data: Any,
    positions: Any,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    extent: Sequence[int],
) -> Any:
    """The call, with 0 as ``empty``."""
    attributes = {"kernel": list(kernel), "strides": list(strides), "padding": list(padding), "extent": list(extent)}
    made = tvm.ir.make_node("ir.DictAttrs", **attributes, empty=0.0)
    return relax.Call(tvm.ir.Op.get(UNPOOL), [data, positions], made)


def _infer_positions(call: Any, _context: object) -> Any:
    shape = list(call.args[0].ty.shape)
    top, left, bottom, right = (int(amount) for amount in call.attrs["padding"])
    for axis, around in ((2, top + bottom), (3, left + right)):
        kernel, stride = int(call.attrs["kernel"][axis - 2]), int(call.attrs["strides"][axis - 2])
        shape[axis] = (int(shape[axis]) + around - kernel) // stride + 1
    return relax.TensorType(shape, "uint8")


def _infer_unpool(call: Any, _context: object) -> Any:
    data = call.args[0].ty
    return relax.TensorType([*list(data.shape)[:2], *(int(extent) for extent in call.attrs["extent"])], data.dtype)


def _register() -> None:
    for name, infer in ((POSITIONS, _infer_positions), (UNPOOL, _infer_unpool)):
        tvm.ir.register_op_attr(name, "FInferType", infer)
        tvm.ir.register_op_attr(name, "FPurity", True)


_register()
