"""Makes programs of the long tail safe for any values of their operands.

What a program computes addresses and divisions from may be anything: an input, or a damaged model's constant. Whatever
TVM wrote, afterwards

* an index that depends on values is moved to the ends of its axis;
* an integer divided by 0 gives 0, as does the remainder, and the least integer divided by -1 gives itself;
* a shift by the width or more, or by less than 0, leaves what the sign fills: of a negative number to the right -1,
  else 0;
* a float that becomes an integer saturates, and NaN becomes 0. Where places are computed it saturates at 2^30, so that
  a neighbour of a place lies beside it.

Loops are not parallel: the device has one core, and results do not depend on which of two stores came last. Sums,
differences and products that leave their type wrap in the C (codegen/programs/wrapping.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm import ir, tirx

from tinyseg_tvm.relay_passes.expressions import Module

_MOST_PLACE = 1 << 30


def bound_programs(module: Module) -> Module:
    """The module with every PrimFunc safe for any values."""
    functions = {
        variable: bound_program(function) if isinstance(function, tirx.PrimFunc) else function
        for variable, function in module.functions.items()
    }
    return tvm.IRModule(functions, attrs=module.attrs)


def bound_program(function: Any) -> Any:
    """A PrimFunc that reads and writes inside of its buffers alone, and whose arithmetic C defines for all values."""
    most = _MOST_PLACE if _computes_places(function.body) else None
    body = tvm_ffi.structural_map(
        function.body,
        (
            (tirx.BufferStore, _bounded_store),
            (ir.TensorLoad, _bounded_load),
            ((tirx.Div, tirx.FloorDiv), lambda value: _safe_division(value, quotient=True)),
            ((tirx.Mod, tirx.FloorMod), lambda value: _safe_division(value, quotient=False)),
            (tirx.Cast, lambda cast: _saturating(cast, most)),
            ((tirx.LShift, tirx.RShift), _bounded_shift),
            (tirx.For, _one_after_the_other),
        ),
    )
    return tirx.PrimFunc(function.params, body, function.ret_type, function.attrs)


def _one_after_the_other(loop: Any) -> Any:
    """A loop whose turns follow each other, so that of two stores to one place the last one counts."""
    if loop.kind != tirx.ForKind.PARALLEL:
        return loop
    return tirx.For(loop.loop_var, loop.min, loop.extent, tirx.ForKind.SERIAL, loop.body, annotations=loop.annotations)


def _dtype(value: Any) -> np.dtype[Any] | None:
    """The element type of a scalar expression; None for what NumPy lacks, handles and vectors."""
    try:
        return np.dtype(str(value.ty.dtype))
    except (AttributeError, TypeError):
        return None


def _depends_on_values(expression: Any) -> bool:
    found = False

    def see(load: Any) -> Any:
        nonlocal found
        found = True
        return load

    tvm_ffi.structural_map(expression, (ir.TensorLoad, see))
    return found


def _computes_places(body: Any) -> bool:
    """Whether an address depends on values."""
    found = False

    def see(access: Any) -> Any:
        nonlocal found
        found = found or any(map(_depends_on_values, access.indices))
        return access

    tvm_ffi.structural_map(body, ((ir.TensorLoad, tirx.BufferStore), see))
    return found


def _inside(indices: Any, buffer: Any) -> list[Any]:
    """Indices that depend on values, moved to the ends of their axes."""
    return [
        tirx.max(tirx.min(index, tirx.const(int(extent) - 1, str(index.ty.dtype))), tirx.const(0, str(index.ty.dtype)))
        if _depends_on_values(index)
        else index
        for index, extent in zip(indices, buffer.ty.shape, strict=True)
    ]


def _bounded_load(load: Any) -> Any:
    if not any(map(_depends_on_values, load.indices)):
        return load
    return tirx.BufferLoad(load.source, _inside(load.indices, load.source))


def _bounded_store(store: Any) -> Any:
    if not any(map(_depends_on_values, store.indices)):
        return store
    return tirx.BufferStore(store.buffer, store.value, _inside(store.indices, store.buffer))


def _safe_division(value: Any, *, quotient: bool) -> Any:
    """``a / b`` or the remainder, of integers."""
    kind = _dtype(value)
    if kind is None or kind.kind not in "iu" or isinstance(value.b, tirx.IntImm) or not _depends_on_values(value.b):
        return value
    zero, one = tirx.const(0, kind.name), tirx.const(1, kind.name)
    by_zero = value.b == zero
    if kind.kind == "u":
        return tirx.Select(by_zero, zero, type(value)(value.a, tirx.Select(by_zero, one, value.b)))
    by_minus_one = value.b == tirx.const(-1, kind.name)
    divided = type(value)(value.a, tirx.Select(tirx.any(by_zero, by_minus_one), one, value.b))
    reversed_sign = tirx.Mul(value.a, tirx.const(-1, kind.name)) if quotient else zero
    return tirx.Select(by_zero, zero, tirx.Select(by_minus_one, reversed_sign, divided))


def _saturating(cast: Any, most: int | None) -> Any:
    """A float as an integer, moved to the type's limits, or to those from ``-most`` to ``most``."""
    source, target = _dtype(cast.value), _dtype(cast)
    if source is None or target is None or source.kind != "f" or target.kind not in "iu":
        return cast
    limits, x = np.iinfo(target), ir.Var("x", ir.PrimType(source.name))
    low, high = (int(limits.min), int(limits.max)) if most is None else (max(limits.min, -most), min(limits.max, most))
    ends = [tirx.const(float(end), source.name) for end in (low, high)]
    inside = tirx.Cast(target.name, x)
    negative = tirx.Select(x <= ends[0], tirx.const(low, target.name), tirx.const(0, target.name))
    chosen = tirx.Select(x >= ends[1], tirx.const(high, target.name), tirx.Select(x > ends[0], inside, negative))
    return tirx.Let(x, cast.value, chosen)


def _bounded_shift(shift: Any) -> Any:
    """A shift of an integer by any amount. Source: ONNX operator BitShift of set 28."""
    kind, value, amount = _dtype(shift), shift.a, shift.b
    if kind is None or kind.kind not in "iu":
        return shift
    width = 8 * kind.itemsize
    if isinstance(amount, tirx.IntImm) and 0 <= int(amount) < width:
        return shift
    unsigned, wide = f"uint{width}", f"uint{max(width, 32)}"
    amount = tirx.reinterpret(unsigned, amount) if kind.kind == "i" else amount
    outside = amount >= tirx.const(width, unsigned)
    if isinstance(shift, tirx.RShift) and kind.kind == "i":
        by = tirx.Select(outside, tirx.const(width - 1, unsigned), amount)
        return tirx.RShift(value, tirx.reinterpret(kind.name, by))
    by = tirx.Select(outside, tirx.const(0, unsigned), amount)
    if isinstance(shift, tirx.LShift):
        bits = tirx.reinterpret(unsigned, value) if kind.kind == "i" else value
        shifted = tirx.LShift(bits.astype(wide), by.astype(wide)).astype(unsigned)
        shifted = tirx.reinterpret(kind.name, shifted) if kind.kind == "i" else shifted
    else:
        shifted = tirx.RShift(value, by.astype(kind.name))
    return tirx.Select(outside, tirx.const(0, kind.name), shifted)
