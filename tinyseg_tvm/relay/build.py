"""``relay.build``: from an imported module to a planned network."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinyseg_tvm import codegen, relay_passes
from tinyseg_tvm.codegen.tuning_records import TuningRecords
from tinyseg_tvm.compiler.channel_blocks import plan_in_blocks
from tinyseg_tvm.compiler.objective import merit
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.situation import situation_of
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.planner.validator import validate
from tinyseg_tvm.relay.factory import Factory
from tinyseg_tvm.relay.target import parse_target
from tinyseg_tvm.relay_passes.annotate_liveness import annotate_liveness
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.relay_passes.remove_unused_channels import removed_channels

WORTH_ITS_RAM = 0.05
"""Share of multiply-accumulates from which channels without a part in the results go whatever that does to the
plan, for lines of another width make another one, which may take more RAM."""


def build(
    mod: Any,
    target: object = "c -tinyseg",
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    progress: Progress | None = None,
    records: TuningRecords | None = None,
) -> Factory:
    """Lowers, plans and validates a module.

    Args:
        mod: Relax module of ``relay.frontend.from_onnx`` (or any Relax module with a function ``main``), or the pair
            (module, parameters) that it returns.
        target: a string such as ``"c -tinyseg -mcpu=cortex-m4 -ram=64K"``, a TVM target made from one of
            the registered tags, or ``BuildOptions``.
        params: values of parameters that the module does not hold itself.
        name: of the C library; the module's own name by default.
        progress: told of the planner's progress.
        records: of the tuner, in place of the file that the target names.

    Raises:
        UsageError: an argument of another type, records of another core, an option that does not exist or contradicts
            another.
        DoesNotFitError: no plan within the RAM limit.
        TinySegError: a model that cannot be lowered.
    """
    mod, params = _module_and_parameters(mod, params)
    options = target if isinstance(target, BuildOptions) else parse_target(target)
    situation = situation_of(options, records)
    integer = relay_passes.integer_pipeline()(_bound(mod, params))
    module = relay_passes.layout_pipeline(options.io_type, keep_dead=options.keep_dead)(integer)
    identifier = codegen.project_identifier(name or _attribute(mod, "tinyseg.model_name", "network"))
    lowered = LoweredModule.of(module, identifier)
    planned = plan_in_blocks(lowered, situation, progress)
    removed = removed_channels(module)
    if removed is not None and removed.share < WORTH_ITS_RAM and options.objective != "speed":
        kept = LoweredModule.of(relay_passes.layout_pipeline(options.io_type, keep_dead=True)(integer), identifier)
        with contextlib.suppress(DoesNotFitError):
            whole = plan_in_blocks(kept, situation, progress)
            if merit(whole, situation) < merit(planned, situation):
                lowered, planned = kept, whole
    planned = replace(planned, decided=planned.decided.after(annotate_liveness))
    validate(planned.problem, planned.plan)
    return Factory(
        name=planned.network.name,
        situation=situation,
        lowered=lowered,
        planned=planned,
        integer=integer,
        model_hash=_attribute(mod, "tinyseg.model_hash", ""),
    )


def _module_and_parameters(mod: object, params: object) -> tuple[Any, Mapping[str, Any]]:
    """The module and its parameters, from either of the two forms of ``build``."""
    import tvm

    if isinstance(mod, tuple | list):
        if len(mod) != 2:
            raise UsageError(f"build: a pair (module, parameters) is needed, not {len(mod)} values")
        if params:
            raise UsageError("build: parameters are given twice, in the pair and as params")
        mod, params = mod
    if not isinstance(mod, tvm.IRModule):
        what = f"not {type(mod).__name__}"
        remedy = 'import a model first: build(from_onnx("net.onnx"), target)'
        raise UsageError(
            f"build: a Relax module or the pair (module, parameters) of from_onnx is needed, {what}; {remedy}"
        )
    if "main" not in {str(variable.name_hint) for variable in mod.get_global_vars()}:
        raise UsageError("build: the module has no function 'main'")
    if params is not None and not isinstance(params, Mapping):
        raise UsageError(f"build: params is a mapping from parameters to arrays, not {type(params).__name__}")
    return mod, params or {}


def _bound(mod: Any, params: Mapping[str, Any]) -> Any:
    """The module with parameter values bound: ``params`` as detached by TVM (function name to list) or by name.

    Raises:
        TinySegError: a name that is no parameter of ``main``, too many arrays, or one of another shape.
    """
    from tvm import relax

    parameters = {parameter.name: parameter for parameter in mod["main"].params}
    names = list(parameters)
    values = {key: value for key, value in params.items() if not isinstance(value, list | tuple)}
    for arrays in (value for value in params.values() if isinstance(value, list | tuple)):
        if len(arrays) > len(names):
            raise TinySegError(f"params: {len(arrays)} arrays for the {len(names)} parameters of 'main'")
        values |= dict(zip(names[len(names) - len(arrays) :], arrays, strict=True))
    for name, value in values.items():
        if name not in parameters:
            raise TinySegError(f"params: 'main' has no parameter {name!r}; it has {', '.join(names) or 'none'}")
        expected = getattr(parameters[name].ty, "shape", None)
        given = tuple(int(extent) for extent in value.shape)
        if isinstance(expected, relax.ShapeExpr) and given != tuple(int(extent) for extent in expected.values):
            raise TinySegError(f"params: {name!r} has the shape {given}, 'main' takes {expected}")
    return relax.transform.BindParams("main", values)(mod) if values else mod


def _attribute(mod: Any, key: str, default: str) -> str:
    return str(mod.attrs[key]) if mod.attrs and key in mod.attrs else default
