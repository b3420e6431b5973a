"""The engine of the rewriting passes: one forward walk over ``main``, rules that look backwards.

``rewrite_main`` visits the bindings in order, with operands already rewritten, and offers each to the rules in turn.
A rule returns what the binding shall be instead, or None. It may follow producers (``Rewrite.producer``) and emit
further bindings. Bindings that nothing uses any more are dropped at the end, and only then are names given, so a new
binding may take the name of the one that it makes dead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError

logger = logging.getLogger(__name__)

QUANTIZATION_ATTRIBUTE = "tinyseg.quantization"


@dataclass(frozen=True)
class Quantization:
    """Per-tensor quantisation: real value ``(q - zero_point) * scale``; the scale is a float32 value."""

    scale: float
    zero_point: int


class Rewrite:
    """A function under construction: bindings so far, who made what, and what is known of quantisation."""

    def __init__(self) -> None:
        self.bindings: list[tuple[Any, Any]] = []
        self.quantization: dict[Any, Quantization] = {}
        self.memory: dict[Any, Any] = {}  # free for rules: results to share, keyed as they like
        self._values: dict[Any, Any] = {}
        self._names: dict[Any, str] = {}
        self._uses: dict[Any, int] = {}
        self._builder = relax.BlockBuilder()

    def emit(self, value: Any, name: str, quantization: Quantization | None = None) -> Any:
        """Binds ``value`` (operands: variables and constants) to a new variable and returns that.

        Args:
            value: a Relax expression; its type is inferred here.
            name: the wanted name; made unique at the end.
            quantization: of the result, where it is int8 or uint8.
        """
        value = self.typed(value)
        variable = self.bind(relax.DataflowVar(name, value.ty), value)
        if quantization is not None:
            self.quantization[variable] = quantization
        return variable

    def typed(self, value: Any) -> Any:
        """``value`` with its type inferred."""
        return self._builder.normalize(value)

    def bind(self, variable: Any, value: Any) -> Any:
        """Binds ``value``, whose type is known, to ``variable`` and returns that."""
        self.bindings.append((variable, value))
        self._values[variable] = value
        self._names[variable] = variable.name
        self._record_quantization(variable, value)
        return variable

    def producer(self, expression: Any) -> Any:
        """The value bound to a variable; None for parameters and constants."""
        return self._values.get(expression) if isinstance(expression, tvm.ir.Var) else None

    def producing_call(self, expression: Any, *operators: str) -> Any:
        """The call that produced ``expression`` if it is of one of ``operators`` (``relax.`` left out), else None."""
        value = self.producer(expression)
        return value if is_call(value, *operators) else None

    def name(self, expression: Any, default: str = "tensor") -> str:
        """The wanted name of a variable."""
        if not isinstance(expression, tvm.ir.Var):
            return default
        return str(self._names.get(expression, expression.name))

    def uses(self, expression: Any) -> int:
        """How often the function being rewritten used what ``expression`` now stands for; 1 for new bindings."""
        return self._uses.get(expression, 1)

    def stands_for(self, expression: Any, count: int, before: Sequence[Any] = ()) -> None:
        """Says that ``expression`` now stands for an old variable too, one with ``count`` uses.

        ``before`` are the operands of that variable's value: where ``expression`` is among them, these uses are gone.
        """
        if expression in self._uses:
            count += self._uses[expression] - sum(operand.same_as(expression) for operand in before)
        self._uses[expression] = count

    def _record_quantization(self, variable: Any, value: Any) -> None:
        if is_call(value, "quantize", "dequantize"):
            quantization = per_tensor_quantization(value)
            if quantization is not None:
                subject = variable if is_call(value, "quantize") else value.args[0]
                if isinstance(subject, tvm.ir.Var):
                    self.quantization[subject] = quantization


Rule = Callable[[Rewrite, Any, str], Any]
"""``rule(rewrite, value, name)``: a replacement (variable, constant, or expression to bind as ``name``), or None."""


def is_call(value: Any, *operators: str) -> bool:
    """True for a call of one of the Relax ``operators`` (names without the leading ``relax.``)."""
    return (
        isinstance(value, relax.Call)
        and isinstance(value.op, tvm.ir.Op)
        and value.op.name.removeprefix("relax.") in operators
    )


def is_constant(expression: Any) -> bool:
    """True for a tensor constant."""
    return isinstance(expression, tvm.ir.GenericConst)


def array_of(expression: Any) -> np.ndarray:
    """The value of a tensor constant."""
    return np.asarray(expression.value.numpy())


def shape_of(expression: Any) -> tuple[int, ...]:
    """The static shape of an expression with a type."""
    return tuple(int(dimension) for dimension in expression.ty.shape)


def dtype_of(expression: Any) -> str:
    """The element type of an expression with a type."""
    return str(expression.ty.dtype)


def has_static_shape(expression: Any) -> bool:
    """True for a tensor whose every dimension is known."""
    tensor = expression.ty
    return (
        isinstance(tensor, relax.TensorType)
        and tensor.shape is not None
        and isinstance(tensor.shape, relax.ShapeExpr)
        and all(isinstance(dimension, tvm.tirx.IntImm) for dimension in tensor.shape)
    )


def per_tensor_quantization(call: Any) -> Quantization | None:
    """Scale and zero point of a ``quantize`` or ``dequantize`` call with one of each, both constant."""
    if not (is_constant(call.args[1]) and is_constant(call.args[2])):
        return None
    scale, zero_point = array_of(call.args[1]), array_of(call.args[2])
    if scale.size == 0 or zero_point.size == 0 or np.ptp(scale) != 0 or np.ptp(zero_point.astype(np.int64)) != 0:
        return None
    return Quantization(float(np.float32(scale.flat[0])), int(zero_point.flat[0]))


def with_operands(value: Any, operands: Sequence[Any]) -> Any:
    """The same call on other operands; its type is to be inferred anew."""
    return relax.Call(value.op, list(operands), value.attrs, value.ty_args)


def substitute(value: Any, replacement: Callable[[Any], Any]) -> Any:
    """``value`` with every variable in its operands replaced; calls, tuples and tuple items are looked through."""
    if isinstance(value, tvm.ir.Var):
        return replacement(value)
    if isinstance(value, tvm.ir.GenericConst):
        return value
    if isinstance(value, relax.Call):
        operands, changed = _substitute_all(value.args, replacement)
        return relax.Call(value.op, operands, value.attrs, value.ty_args) if changed else value
    if isinstance(value, relax.Tuple):
        fields, changed = _substitute_all(value.fields, replacement)
        return relax.Tuple(fields) if changed else value
    if isinstance(value, relax.TupleGetItem):
        source = value.tuple_value
        moved = substitute(source, replacement)
        return value if moved is source else relax.TupleGetItem(moved, value.index)
    return value


def _substitute_all(values: Any, replacement: Callable[[Any], Any]) -> tuple[list[Any], bool]:
    """Every value substituted, and whether any of them changed."""
    old = list(values)
    new = [substitute(value, replacement) for value in old]
    return new, any(after is not before for before, after in zip(old, new, strict=True))


def variables_of(value: Any) -> list[Any]:
    """The variables among the operands of a value, with repetition."""
    found: list[Any] = []

    def note(variable: Any) -> Any:
        found.append(variable)
        return variable

    substitute(value, note)
    return found


def main_pass(name: str, *rules: Rule) -> Any:
    """The module pass ``tinyseg.<name>`` that applies ``rules`` to ``main``."""

    def transform(module: Any, _context: Any) -> Any:
        return rewrite_main(module, rules)

    return tvm.transform.module_pass(transform, opt_level=0, name=f"tinyseg.{name}")


def rewrite_main(module: Any, rules: Sequence[Rule]) -> Any:
    """Applies ``rules`` to every binding of ``main``, in order, and drops what nothing uses.

    Raises:
        TinySegError: ``main`` is missing or holds control flow.
    """
    function = _main_of(module)
    bindings = [binding for block in function.body.blocks for binding in block.bindings]
    uses = _count_uses(bindings, function.body.body)
    rewrite = Rewrite()
    new: dict[Any, Any] = {}
    known = _decode_quantization(function, bindings)
    for parameter in function.params:
        rewrite.stands_for(parameter, uses.get(parameter, 0))
        if parameter in known:
            rewrite.quantization[parameter] = known[parameter]
    for binding in bindings:
        operands = value = substitute(binding.value, lambda variable: new.get(variable, variable))
        if not _is_bound(value):
            value = _apply(
                rules, rewrite, value if value.same_as(binding.value) else rewrite.typed(value), binding.var.name
            )
        if _is_bound(value):
            result = value
        elif value.same_as(binding.value):
            result = rewrite.bind(binding.var, value)
        else:
            result = rewrite.emit(value, binding.var.name)
        if not result.same_as(binding.var):
            new[binding.var] = result
        rewrite.stands_for(result, uses.get(binding.var, 0), before=variables_of(operands))
        if binding.var in known:
            rewrite.quantization.setdefault(result, known[binding.var])
    result = substitute(function.body.body, lambda variable: new.get(variable, variable))
    rewritten = _finish(rewrite, function, result)
    updated = module.clone() if hasattr(module, "clone") else tvm.IRModule(dict(module.functions.items()), module.attrs)
    updated.update_func(module.get_global_var("main"), rewritten)
    return updated


def _is_bound(value: Any) -> bool:
    return isinstance(value, tvm.ir.Var | tvm.ir.GenericConst)


def _apply(rules: Sequence[Rule], rewrite: Rewrite, value: Any, name: str) -> Any:
    """The first replacement that a rule offers, or ``value``."""
    for rule in rules:
        replacement = rule(rewrite, value, name)
        if replacement is not None:
            return replacement
    return value


def _main_of(module: Any) -> Any:
    names = [variable.name_hint for variable in module.get_global_vars()]
    if "main" not in names or not isinstance(module["main"], relax.Function):
        raise TinySegError("the module has no Relax function 'main'; pass what relay.frontend.from_onnx returned")
    function = module["main"]
    if not isinstance(function.body, relax.SeqExpr):
        function = function.with_body(relax.BlockBuilder().normalize(function.body))
    for block in function.body.blocks:
        for binding in block.bindings:
            if not isinstance(binding, relax.VarBinding) or isinstance(binding.value, relax.If | relax.Function):
                raise TinySegError(
                    f"the function 'main' holds control flow or dynamic shapes at '{binding.var.name}'; "
                    "only static graphs are supported: simplify the model first (constant-fold its conditions)"
                )
    return function


def _count_uses(bindings: Sequence[Any], result: Any) -> dict[Any, int]:
    uses: dict[Any, int] = {}
    for value in [binding.value for binding in bindings] + [result]:
        for variable in variables_of(value):
            uses[variable] = uses.get(variable, 0) + 1
    return uses


def _decode_quantization(function: Any, bindings: Sequence[Any]) -> dict[Any, Quantization]:
    if function.attrs is None or QUANTIZATION_ATTRIBUTE not in function.attrs:
        return {}
    stored = function.attrs[QUANTIZATION_ATTRIBUTE]
    variables = list(function.params) + [binding.var for binding in bindings]
    return {
        variable: Quantization(float(stored[variable.name][0]), int(stored[variable.name][1]))
        for variable in variables
        if variable.name in stored
    }


def _finish(rewrite: Rewrite, old: Any, result: Any) -> Any:
    """The function of the live bindings, with unique names and the quantisation attribute."""
    live = set(variables_of(result))
    kept = []
    for variable, value in reversed(rewrite.bindings):
        if variable in live:
            kept.append((variable, value))
            live.update(variables_of(value))
    kept.reverse()
    outputs = {variable for variable in variables_of(result) if rewrite.producer(variable) is not None}
    names = {parameter.name for parameter in old.params}
    renamed: dict[Any, Any] = {}
    quantization = {}
    for parameter in old.params:
        if parameter in rewrite.quantization:
            known = rewrite.quantization[parameter]
            quantization[parameter.name] = [known.scale, known.zero_point]
    builder = relax.BlockBuilder()
    attributes = dict(old.attrs.items()) if old.attrs is not None else {}
    with builder.function("main", list(old.params)):
        with builder.dataflow():
            for variable, value in kept:
                name = _unique(rewrite.name(variable), names)
                final = _final_variable(variable, name, variable in outputs)
                if not final.same_as(variable):
                    renamed[variable] = final
                moved = substitute(value, lambda operand: renamed.get(operand, operand))
                if not moved.same_as(value):
                    moved = builder.normalize(moved)
                builder.emit_normalized(relax.VarBinding(final, moved))
                if variable in rewrite.quantization:
                    known = rewrite.quantization[variable]
                    quantization[name] = [known.scale, known.zero_point]
            final_result = substitute(result, lambda operand: renamed.get(operand, operand))
            if not outputs:  # a dataflow block must end in an output
                final_result = builder.emit_output(final_result)
        builder.emit_func_output(final_result)
    function = builder.get()["main"]
    attributes[QUANTIZATION_ATTRIBUTE] = quantization
    for key, value in attributes.items():
        function = function.with_attr(key, value)
    return function


def _final_variable(variable: Any, name: str, is_output: bool) -> Any:
    """``variable`` itself where it has the right name and is of the right kind, else a new one."""
    if variable.name == name and isinstance(variable, relax.DataflowVar) != is_output:
        return variable
    return (relax.Var if is_output else relax.DataflowVar)(name, variable.ty)


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate
