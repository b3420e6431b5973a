"""What the rules of ``float_to_operators`` share: emitting float32 operators, and looking through data movement."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, has_static_shape, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.quantized_operands import to_nchw, to_nhwc
from tinyseg_tvm.relay_passes.rewriting import Rewrite

logger = logging.getLogger(__name__)


def is_float(expression: Expr) -> bool:
    """True for a float32 tensor of static shape."""
    return has_static_shape(expression) and dtype_of(expression) == "float32"


def is_float_call(value: Expr, *operators: str) -> bool:
    """True for a call of one of ``operators`` whose result and first operand, an activation, are float32."""
    if not is_call(value, *operators) or is_constant(value.args[0]):
        return False
    return is_float(value) and is_float(value.args[0])


def emit_operator(
    rewrite: Rewrite, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray], *, name: str
) -> Expr | None:
    """Binds the operator's call to a variable ``name``; None where the operator refuses its operands."""
    try:
        accepted = accepted_call(operator, activations, constants)
    except ValueError as error:
        logger.info("%s is left to the long tail: %s", name, error)
        return None
    return rewrite.emit(accepted, name)


def in_nhwc(
    rewrite: Rewrite,
    operator: Operator,
    activations: Sequence[Expr],
    constants: Mapping[str, np.ndarray],
    *,
    name: str,
    layout: str = "NCHW",
) -> Expr | None:
    """The operator on feature maps of ``layout``, with the transposes it needs; None where it is refused."""
    if layout not in ("NCHW", "NHWC") or any(len(shape_of(a)) != 4 for a in activations):
        return None
    operands = [to_nhwc(rewrite, a, name) if layout == "NCHW" else a for a in activations]
    result = emit_operator(rewrite, operator, operands, constants, name=name)
    return result if result is None or layout == "NHWC" else to_nchw(rewrite, result, name)


def undone(rewrite: Rewrite, path: Sequence[Expr], array: np.ndarray) -> np.ndarray:
    """An array laid over the first of ``path``, moved back to how it lies over the last (``data_movement_above``)."""
    array = np.broadcast_to(array, shape_of(path[0]))
    for moved in path[:-1]:
        movement = rewrite.producing_call(moved, "permute_dims", "reshape")
        assert movement is not None
        if is_call(movement, "permute_dims"):
            rank = array.ndim
            axes = movement.attrs.axes
            order = [int(axis) % rank for axis in axes] if axes is not None else list(reversed(range(rank)))
            array = array.transpose(np.argsort(order))
        else:
            array = array.reshape(shape_of(movement.args[0]))
    return array


def per_channel(array: np.ndarray) -> np.ndarray | None:
    """The last axis of an array that is the same everywhere else, else None."""
    channels = array.reshape(-1, array.shape[-1])
    return np.array(channels[0], np.float32) if bool((channels == channels[0]).all()) else None
