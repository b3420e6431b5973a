"""Relax expressions: the names of their types, and what a rule asks of one or makes of it.

TVM has no stubs, so to mypy each of these types is any; a reader of a signature sees what it takes and gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeGuard

import numpy as np
import tvm
from tvm import relax

Expr: TypeAlias = relax.Expr
"""Any expression: a variable, a constant, a call, a tuple or an element of one, a shape."""

Var: TypeAlias = relax.Var
"""A parameter or a bound variable."""

Constant: TypeAlias = tvm.ir.GenericConst
"""A tensor constant."""

Call: TypeAlias = relax.Call
"""A call of a Relax operator, of a ``relax.tinyseg`` operator or of a PrimFunc."""

Function: TypeAlias = relax.Function
Module: TypeAlias = tvm.IRModule
Pass: TypeAlias = tvm.transform.Pass
Type: TypeAlias = tvm.ir.Type
"""The type of an expression: a tensor's shape and element type, or a tuple of such."""


def is_call(value: Expr | None, *operators: str) -> TypeGuard[Call]:
    """True for a call of one of the Relax ``operators`` (names without the leading ``relax.``)."""
    return (
        isinstance(value, relax.Call)
        and isinstance(value.op, tvm.ir.Op)
        and value.op.name.removeprefix("relax.") in operators
    )


def is_constant(expression: Expr | None) -> TypeGuard[Constant]:
    """True for a tensor constant."""
    return isinstance(expression, tvm.ir.GenericConst)


def is_variable(expression: Expr | None) -> TypeGuard[Var]:
    """True for a parameter or a bound variable."""
    return isinstance(expression, relax.Var)


def is_bound(expression: Expr) -> bool:
    """True for what needs no binding: a variable or a constant."""
    return is_variable(expression) or is_constant(expression)


def array_of(expression: Constant) -> np.ndarray:
    """The value of a tensor constant."""
    return np.asarray(expression.value.numpy())


def shape_of(expression: Expr) -> tuple[int, ...]:
    """The static shape of an expression with a type."""
    return tuple(int(dimension) for dimension in expression.ty.shape)


def dtype_of(expression: Expr) -> str:
    """The element type of an expression with a type."""
    return str(expression.ty.dtype)


def is_tensor(expression: Expr) -> bool:
    """True for a tensor whose shape, symbolic or not, is known."""
    return isinstance(expression.ty, relax.TensorType) and expression.ty.shape is not None


def has_static_shape(expression: Expr) -> bool:
    """True for a tensor whose every dimension is known."""
    tensor = expression.ty
    return (
        isinstance(tensor, relax.TensorType)
        and tensor.shape is not None
        and isinstance(tensor.shape, relax.ShapeExpr)
        and all(isinstance(dimension, tvm.tirx.IntImm) for dimension in tensor.shape)
    )


def with_operands(value: Call, operands: Sequence[Expr]) -> Call:
    """The same call on other operands; its type is to be inferred anew."""
    return relax.Call(value.op, list(operands), value.attrs, value.ty_args)


def substitute(value: Expr, replacement: Callable[[Var], Expr]) -> Expr:
    """``value`` with every variable in its operands replaced; calls, tuples and tuple items are looked through."""
    if isinstance(value, relax.Var):
        return replacement(value)
    if isinstance(value, relax.Call):
        operands, changed = _substitute_all(value.args, replacement)
        return with_operands(value, operands) if changed else value
    if isinstance(value, relax.Tuple):
        fields, changed = _substitute_all(value.fields, replacement)
        return relax.Tuple(fields) if changed else value
    if isinstance(value, relax.TupleGetItem):
        source = value.tuple_value
        moved = substitute(source, replacement)
        if isinstance(moved, relax.Tuple):
            return moved.fields[value.index]
        return value if moved is source else relax.TupleGetItem(moved, value.index)
    return value


def _substitute_all(values: Iterable[Expr], replacement: Callable[[Var], Expr]) -> tuple[list[Expr], bool]:
    """Every value substituted, and whether any of them changed."""
    old = list(values)
    new = [substitute(value, replacement) for value in old]
    return new, any(after is not before for before, after in zip(old, new, strict=True))


def variables_of(value: Expr) -> list[Var]:
    """The variables among the operands of a value, with repetition."""
    if isinstance(value, relax.Var):
        return [value]
    if isinstance(value, relax.Call):
        operands = value.args
    elif isinstance(value, relax.Tuple):
        operands = value.fields
    else:
        operands = [value.tuple_value] if isinstance(value, relax.TupleGetItem) else []
    return [variable for operand in operands for variable in variables_of(operand)]
