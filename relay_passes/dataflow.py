"""Straight-line Relax functions as a list of named bindings, and their rewriting in one forward walk.

Every pass of this package works on one function, ``main``, whose body is a sequence of bindings without
control flow. ``Dataflow`` reads it; ``Rewriter`` writes the new one: a pass walks the old bindings in
order, emits what it wants instead and says which new expression stands for each old variable. Names of
bindings, parameters and function attributes survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relax

MAIN = "main"
QUANTIZATION = "tinyseg.quantization"


@dataclass(frozen=True)
class Binding:
    """``var = value``: a call, a tuple, a tuple element or a constant."""

    var: Any
    value: Any

    @property
    def name(self) -> str:
        """The binding's name: the ONNX node's, where it stems from one."""
        return str(self.var.name)


@dataclass(frozen=True)
class Dataflow:
    """One function's parameters, bindings in order, and results.

    Variables bound to other variables are resolved away; ``is_tuple`` says whether the function returns a tuple.
    """

    params: tuple[Any, ...]
    bindings: tuple[Binding, ...]
    results: tuple[Any, ...]
    is_tuple: bool
    attrs: Mapping[str, Any]

    @staticmethod
    def of(function: Any) -> Dataflow:
        """Read a function."""
        aliases: dict[Any, Any] = {}
        bindings: list[Binding] = []
        for block in function.body.blocks if isinstance(function.body, relax.SeqExpr) else ():
            for bound in block.bindings:
                value = resolve(bound.value, aliases)
                if isinstance(value, relax.Var):
                    aliases[bound.var] = value
                else:
                    bindings.append(Binding(bound.var, value))
        body = function.body.body if isinstance(function.body, relax.SeqExpr) else function.body
        body = resolve(body, aliases)
        by_var = {b.var: b.value for b in bindings}
        bundle = by_var.get(body, body)
        is_tuple = isinstance(bundle, relax.Tuple)
        results = tuple(bundle.fields) if is_tuple else (body,)
        if is_tuple:
            bindings = [b for b in bindings if not b.var.same_as(body)]
        attrs = dict(function.attrs.items()) if function.attrs is not None else {}
        return Dataflow(tuple(function.params), tuple(bindings), results, is_tuple, attrs)

    def uses(self) -> dict[Any, list[Binding | None]]:
        """Per variable the bindings that use it, once per use; None stands for a result of the function."""
        found: dict[Any, list[Binding | None]] = {}
        for binding in self.bindings:
            for var in variables(binding.value):
                found.setdefault(var, []).append(binding)
        for result in self.results:
            found.setdefault(result, []).append(None)
        return found


def module_pass(name: str) -> Callable[[Callable[[tvm.IRModule], tvm.IRModule]], Any]:
    """Make a TVM pass ``tinyseg.<name>`` of a function from module to module."""

    def decorate(transform: Callable[[tvm.IRModule], tvm.IRModule]) -> Any:
        def run(module: tvm.IRModule, _context: Any) -> tvm.IRModule:
            return transform(module)

        made = tvm.transform.module_pass(run, opt_level=0, name=f"tinyseg.{name}")
        made.__doc__ = transform.__doc__
        return made

    return decorate


class Rewriter:
    """The new function under construction. ``new`` maps each old variable to its new expression."""

    def __init__(self, old: Dataflow, params: list[Any] | None = None, attrs: Mapping[str, Any] | None = None) -> None:
        self.old = old
        self.builder = relax.BlockBuilder()
        self.params = list(old.params) if params is None else params
        self.attrs = dict(old.attrs if attrs is None else attrs)
        self.new: dict[Any, Any] = dict(zip(old.params, self.params, strict=True))
        self._reserved = {str(v.name) for v in (*old.params, *(b.var for b in old.bindings))}

    def emit(self, value: Any, name: str) -> Any:
        """Bind ``value`` to a new variable and return it; variables and constants are returned as they are."""
        if isinstance(value, (relax.Var, tvm.ir.GenericConst)):
            return value
        return self.builder.emit(value, name_hint=name)

    def derived_name(self, name: str, suffix: str) -> str:
        """A name that no binding of the old function has and that was not given out before."""
        candidate, count = f"{name}_{suffix}", 2
        while candidate in self._reserved:
            candidate, count = f"{name}_{suffix}{count}", count + 1
        self._reserved.add(candidate)
        return candidate

    def derive_quantization(self, name: str, source: str) -> None:
        """Record that the new variable ``name`` has the quantisation of ``source``."""
        known = dict(self.attrs.get(QUANTIZATION, {}))
        if source in known:
            self.attrs[QUANTIZATION] = {**known, name: known[source]}

    def substitute(self, value: Any) -> Any:
        """``value`` with old variables replaced by what stands for them."""
        return resolve(value, self.new)


Rule = Callable[[Rewriter, Binding], Any]
"""Emits what replaces a binding and returns the expression that stands for its variable (None: keep it)."""


def rewrite(
    module: tvm.IRModule,
    rule: Rule,
    *,
    params: Callable[[Dataflow], list[Any]] | None = None,
    results: Callable[[Rewriter], list[Any]] | None = None,
) -> tvm.IRModule:
    """Apply ``rule`` to every binding of ``main`` in order, then drop what no result needs.

    Args:
        module: the module; functions other than ``main`` are kept.
        rule: see Rule.
        params: the new parameters, one per old one; the old ones by default.
        results: the new results, one per old one; by default what stands for the old ones.
    """
    old = Dataflow.of(module[MAIN])
    writer = Rewriter(old, None if params is None else params(old))
    with writer.builder.function(MAIN, writer.params):
        with writer.builder.dataflow():
            for binding in old.bindings:
                value = rule(writer, binding)
                if value is None:
                    value = writer.emit(writer.substitute(binding.value), binding.name)
                writer.new[binding.var] = value
            leaves = [writer.substitute(r) for r in old.results] if results is None else results(writer)
            output = writer.builder.emit_output(relax.Tuple(leaves) if old.is_tuple else leaves[0])
        writer.builder.emit_func_output(output)
    function = writer.builder.get()[MAIN]
    if writer.attrs:
        function = function.with_attrs(writer.attrs)
    return remove_dead_code(_with_main(module, function))


def remove_dead_code(module: tvm.IRModule) -> tvm.IRModule:
    """Drop bindings of ``main`` that no result needs; a single result keeps its own name."""
    old = Dataflow.of(module[MAIN])
    needed = _needed(old)
    builder = relax.BlockBuilder()
    new: dict[Any, Any] = {}
    with builder.function(MAIN, list(old.params)):
        with builder.dataflow():
            for binding in old.bindings:
                if binding.var not in needed:
                    continue
                value = resolve(binding.value, new)
                final = not old.is_tuple and binding.var.same_as(old.results[0])
                emit = builder.emit_output if final else builder.emit
                new[binding.var] = emit(value, name_hint=binding.name)
            leaves = [resolve(r, new) for r in old.results]
            if old.is_tuple:
                output = builder.emit_output(relax.Tuple(leaves))
            elif old.results[0] in new:
                output = leaves[0]
            else:
                output = builder.emit_output(leaves[0])
        builder.emit_func_output(output)
    function = builder.get()[MAIN]
    if old.attrs:
        function = function.with_attrs(dict(old.attrs))
    return _with_main(module, function)


def _needed(flow: Dataflow) -> set[Any]:
    """The variables on which the results depend."""
    needed: set[Any] = set(flow.results)
    for binding in reversed(flow.bindings):
        if binding.var in needed:
            needed.update(variables(binding.value))
    return needed


def variables(value: Any) -> Iterator[Any]:
    """The variables an expression uses, once per use."""
    if isinstance(value, relax.Var):
        yield value
    elif isinstance(value, relax.Call):
        for argument in value.args:
            yield from variables(argument)
    elif isinstance(value, relax.Tuple):
        for field in value.fields:
            yield from variables(field)
    elif isinstance(value, relax.TupleGetItem):
        yield from variables(value.tuple_value)


def shape_of(value: Any) -> tuple[int, ...]:
    """Static shape of a tensor expression."""
    return tuple(int(extent) for extent in value.ty.shape.values)


def dtype_of(value: Any) -> str:
    """Element type name of a tensor expression."""
    return str(value.ty.dtype)


def with_main_attrs(module: tvm.IRModule, attrs: Mapping[str, Any]) -> tvm.IRModule:
    """The module with function attributes added to ``main``."""
    return _with_main(module, module[MAIN].with_attrs(dict(attrs)))


def _with_main(module: tvm.IRModule, function: Any) -> tvm.IRModule:
    functions = {gvar: f for gvar, f in module.functions_items() if gvar.name_hint != MAIN}
    main = module.get_global_var(MAIN)
    return tvm.IRModule({**functions, main: function}, attrs=module.attrs)


def resolve(value: Any, names: Mapping[Any, Any]) -> Any:
    """An expression with variables replaced as ``names`` says."""
    if isinstance(value, relax.Var):
        return names.get(value, value)
    if isinstance(value, relax.Call):
        arguments = [resolve(argument, names) for argument in value.args]
        return relax.Call(value.op, arguments, value.attrs, value.ty_args)
    if isinstance(value, relax.Tuple):
        return relax.Tuple([resolve(field, names) for field in value.fields])
    if isinstance(value, relax.TupleGetItem):
        bundle = resolve(value.tuple_value, names)
        return (
            bundle.fields[value.index] if isinstance(bundle, relax.Tuple) else relax.TupleGetItem(bundle, value.index)
        )
    return value
