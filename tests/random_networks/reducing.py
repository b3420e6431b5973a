"""Makes a finding smaller while it stays the same finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.random_networks.cases import Case, Options
from tests.random_networks.growing import Network
from tests.random_networks.judging import Verdict
from tests.random_networks.quantising import Style

TRIALS = 40


def reduced(case: Case, verdict: Verdict, judge: Callable[[Case], Verdict]) -> Case:
    """The smallest case found whose verdict has the same signature."""
    trials = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(case):
            trials += 1
            if trials > TRIALS:
                return case
            if judge(candidate).signature == verdict.signature:
                case, smaller = candidate, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with less of something."""
    yield from _fewer_layers(case)
    yield from _fewer_options(case)
    plain = Style(form=case.style.form, activations=case.style.activations)
    if case.style != plain:
        yield replace(case, style=plain)
    elif case.style.form == "qoperator":
        yield replace(case, style=replace(case.style, form="qdq"))
    elif case.style.form == "qdq":
        yield replace(case, style=Style(), quantisations={})


def _fewer_layers(case: Case) -> Iterator[Case]:
    """One output; an early tensor as the output; a late one as an input in place of all that makes it."""
    network = case.network
    if len(network.outputs) > 1:
        for name in network.outputs:
            yield _with(case, [name], network.inputs)
    made = [name for layer in network.needed(network.outputs) for name in layer.outputs]
    for name in made[:-1]:
        yield _with(case, [name], network.inputs)
    for name in reversed(made):
        if name not in network.outputs and network.values[name].dtype.kind == "f":
            yield _with(case, network.outputs, [*network.inputs, name])
    if len(network.needed(network.outputs)) < len(network.layers):
        yield _with(case, network.outputs, network.inputs)


def _fewer_options(case: Case) -> Iterator[Case]:
    """None, or one less."""
    if case.options != Options({"board": "host"}):
        yield replace(case, options=Options({"board": "host"}))
    for key in case.options.build:
        if key != "board":
            build = {k: v for k, v in case.options.build.items() if k != key}
            yield replace(case, options=replace(case.options, build=build))
    if case.options.ram_share is not None:
        yield replace(case, options=replace(case.options, ram_share=None))


def _with(case: Case, outputs: list[str], inputs: list[str]) -> Case:
    """The case with other outputs and inputs, and of layers only those that are needed."""
    old = case.network
    kept = Network(old.opset, list(inputs), list(outputs), [], old.values, old.constants)
    kept.layers = [layer for layer in old.layers if not set(layer.outputs) <= set(inputs)]
    kept.layers = kept.needed(outputs)
    read = {name for layer in kept.layers for name in layer.inputs}
    kept.inputs = [name for name in inputs if name in read]
    return replace(case, network=kept, name=f"{case.name}-reduced")
