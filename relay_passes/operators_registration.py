"""Registers ``relax.tinyseg.<kind>`` for every operator class, and converts between calls and dataclasses.

Importing this module registers type inference (the dataclass' ``infer``), purity, and the TVMScript names
``R.tinyseg.<kind>(*operands, **fields)``, so that modules print and parse.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, TypeGuard

import numpy as np
import tvm
import tvm.script.parser.relax
import tvm.script.relax
import tvm_ffi
from tvm import relax

from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.operators import OPERATORS, Operator, TensorType, arithmetic
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Type

PREFIX = "relax.tinyseg."
_PLAIN = (bool, int, float, str)


def call(operator: Operator, *operands: Expr) -> Call:
    """The Relax call of ``operator`` on Relax expressions: activations first, then constants by ``constant_names``."""
    attributes = tvm.ir.make_node("ir.DictAttrs", **operator.to_attributes())
    return relax.Call(tvm.ir.Op.get(PREFIX + operator.kind), list(operands), attributes)


def accepted_call(operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray]) -> Call:
    """The call on activations and constants by name.

    Raises:
        ValueError: the operator refuses its operands.
    """
    inputs = [tensor_type(activation.ty) for activation in activations]
    operator.infer(inputs, {name: TensorType(array.shape, str(array.dtype)) for name, array in constants.items()})
    operator.check(inputs, constants)
    return call(operator, *activations, *(stored(constants[name]) for name in operator.constant_names))


def stored(array: np.ndarray) -> Expr:
    """The Relax constant of an array; its type is named, without which TVM halves integers of 64 bits."""
    return relax.const(np.asarray(array, order="C"), str(array.dtype))


def is_operator_call(expression: Expr | None) -> TypeGuard[Call]:
    """True for a call of a ``relax.tinyseg`` operator."""
    return (
        isinstance(expression, relax.Call)
        and isinstance(expression.op, tvm.ir.Op)
        and expression.op.name.startswith(PREFIX)
    )


def operator_of(expression: Call) -> Operator:
    """The dataclass that ``expression``, a ``relax.tinyseg`` call, was made of."""
    return _operator(expression.op.name, expression.attrs)


@lru_cache(maxsize=4096)  # passes hand attributes on from call to call, and every inference asks again
def _operator(name: str, attributes: tvm.ir.DictAttrs) -> Operator:
    operator_class = OPERATORS[name.removeprefix(PREFIX)]
    readers = _field_readers(operator_class)
    return operator_class(**{name: readers[name](value) for name, value in attributes.items() if name in readers})


@cache
def _field_readers(operator_class: type[Operator]) -> dict[str, Callable[[Any], Any]]:
    """What makes an attribute a dataclass field, by name."""
    hints = typing.get_type_hints(operator_class)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(typing.cast(Any, operator_class))}


def activations_of(expression: Call) -> list[Expr]:
    """The activation operands of a ``relax.tinyseg`` call."""
    return list(expression.args)[: len(expression.args) - len(operator_of(expression).constant_names)]


def constants_of(expression: Call) -> dict[str, np.ndarray]:
    """The constant operands (NumPy arrays) of a ``relax.tinyseg`` call by name."""
    names = operator_of(expression).constant_names
    arguments = list(expression.args)[len(expression.args) - len(names) :]
    return {name: argument.value.numpy() for name, argument in zip(names, arguments, strict=True)}


def tensor_type(relax_type: Type) -> TensorType:
    """The static ``TensorType`` of a Relax tensor type; ValueError where the shape is symbolic or unknown."""
    if not isinstance(relax_type, relax.TensorType) or relax_type.shape is None:
        raise ValueError(f"a tensor of static shape is needed, not {relax_type}")
    shape = []
    for dimension in relax_type.shape:
        if not isinstance(dimension, tvm.tirx.IntImm):
            raise ValueError(f"the dimension {dimension} is not static")
        shape.append(int(dimension))
    return TensorType(tuple(shape), str(relax_type.dtype))


def _reader(annotation: Any) -> Callable[[Any], Any]:
    if typing.get_origin(annotation) is tuple:
        element = typing.get_args(annotation)[0]
        return lambda value: tuple(map(element, value))
    if annotation in _PLAIN:
        return typing.cast(Callable[[Any], Any], annotation)
    return lambda value: arithmetic.from_attributes(dict(value.items()))


def _infer(expression: Call, _context: object) -> Type:
    """FInferType of all operators: the dataclass' own ``infer`` on the operands' types."""
    operator = operator_of(expression)
    types = [tensor_type(argument.ty) for argument in expression.args]
    split = len(types) - len(operator.constant_names)
    results = operator.infer(types[:split], dict(zip(operator.constant_names, types[split:], strict=True)))
    relax_types = [relax.TensorType(result.shape, result.dtype) for result in results]
    return relax_types[0] if len(relax_types) == 1 else relax.TupleType(relax_types)


def _script_constructor(kind: str) -> Callable[..., Call]:
    def construct(*operands: Expr, **fields: object) -> Call:
        return relax.Call(tvm.ir.Op.get(PREFIX + kind), list(operands), tvm.ir.make_node("ir.DictAttrs", **fields))

    construct.__name__ = kind
    return construct


def _register() -> None:
    constructors = {}
    for kind in OPERATORS:
        tvm.ir.register_op_attr(PREFIX + kind, "FInferType", _infer)
        tvm.ir.register_op_attr(PREFIX + kind, "FPurity", True)
        constructors[kind] = _script_constructor(kind)
    for error in (TinySegError, UsageError, DoesNotFitError):
        tvm_ffi.register_error(error)  # raised in a pass, they reach the caller as what they are
    namespace = SimpleNamespace(**constructors)
    tvm.script.relax.tinyseg = namespace
    tvm.script.parser.relax.tinyseg = namespace


_register()
