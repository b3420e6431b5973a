"""The engine of the rewriting passes: one forward walk over ``main``, rules that look backwards.

``rewrite_main`` visits the bindings in order, with operands already rewritten, and offers each to the rules in turn.
A rule returns what the binding shall be instead, or None. It may follow producers (``Rewrite.producer``), ask who read
an expression in the old function (``Rewrite.readers``) and emit further bindings. A pass may also replace parameters
and results. Bindings that nothing uses any more are dropped at the end, and only then are names given, so a new binding
may take the name of the one that it makes dead. Quantisation is carried by variable; other attributes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, TypeAlias

import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.dataflow import MAIN, Binding, Dataflow, with_main
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    Function,
    Module,
    Pass,
    Var,
    is_bound,
    is_call,
    is_variable,
    substitute,
    variables_of,
)
from tinyseg_tvm.relay_passes.quantization import (
    QUANTIZATION_ATTRIBUTE,
    Quantization,
    per_tensor_quantization,
    quantization_record,
    recorded_quantization,
)


class Rewrite:
    """A function under construction: bindings so far, who made what, and what is known of quantisation."""

    def __init__(self, old: Dataflow, parameters: Sequence[Var] | None = None) -> None:
        self.old = old
        self.parameters = list(old.params if parameters is None else parameters)
        self.attributes: dict[str, Any] = dict(old.attrs)
        self.bindings: list[tuple[Var, Expr]] = []
        self.quantization: dict[Var, Quantization] = {}
        self.memory: dict[Hashable, Any] = {}  # free for rules: results to share, keyed as they like
        self._values: dict[Var, Expr] = {}
        self._names: dict[Var, str] = {}
        readers = old.readers()
        self._readers = {var: readers.get(var, []) for var in (*old.params, *(bound.var for bound in old.bindings))}
        self._builder = relax.BlockBuilder()

    def emit(self, value: Expr, name: str, quantization: Quantization | None = None) -> Var:
        """Binds ``value`` (operands: variables and constants) to a new variable and returns that.

        Args:
            value: a Relax expression; its type is inferred here. A variable or constant is returned as it is.
            name: the wanted name; made unique at the end.
            quantization: of the result, where it is quantised.
        """
        if is_bound(value):
            return value
        value = self.typed(value)
        variable = self.bind(relax.DataflowVar(name, value.ty), value)
        if quantization is not None:
            self.quantization[variable] = quantization
        return variable

    def typed(self, value: Expr) -> Expr:
        """``value`` with its type inferred."""
        return self._builder.normalize(value)

    def bind(self, variable: Var, value: Expr) -> Var:
        """Binds ``value``, whose type is known, to ``variable`` and returns that."""
        self.bindings.append((variable, value))
        self._values[variable] = value
        self._names[variable] = str(variable.name)
        if is_call(value, "quantize", "dequantize"):
            quantization = per_tensor_quantization(value)
            subject = variable if is_call(value, "quantize") else value.args[0]
            if quantization is not None and is_variable(subject):
                self.quantization[subject] = quantization
        return variable

    def producer(self, expression: Expr) -> Expr | None:
        """The value bound to a variable; None for parameters and constants."""
        return self._values.get(expression) if is_variable(expression) else None

    def producing_call(self, expression: Expr, *operators: str) -> Call | None:
        """The call that produced ``expression`` if it is of one of ``operators`` (``relax.`` left out), else None."""
        value = self.producer(expression)
        return value if is_call(value, *operators) else None

    def name(self, expression: Expr, default: str = "tensor") -> str:
        """The wanted name of a variable."""
        return str(self._names.get(expression, expression.name)) if is_variable(expression) else default

    def readers(self, expression: Expr) -> Sequence[Binding | None]:
        """The old bindings that read what ``expression`` stands for, once per use; None is a result of the function."""
        return self._readers.get(expression, ()) if is_variable(expression) else ()

    def uses(self, expression: Expr) -> int:
        """How often the old function used what ``expression`` now stands for; 1 for new bindings."""
        known = is_variable(expression) and expression in self._readers
        return len(self._readers[expression]) if known else 1

    def stands_for(self, expression: Expr, binding: Binding) -> bool:
        """Says that ``expression`` now stands for the variable of an old binding, whose own uses of it are gone.

        True where it stands for no other variable that is still used: it means what that variable meant, which can be
        another quantisation of the same bytes.
        """
        others: list[Binding | None] = []
        if is_variable(expression) and not expression.same_as(binding.var):
            others = [reader for reader in self._readers.get(expression, ()) if reader is not binding]
            self._readers[expression] = others + self._readers[binding.var]
        return not others


Rule: TypeAlias = Callable[[Rewrite, Expr, str], "Expr | None"]
"""``rule(rewrite, value, name)``: a replacement (variable, constant, or expression to bind as ``name``), or None.

What a rule returns stands for the old variable in all that reads it; rules that see its readers before anything else
does may return a variable that is bound nowhere, and must then leave none of its uses.
"""

Results: TypeAlias = Callable[[Rewrite, "list[Expr]"], "list[Expr]"]
"""The new results, one per old one, of what stands for the old ones; may emit bindings and set attributes."""


def module_pass(name: str) -> Callable[[Callable[[Module], Module]], Pass]:
    """Makes a TVM pass ``tinyseg.<name>`` of a function from module to module."""

    def decorate(transform: Callable[[Module], Module]) -> Pass:
        def run(module: Module, _context: object) -> Module:
            return transform(module)

        made = tvm.transform.module_pass(run, opt_level=0, name=f"tinyseg.{name}")
        made.__doc__ = transform.__doc__
        return made

    return decorate


def main_pass(name: str, *rules: Rule) -> Pass:
    """The module pass ``tinyseg.<name>`` that applies ``rules`` to ``main``."""
    return module_pass(name)(lambda module: rewrite_main(module, rules))


def rewrite_main(
    module: Module,
    rules: Sequence[Rule] = (),
    *,
    parameters: Sequence[Var] | None = None,
    results: Results | None = None,
    types_change: bool = False,
) -> Module:
    """Applies ``rules`` to every binding of ``main``, in order, and drops what nothing uses.

    Args:
        module: the module; functions other than ``main`` are kept.
        rules: offered each binding in turn, until one takes it.
        parameters: the new parameters, one per old one; the rules turn what reads an old one that is not among them
            into something that does not.
        results: see Results.
        types_change: rules take values that do not fit the new types of their operands until the rule made them fit;
            they are handed out without a type then.

    Raises:
        TinySegError: ``main`` is missing or holds control flow.
    """
    old = Dataflow.of(module)
    rewrite = Rewrite(old, parameters)
    new: dict[Var, Expr] = {}
    known = recorded_quantization(old.attrs, (*old.params, *(binding.var for binding in old.bindings)))
    for param, parameter in zip(old.params, rewrite.parameters, strict=True):
        if param in known:
            rewrite.quantization[param] = rewrite.quantization[parameter] = known[param]
    for binding in old.bindings:
        value = substitute(binding.value, lambda variable: new.get(variable, variable))
        if not is_bound(value):
            typed = value if types_change or value.same_as(binding.value) else rewrite.typed(value)
            value = _apply(rules, rewrite, typed, binding.name)
        if value.same_as(binding.value):
            result = rewrite.bind(binding.var, value)
        else:
            result = rewrite.emit(value, binding.name)
            new[binding.var] = result
        alone = rewrite.stands_for(result, binding)
        if binding.var in known and (alone or result not in rewrite.quantization):
            rewrite.quantization[result] = known[binding.var]
    leaves = [substitute(result, lambda variable: new.get(variable, variable)) for result in old.results]
    return with_main(module, _finish(rewrite, leaves if results is None else results(rewrite, leaves)))


def _apply(rules: Sequence[Rule], rewrite: Rewrite, value: Expr, name: str) -> Expr:
    """The first replacement that a rule offers, or ``value``."""
    for rule in rules:
        replacement = rule(rewrite, value, name)
        if replacement is not None:
            return replacement
    return value


def _finish(rewrite: Rewrite, results: list[Expr]) -> Function:
    """The function of the live bindings, with unique names and its attributes."""
    old = rewrite.old
    result = relax.Tuple(results) if old.is_tuple else results[0]
    outputs = set() if old.bundle is not None else {v for v in variables_of(result) if rewrite.producer(v) is not None}
    names = {str(parameter.name) for parameter in rewrite.parameters}
    quantization = {str(p.name): rewrite.quantization[p] for p in rewrite.parameters if p in rewrite.quantization}
    final: dict[Var, Var] = {parameter: parameter for parameter in rewrite.parameters}
    builder = relax.BlockBuilder()
    with builder.function(MAIN, rewrite.parameters):
        with builder.dataflow():
            for variable, value in _live(rewrite.bindings, variables_of(result)):
                name = _unique(rewrite.name(variable), names)
                moved = substitute(value, partial(_final, final))
                final[variable] = _final_variable(variable, name, variable in outputs)
                moved = moved if moved.same_as(value) else builder.normalize(moved)
                builder.emit_normalized(relax.VarBinding(final[variable], moved))
                if variable in rewrite.quantization:
                    quantization[name] = rewrite.quantization[variable]
            result = substitute(result, partial(_final, final))
            if not outputs:  # a dataflow block must end in an output
                result = builder.emit_output(result, _unique("gv" if old.bundle is None else old.bundle.name, names))
        builder.emit_func_output(result)
    function = builder.get()[MAIN]
    for key, value in {**rewrite.attributes, QUANTIZATION_ATTRIBUTE: quantization_record(quantization)}.items():
        function = function.with_attr(key, value)
    return function


def _live(bindings: Sequence[tuple[Var, Expr]], used: Sequence[Var]) -> list[tuple[Var, Expr]]:
    """The bindings that ``used`` depends on, in order."""
    live, kept = set(used), []
    for variable, value in reversed(bindings):
        if variable in live:
            kept.append((variable, value))
            live.update(variables_of(value))
    return kept[::-1]


def _final(final: dict[Var, Var], variable: Var) -> Var:
    if variable not in final:
        raise TinySegError(f"internal: a rewriting pass left {variable.name!r} unbound; please report this model")
    found = final[variable]
    return variable if found.same_as(variable) else found


def _final_variable(variable: Var, name: str, is_output: bool) -> Var:
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
