"""From a network and its plan to the files of a C project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jinja2
import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.library.context import context_bytes
from tinyseg_tvm.codegen.library.fast_memory import (
    FastContents,
    FastSpace,
    fill_fast_memories,
    hot_constants,
    hot_kernels,
)
from tinyseg_tvm.codegen.library.generation import Generation
from tinyseg_tvm.codegen.library.metadata import project_metadata
from tinyseg_tvm.codegen.library.operator_functions import (
    OperatorFunction,
    node_function,
    sink_function,
    source_function,
    update_function,
)
from tinyseg_tvm.codegen.library.own_names import under_own_names
from tinyseg_tvm.codegen.library.rules import rule_macros, runtime_copies
from tinyseg_tvm.codegen.library.schedule import ScheduleTable, schedule_table
from tinyseg_tvm.codegen.library.shared_names import runtime_version, under_shared_names
from tinyseg_tvm.codegen.memories.placement import pool_member, tensor_addresses
from tinyseg_tvm.codegen.memories.storage_layout import storage_regions
from tinyseg_tvm.codegen.programs.long_tail import long_tail_files
from tinyseg_tvm.codegen.text.c_text import C_TYPES, c_array, c_float
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names, comment_text, project_identifier
from tinyseg_tvm.codegen.text.runtime_files import header_of, include_path
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.images import image_of
from tinyseg_tvm.network.network import Network, Port, State
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem

METADATA_VERSION = 1
_MOST_STEPS = 65535  # of one operator: the context counts them in uint16_t


def tool_version() -> str:
    """Version of this package."""
    try:
        return version("tinyseg-tvm")
    except PackageNotFoundError:
        return "unknown"


def generate(
    network: Network,
    problem: Problem,
    plan: Plan,
    *,
    name: str,
    core: Core,
    io: IoMode,
    metadata: Mapping[str, Any],
    fast: Sequence[FastSpace] = (),
    shared_runtime: bool = False,
) -> dict[str, bytes]:
    """The library's files: relative path to content. The same arguments give the same bytes.

    Args:
        network: the lowered network.
        problem: its planning problem (numbering: see network/problem.py).
        plan: a validated plan of the problem.
        name: the project's name; becomes the prefix of everything exported (``project_identifier``).
        core: the core that kernels are chosen for.
        io: "resident" or "line", as the problem was made.
        metadata: what else metadata.json states (model hash, options); plain values.
        fast: fast memories for copies of hot kernels and constants.
        shared_runtime: whether programs of several networks shall have one copy of the runtime's kernels.

    Raises:
        TinySegError: a node has no kernel, or exceeds a limit of the generated code.
    """
    generation = _generation(network, problem, plan, name, core, io)
    functions = _functions(generation)
    contents = _fast_contents(generation, functions, fast)
    table = schedule_table(plan.steps, len(problem.operators))
    described = project_metadata(generation, functions, table)
    if fast:
        described["fast"] = [content.as_metadata() for content in contents]
    tool = {"name": "tinyseg-tvm", "version": tool_version()}
    sources = _sources(generation, functions, table, name, shared_runtime)
    sources[f"weights/{generation.name}.S"] = generation.constants.assembler(
        generation.name, frozenset(symbol for content in contents for symbol in content.weights)
    )
    sources["metadata.json"] = (
        json.dumps({"version": METADATA_VERSION, "tool": tool, **metadata, **described}, indent=2, sort_keys=True)
        + "\n"
    )
    files = {path: text.encode("ascii") for path, text in sources.items()}
    files[f"weights/{generation.name}.bin"] = generation.constants.binary()
    return dict(sorted(files.items()))


def fast_contents(
    network: Network, problem: Problem, plan: Plan, *, name: str, core: Core, io: IoMode, fast: Sequence[FastSpace]
) -> tuple[FastContents, ...]:
    """What ``generate`` with these arguments puts into the fast memories."""
    if not fast:
        return ()
    generation = _generation(network, problem, plan, name, core, io)
    return _fast_contents(generation, _functions(generation), fast)


def _generation(network: Network, problem: Problem, plan: Plan, name: str, core: Core, io: IoMode) -> Generation:
    _check(network, problem, plan, io)
    prefix = project_identifier(name)
    names = _reserved_names(prefix)
    return Generation(
        network,
        problem,
        plan,
        core,
        io,
        prefix,
        names,
        ConstantPool(names),
        tensor_addresses(network, plan),
        storage_regions(network),
    )


def _fast_contents(
    generation: Generation, functions: Sequence[OperatorFunction], fast: Sequence[FastSpace]
) -> tuple[FastContents, ...]:
    kernels, constants = hot_kernels(generation, functions), hot_constants(generation, functions)
    return fill_fast_memories(fast, kernels, constants, generation.core)


def _check(network: Network, problem: Problem, plan: Plan, io: IoMode) -> None:
    """Raises TinySegError where the plan exceeds what the driver can count."""
    expected = len(network.nodes) + (len(network.inputs) + len(network.outputs) if io == "line" else 0)
    expected += len(network.states)
    if len(problem.operators) != expected or len(plan.placements) != len(network.tensors):
        raise AssertionError("the problem and the plan are not of this network and this kind of input and output")
    for operator in problem.operators:
        if operator.steps > _MOST_STEPS:
            raise TinySegError(
                f"operator {operator.name!r} runs in {operator.steps} steps, and the driver counts to {_MOST_STEPS}: "
                "use maps with fewer lines, or stream along the other axis"
            )


def _reserved_names(identifier: str) -> Names:
    own = (
        "init reset run begin begin_run step progress place loop io context status observe set_pool weights_begin "
        "arena_size_fits context_size_is_stated write_image read_image stream begin_stream push_line"
    )
    return Names(tuple(f"{identifier}_{word}" for word in own.split()))


def _functions(generation: Generation) -> list[OperatorFunction]:
    """Functions of the problem's operators, in order."""
    network = generation.network
    nodes = [node_function(generation, index) for index in range(len(network.nodes))]
    updates = [update_function(generation, k) for k in range(len(network.states))]
    if generation.io == "resident":
        return [*nodes, *updates]
    sources = [source_function(generation, k) for k in range(len(network.inputs))]
    return [*sources, *nodes, *(sink_function(generation, k) for k in range(len(network.outputs))), *updates]


def _port(generation: Generation, port: Port, macro: str) -> dict[str, Any]:
    """What the header says about a port."""
    tensor = generation.network.tensors[port.tensor]
    placement = generation.placement(port.tensor)
    resident = generation.io == "resident"
    if resident and placement.pool != 0:
        raise TinySegError(f"port {port.name!r} is placed outside the arena, where resident ports must be")
    shape = "x".join(map(str, tensor.type.shape)) or "scalar"
    return {
        "macro": f"{generation.upper}_{macro}",
        "comment": comment_text(f"{macro.lower()}, {port.name}: {tensor.type.dtype} {shape}"),
        "ctype": C_TYPES[tensor.type.dtype],
        "bytes": tensor.type.bytes,
        "lines": tensor.type.lines,
        "line_bytes": tensor.type.line_bytes,
        "offset": placement.offsets[0] if resident else None,
        "scale": None if tensor.scale is None else c_float(tensor.scale),
        "zero_point": tensor.zero_point or 0,
        "image": image_of(generation.network, port),
        "delay": port.delay,
    }


def _state(generation: Generation, state: State) -> dict[str, Any]:
    """What the driver says about a state: where it is, and what it is at first."""
    placement = generation.placement(state.input.tensor)
    data = np.frombuffer(state.initial.tobytes(), np.uint8)
    alike = bool((data == data[0]).all())
    return {
        "comment": comment_text(f"{state.name}: {state.initial.dtype} {'x'.join(map(str, state.initial.shape))}"),
        "memory": pool_member(placement.pool),
        "offset": placement.offsets[0],
        "bytes": data.size,
        "fill": int(data[0]),
        "initial": "" if alike else c_array(data),
    }


def _sources(
    generation: Generation,
    functions: list[OperatorFunction],
    table: ScheduleTable,
    model: str,
    shared_runtime: bool,
) -> dict[str, str]:
    """All text files but metadata.json."""
    name, network, plan = generation.name, generation.network, generation.plan
    modules = {module for function in functions for module in function.modules}
    further_pools = zip(generation.problem.pools[1:], plan.pool_bytes[1:], strict=True)
    long_tail = long_tail_files(
        name,
        [source for function in functions for source in function.sources],
        sorted({header_of(module) for function in functions if function.sources for module in function.modules}),
    )
    values = {
        "name": name,
        "upper": generation.upper,
        "version": tool_version(),
        "shared_runtime": runtime_version() if shared_runtime else "",
        "comment": comment_text(model),
        "io_lines": int(generation.io == "line"),
        "functions": [f.function for f in functions],
        "operators": functions,
        "headers": [
            *sorted({include_path(header_of(m)) for m in modules}),
            *sorted(p[4:] for p in long_tail if p.endswith(".h")),
        ],
        "steps": len(plan.steps),
        "arena_bytes": max(plan.pool_bytes[0], 1),
        "context_bytes": context_bytes(generation.problem, generation.storages),
        "pools": [{"name": comment_text(pool.name), "bytes": max(size, 1)} for pool, size in further_pools],
        "weights_bytes": generation.constants.size,
        "storages": [{"name": comment_text(s.name), "region": s} for s in generation.storages],
        "inputs": [_port(generation, port, f"INPUT{k}") for k, port in enumerate(network.inputs)],
        "outputs": [_port(generation, port, f"OUTPUT{k}") for k, port in enumerate(network.outputs)],
        "states": [_state(generation, state) for state in network.states],
        "endless": network.endless,
        "rounds": max((-(-(p.delay or 0) // network.tensors[p.tensor].type.lines) for p in network.outputs), default=0),
        "tensors": list(generation.addresses.values()),
        "table": table,
        "schedule_text": _schedule_text(table),
    }
    files = {
        f"include/{name}.h": _render("network.h.jinja", values),
        f"src/{name}.c": _render("network.c.jinja", values),
        f"src/{name}_operators.h": _render("operators.h.jinja", values),
        f"src/{name}_operators.c": _render("operators.c.jinja", values),
        f"src/{name}_placement.h": _render("placement.h.jinja", values),
        f"src/{name}_weights.h": generation.constants.c_header(name),
        f"src/{name}_weights.c": generation.constants.c_source(name),
        **long_tail,
    }
    if generation.io == "resident":
        files[f"src/{name}_images.c"] = _render("images.c.jinja", values)
        if network.endless:
            files[f"src/{name}_stream.c"] = _render("stream.c.jinja", values)
    macros = rule_macros(network)
    copies = runtime_copies(modules, macros)
    copies = under_shared_names(copies, macros) if shared_runtime else under_own_names(copies, name)
    return files | {f"runtime/{file}": text for file, text in copies.items()}


def _schedule_text(table: ScheduleTable) -> str:
    """Entries as C, one loop level per indentation."""
    lines: list[str] = []
    line = ""
    depth = 0
    for code, count in table.entries:
        if code >= table.begin:
            depth -= code == table.end
            if line:
                lines.append(line)
            lines.append(
                "    " * (depth + 1) + f"{{{code}, {count}}}, /* {'loop' if code == table.begin else 'end'} */"
            )
            line = ""
            depth += code == table.begin
            continue
        text = f"{{{code}, {count}}},"
        if not line or len(line) + len(text) > 110:
            if line:
                lines.append(line)
            line = "    " * (depth + 1) + text
        else:
            line += f" {text}"
    return "\n".join([*lines, line] if line else lines)


def _render(template: str, values: Mapping[str, Any]) -> str:
    return _templates().get_template(template).render(values)


@cache
def _templates() -> jinja2.Environment:
    """The library's templates, each compiled once."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("tinyseg_tvm.codegen.library", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
