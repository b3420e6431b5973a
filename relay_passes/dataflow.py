"""The function ``main`` as parameters, named bindings in order, and results: what every pass of this package reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.expressions import Expr, Function, Module, Var, is_bound, substitute, variables_of

MAIN = "main"


@dataclass(frozen=True)
class Binding:
    """``var = value``: a call, an element of a call's tuple or a shape."""

    var: Var
    value: Expr

    @property
    def name(self) -> str:
        """The binding's name: the ONNX node's, where it stems from one."""
        return str(self.var.name)


@dataclass(frozen=True)
class Dataflow:
    """One function's parameters, bindings in order, and results.

    Variables bound to other variables, to constants or to tuples are resolved away. ``is_tuple`` says whether the
    function returns a tuple, and ``bundle`` is the variable that this tuple is bound to, if any.
    """

    params: tuple[Var, ...]
    bindings: tuple[Binding, ...]
    results: tuple[Expr, ...]
    is_tuple: bool
    bundle: Var | None
    attrs: Mapping[str, Any]

    @staticmethod
    def of(module: Module) -> Dataflow:
        """Read ``main``.

        Raises:
            TinySegError: ``main`` is missing or holds control flow.
        """
        function = _main_of(module)
        builder = relax.BlockBuilder()
        aliases: dict[Var, Expr] = {}
        bindings: list[Binding] = []
        for block in function.body.blocks:
            for bound in block.bindings:
                value = substitute(bound.value, lambda var: aliases.get(var, var)) if aliases else bound.value
                if is_bound(value) or isinstance(value, relax.Tuple):
                    aliases[bound.var] = value
                else:
                    bindings.append(
                        Binding(bound.var, value if value.same_as(bound.value) else builder.normalize(value))
                    )
        body = function.body.body
        leaves = substitute(body, lambda var: aliases.get(var, var))
        is_tuple = isinstance(leaves, relax.Tuple)
        return Dataflow(
            params=tuple(function.params),
            bindings=tuple(bindings),
            results=tuple(leaves.fields) if is_tuple else (leaves,),
            is_tuple=is_tuple,
            bundle=body if is_tuple and isinstance(body, relax.Var) else None,
            attrs=dict(function.attrs.items()) if function.attrs is not None else {},
        )

    def readers(self) -> dict[Var, list[Binding | None]]:
        """Per variable the bindings that read it, once per use; None stands for a result of the function."""
        found: dict[Var, list[Binding | None]] = {}
        for binding in self.bindings:
            for var in variables_of(binding.value):
                found.setdefault(var, []).append(binding)
        for result in self.results:
            for var in variables_of(result):
                found.setdefault(var, []).append(None)
        return found


def with_main(module: Module, function: Function) -> Module:
    """The module with another ``main``."""
    updated = module.clone()
    updated.update_func(module.get_global_var(MAIN), function)
    return updated


def with_main_attrs(module: Module, attrs: Mapping[str, object]) -> Module:
    """The module with function attributes added to ``main``."""
    return with_main(module, module[MAIN].with_attrs(dict(attrs)))


def _main_of(module: Module) -> Function:
    names = [variable.name_hint for variable in module.get_global_vars()]
    if MAIN not in names or not isinstance(module[MAIN], relax.Function):
        raise TinySegError("the module has no Relax function 'main'; pass what relay.frontend.from_onnx returned")
    function = module[MAIN]
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
