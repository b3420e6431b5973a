"""The C function of every operator of a problem: sources, nodes, sinks, updates of states."""

from __future__ import annotations

from dataclasses import dataclass

from tinyseg_tvm.codegen.library.generation import Generation
from tinyseg_tvm.codegen.memories.placement import pool_member
from tinyseg_tvm.codegen.memories.storage_layout import stored_part
from tinyseg_tvm.codegen.operators import planned_variant
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.codegen.text.identifiers import comment_text, identifier
from tinyseg_tvm.operators import Operator, Spill, TensorType
from tinyseg_tvm.planner.plan import Block


@dataclass(frozen=True)
class OperatorFunction:
    """A C function that runs one step of an operator.

    Attributes:
        function: its name.
        comment, definitions, statements: its text.
        modules: runtime modules it uses.
        sources: C functions that it calls, for the file of the long tail.
        code_bytes: what these are estimated to compile to; 0 where nothing is known.
        variant: name of the kernel chosen, empty for sources and sinks.
        weights_bytes: flash of the constants that it was the first to need.
        constants: symbols of all constants that it uses.
    """

    function: str
    comment: str
    definitions: tuple[str, ...]
    statements: tuple[str, ...]
    modules: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    variant: str = ""
    weights_bytes: int = 0
    constants: tuple[str, ...] = ()
    code_bytes: int = 0


def node_function(generation: Generation, index: int) -> OperatorFunction:
    """The function of node ``index``."""
    network, plan, pool = generation.network, generation.plan, generation.constants
    node = network.nodes[index]
    number = generation.first_node + index
    view = NodeView.of(node, network, generation.core)
    operator = generation.problem.operators[number]
    variant = planned_variant(view, operator)
    if variant.cost(view).scratch_bytes > operator.scratch_bytes:
        raise AssertionError(f"node {node.name!r}: its kernel needs more scratch than the plan gives it")
    symbol = generation.names.unique(f"{generation.name}_{identifier(node.name, node.operator.kind)}")
    before = pool.size
    out = FunctionWriter(
        view=view,
        symbol=symbol,
        reads=tuple(_address_function(generation, name) for name in node.inputs),
        writes=tuple(_address_function(generation, name) for name in node.outputs),
        state=_block(plan.states[number]),
        scratch=_block(plan.scratch[number]),
        pool=pool,
        stored=stored_part(network.name, generation.storages, node),
    )
    variant.emit(view, out)
    for result in range(len(view.outputs)):
        out.write(*_observation(view, index, result, _observed_line(view, out, result)))
    out.write(f"return {generation.upper}_OK;")
    unused = [] if any("step" in s for s in out.statements) else ["(void)step;"]
    shapes = f"{_shapes(view.inputs)} -> {_shapes(view.outputs)}"
    return OperatorFunction(
        function=symbol,
        comment=comment_text(f"{node.name}: {node.operator.kind}, {shapes}", 240),
        definitions=tuple(out.definitions),
        statements=(*unused, *out.statements),
        modules=frozenset(out.modules),
        sources=tuple(out.sources),
        variant=variant.name,
        weights_bytes=pool.size - before,
        constants=tuple(dict.fromkeys(out.constants)),
        code_bytes=variant.code(view) if out.sources else 0,
    )


def _address_function(generation: Generation, tensor: str) -> str:
    """Name of a tensor's address function; empty for a tensor that has no bytes in RAM."""
    address = generation.addresses.get(tensor)
    return "" if address is None else address.function


def _observed_line(view: NodeView[Operator], out: FunctionWriter, result: int) -> str:
    """The address of a result's line ``{}``; a stored line is shown where it came from."""
    if isinstance(view.operator, Spill):
        first = view.operator.first_line
        return f"{out.reads[0]}(context, {f'{first}u + ' if first else ''}{{}})"
    return f"{out.writes[result]}(context, {{}})"


def _block(block: Block | None) -> str | None:
    return None if block is None else f"(context->{pool_member(block.pool)} + {block.offset}u)"


def _shapes(types: tuple[TensorType, ...]) -> str:
    return ", ".join("x".join(map(str, t.shape)) or "scalar" for t in types)


def _observation(view: NodeView[Operator], node: int, result: int, data: str) -> list[str]:
    """Statements that report the lines of a result that a step wrote; ``data`` makes an address of a line number."""
    writes = view.access.writes[result]
    size = view.outputs[result].line_bytes

    def call(line: str) -> str:
        return f"OBSERVE({node}u, {result}u, {line}, {data.format(line)}, {size}u);"

    if view.access.whole_writes[result] or len(writes) == 1:
        lines = len(writes[0])
        if lines == 1:
            return [call("0u")]
        return [f"for (uint32_t line = 0; line < {lines}u; ++line) {{", f"    {call('line')}", "}"]
    if all(lines == (step,) for step, lines in enumerate(writes)):
        return [call("step")]
    if writes[-1] == (0,) and not any(writes[:-1]):
        return [f"if (step == {len(writes) - 1}u) {{", f"    {call('0u')}", "}"]
    raise AssertionError(f"node {node} writes lines in an unknown pattern")


def source_function(generation: Generation, index: int) -> OperatorFunction:
    """Reads a line of input ``index`` by the user's callback."""
    port = generation.network.inputs[index]
    size = generation.network.tensors[port.tensor].type.line_bytes
    line = f"{generation.addresses[port.tensor].function}(context, step)"
    return OperatorFunction(
        function=generation.names.unique(f"{generation.name}_read_{identifier(port.name, 'input')}"),
        comment=comment_text(f"input {index}, {port.name}: one line by callback"),
        definitions=(),
        statements=(
            f"const int failed = context->io.read_line(context->io.user, {index}u, step, {line}, {size}u);",
            f"return failed != 0 ? {generation.upper}_ERROR_INPUT : {generation.upper}_OK;",
        ),
    )


def sink_function(generation: Generation, index: int) -> OperatorFunction:
    """Writes a line of output ``index`` by the user's callback."""
    port = generation.network.outputs[index]
    size = generation.network.tensors[port.tensor].type.line_bytes
    line = f"{generation.addresses[port.tensor].function}(context, step)"
    return OperatorFunction(
        function=generation.names.unique(f"{generation.name}_write_{identifier(port.name, 'output')}"),
        comment=comment_text(f"output {index}, {port.name}: one line by callback"),
        definitions=(),
        statements=(
            f"const int failed = context->io.write_line(context->io.user, {index}u, step, {line}, {size}u);",
            f"return failed != 0 ? {generation.upper}_ERROR_OUTPUT : {generation.upper}_OK;",
        ),
    )


def update_function(generation: Generation, index: int) -> OperatorFunction:
    """Copies a line into state ``index``, for the next inference."""
    state = generation.network.states[index]
    old, new = (generation.network.tensors[port.tensor].type for port in (state.input, state.output))
    size = old.line_bytes if old.lines == new.lines else old.bytes
    source, target = (generation.addresses[port.tensor].function for port in (state.output, state.input))
    return OperatorFunction(
        function=generation.names.unique(f"{generation.name}_update_{identifier(state.name, 'state')}"),
        comment=comment_text(f"state {index}, {state.name}: what the next inference finds"),
        definitions=(),
        statements=(
            f"memcpy({target}(context, step), {source}(context, step), {size}u);",
            f"return {generation.upper}_OK;",
        ),
    )
