"""What an emitter sees of a node, and where it writes the node's C function.

An emitter is a function ``emit(view, out)``: it names the kernel, stores constants, fills the kernel's parameter
struct and writes the statements that hand the kernel its lines. Addresses, observation and everything else
around the kernel call is the generator's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.memories.storage_layout import StoredPart
from tinyseg_tvm.codegen.text.c_text import C_TYPES, c_float, c_integer
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.runtime_files import out_of_range, struct_fields
from tinyseg_tvm.codegen.tuning_records import signature_of
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import LineAccess, Operator, TensorType

Field = int | float | str | tuple[str, ...]
"""Value of a field of a kernel's parameter struct."""

VALUE_TYPE = "tinyseg_value"
"""Name in C of what a node's activations consist of, where kernels are written for more than one type."""

Op = TypeVar("Op", bound=Operator)
Op_co = TypeVar("Op_co", bound=Operator, covariant=True)
Answer = TypeVar("Answer")
Op_contra = TypeVar("Op_contra", bound=Operator, contravariant=True)


@dataclass(frozen=True)
class NodeView(Generic[Op_co]):
    """A node with the types of its operands and results, its line accesses, and the core it is to run on.

    ``NodeView[Conv2d]`` is one of a node that is a convolution.
    """

    node: Node
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    access: LineAccess
    core: Core

    @staticmethod
    def of(node: Node, network: Network, core: Core) -> NodeView[Any]:
        """The view of a node of ``network``."""
        inputs, outputs = network.input_types(node), network.output_types(node)
        return NodeView(node, inputs, outputs, node.operator.line_access(inputs, outputs, node.constants), core)

    @property
    def operator(self) -> Op_co:
        """The node's operator."""
        return cast(Op_co, self.node.operator)

    @property
    def constants(self) -> Mapping[str, np.ndarray]:
        """The node's constants by name."""
        return self.node.constants

    @property
    def macs_per_step(self) -> float:
        """Multiply-accumulates of a step, on average."""
        return self.operator.macs(self.inputs, self.outputs, self.constants) / max(self.access.steps, 1)

    @cached_property
    def signature(self) -> str:
        """What records of the tuner know the node by."""
        return signature_of(self.operator, self.inputs, self.outputs, self.constants)

    @cached_property
    def _answers(self) -> dict[Callable[[NodeView[Any]], Any], Any]:
        return {}

    def once(self, question: Callable[[NodeView[Any]], Answer]) -> Answer:
        """What ``question`` finds of the node; asked once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: Answer = self._answers[question]
        return answer

    def error(self, what: str) -> TinySegError:
        """An error that names the node."""
        shapes = ", ".join(str(list(t.shape)) for t in self.inputs)
        return TinySegError(f"node {self.node.name!r} ({self.operator.kind} of {shapes}): {what}")


@dataclass
class FunctionWriter:
    """Collects the C function of one node.

    Attributes:
        view: the node.
        symbol: prefix of the node's constants and parameters.
        reads, writes: names of the address functions of operands and results.
        state, scratch: C expressions (uint8_t pointers), None where the node has none.
        pool: where constants go.
        modules: runtime modules used.
        definitions: file-scope C text (parameter structs).
        statements: the function's body.
        stored: where the tensor of a Spill or Fetch lies in storage.
        sources: C functions that it calls, for the file of the long tail.
        constants: symbols of the constants that it uses.
    """

    view: NodeView[Any]
    symbol: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    state: str | None
    scratch: str | None
    pool: ConstantPool
    stored: StoredPart | None = None
    modules: set[str] = field(default_factory=set)
    definitions: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)

    def element(self, operand: int = 0) -> str:
        """The C type of an operand's elements."""
        return C_TYPES[self.view.inputs[operand].dtype]

    def line(self, operand: int, index: str = "step", ctype: str | None = None) -> str:
        """Pointer to a line of an operand, of its elements or as ``ctype``, as a C expression."""
        ctype = self.element(operand) if ctype is None else ctype
        return f"{'' if ctype == 'uint8_t' else f'(const {ctype} *)'}{self.reads[operand]}(context, {index})"

    def output(self, index: str = "step", ctype: str | None = None, result: int = 0) -> str:
        """Pointer to a line of a result, of its elements or as ``ctype``, as a C expression."""
        ctype = C_TYPES[self.view.outputs[result].dtype] if ctype is None else ctype
        return f"{'' if ctype == 'uint8_t' else f'({ctype} *)'}{self.writes[result]}(context, {index})"

    def state_as(self, ctype: str) -> str:
        """The node's state as a pointer, NULL where it has none."""
        return "NULL" if self.state is None else f"({ctype} *){self.state}"

    def constant(self, name: str, array: np.ndarray) -> str:
        """Store a constant; returns its symbol."""
        self.constants.append(self.pool.add(f"{self.symbol}_{name}", array))
        return self.constants[-1]

    def parameters(self, view: NodeView[Operator], struct: str, values: Mapping[str, Field]) -> str:
        """Define a constant parameter struct; returns its address expression.

        Raises:
            TinySegError: a value does not fit its field.
        """
        symbol = f"{self.symbol}_parameters"
        text = self.struct_value(view, struct, values).replace("\n    ", "\n")
        self.definitions.append(f"static const {struct} {symbol} = {text};")
        return f"&{symbol}"

    def struct_value(self, view: NodeView[Operator], struct: str, values: Mapping[str, Field]) -> str:
        """Initialiser of a parameter struct, its fields indented by eight.

        Raises:
            TinySegError: a value does not fit its field.
        """
        fields = struct_fields(struct)
        if set(fields) != set(values):
            raise AssertionError(f"{struct}: fields {sorted(set(fields) ^ set(values))} do not match")
        lines = []
        for name, ctype in fields.items():
            value = values[name]
            if isinstance(value, float):
                text = c_float(value)
            elif isinstance(value, tuple):
                text = "{" + ", ".join(value) + "}"
            else:
                held = C_TYPES[view.outputs[0].dtype] if ctype == VALUE_TYPE else ctype
                if isinstance(value, int) and out_of_range(held, value):
                    raise view.error(f"{name.replace('_', ' ')} {value} exceeds the kernel's range ({held})")
                text = c_integer(value) if isinstance(value, int) else value
            lines.append(f"        .{name} = {text},")
        return "{\n" + "\n".join(lines) + "\n    }"

    def write(self, *statements: str) -> None:
        """Append lines of C, unindented."""
        self.statements += statements

    def window(
        self,
        operands: int,
        rows: int,
        *,
        stride: int,
        before: int,
        dilation: int,
        extent: int,
        steps: int,
    ) -> None:
        """Declare ``lines[rows * operands]``: the lines under a kernel's window, NULL in the padding.

        ``extent`` is the operands' lines, ``steps`` the result's.
        """
        first = _affine("(int32_t)step", stride, -before)
        self.write(f"const {self.element()} *lines[{rows * operands}];")
        self.write(f"for (int32_t row = 0; row < {rows}; ++row) {{")
        self.write(f"    const int32_t y = {first} + {_affine('row', dilation, 0)};")
        reach = (rows - 1) * dilation
        if stride == 1 and 0 < before <= reach and steps - 1 - before + reach < extent:
            # Causal. A bound that always holds would tell gcc of steps that are never taken, and it warns of those.
            inside = f"row == {rows - 1} || y >= 0"
        else:
            inside = f"y >= 0 && y < {extent}"
        for i in range(operands):
            index = "row" if operands == 1 else f"row * {operands} + {i}"
            self.write(f"    lines[{index}] = {inside} ? {self.line(i, '(uint32_t)y')} : NULL;")
        self.write("}")


def _affine(variable: str, factor: int, offset: int) -> str:
    text = variable if factor == 1 else f"{variable} * {factor}"
    if offset == 0:
        return text
    return f"{text} {'+' if offset > 0 else '-'} {abs(offset)}"


def constant_bytes(view: NodeView[Operator]) -> int:
    """Bytes of a node's constants as they are."""
    return sum(array.nbytes for array in view.constants.values())


def packed_weight(weight_bytes: Callable[[NodeView[Op]], int]) -> Callable[[NodeView[Op]], int]:
    """Bytes of constants of which the weights are packed into so many."""
    return lambda view: constant_bytes(view) - view.constants["weight"].nbytes + weight_bytes(view)


@dataclass(frozen=True)
class Variant(Generic[Op_contra]):
    """One way to compute an operator: a kernel, what it costs, and how its C is written.

    Attributes:
        name: for reports (``conv2d portable``).
        supports: whether it can compute this node on this core.
        cost: its scratch and cycles per step.
        emit: writes the node's function.
        flash: bytes of constants as the kernel packs them.
        code: estimated bytes of code that is the node's own.
        programs: those of its micro-kernels that leave something to decide, by ``program_key``: the decisions, those of
            fewest estimated cycles first.
    """

    name: str
    supports: Callable[[NodeView[Op_contra]], bool]
    cost: Callable[[NodeView[Op_contra]], Cost]
    emit: Callable[[NodeView[Op_contra], FunctionWriter], None]
    flash: Callable[[NodeView[Op_contra]], int] = constant_bytes
    code: Callable[[NodeView[Op_contra]], int] = lambda _view: 0
    programs: Callable[[NodeView[Op_contra]], Mapping[str, tuple[Any, ...]]] = lambda _view: {}


def always(_view: NodeView[Operator]) -> bool:
    """For variants that compute every node of their kind."""
    return True


def line_cost(cycles_per_element: float, scratch_bytes: int = 0) -> Callable[[NodeView[Operator]], Cost]:
    """A cost in proportion to the elements written per step (or read, where more are)."""

    def cost(view: NodeView[Operator]) -> Cost:
        elements = max(sum(t.elements for t in view.inputs), sum(t.elements for t in view.outputs))
        return Cost(scratch_bytes, round(cycles_per_element * elements / max(view.access.steps, 1)) + 20)

    return cost
