"""A lowered module as a ``network.Network``: the last step, out of Relax."""

from __future__ import annotations

import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node, Tensor
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.dataflow import Binding, Dataflow
from tinyseg_tvm.relay_passes.derived_tensors import derived_tensors
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Var, dtype_of, shape_of
from tinyseg_tvm.relay_passes.identity_operands import identity_operands
from tinyseg_tvm.relay_passes.legalize_long_tail import CALL_TIR
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.ports import read_ports
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE
from tinyseg_tvm.relay_passes.states import port_of, states_of


def to_network(module: Module, name: str = "network") -> Network:
    """The network that ``main`` describes; names of bindings become names of nodes and tensors.

    Tensors are in the order of parameters and bindings, those that decisions added (``derived_tensors``) behind.

    Raises:
        TinySegError: ``main`` holds something that is neither an operator nor a legalised call.
    """
    flow = Dataflow.of(module)
    types = {str(param.name): TensorType(shape_of(param), dtype_of(param)) for param in flow.params}
    elements: dict[Var, tuple[Expr, int]] = {}
    for binding in flow.bindings:
        if isinstance(binding.value, relax.TupleGetItem):
            elements[binding.var] = (binding.value.tuple_value, int(binding.value.index))
    nodes = []
    for binding in flow.bindings:
        if binding.var in elements:
            continue
        node = _node(module, binding, elements)
        types.update(zip(node.outputs, _output_types(binding), strict=True))
        nodes.append(node)
    known = _quantization(flow, types)
    derived = {name: origin for name, origin in derived_tensors(flow.attrs).items() if name in types}
    names = (*(name for name in types if name not in derived), *derived)
    tensors = {}
    for each in names:
        scale, zero_point = known.get(each, (None, None))
        tensors[each] = Tensor(each, types[each], scale, zero_point, derived.get(each, ""))
    ports = read_ports(module)
    inputs = list(zip(ports.inputs, (str(param.name) for param in flow.params), strict=True))
    outputs = list(zip(ports.outputs, (_tensor_name(r, name) for r in flow.results), strict=True))
    return Network(
        name=name,
        tensors=tensors,
        nodes=tuple(nodes),
        inputs=tuple(port_of(record, tensor) for record, tensor in inputs if not record.state),
        outputs=tuple(port_of(record, tensor) for record, tensor in outputs if not record.state),
        states=states_of(inputs, outputs, tensors),
    )


def _node(module: Module, binding: Binding, elements: dict[Var, tuple[Expr, int]]) -> Node:
    outputs = _output_names(binding, elements)
    found = operator_call(binding.value)
    if found is not None:
        inputs = tuple(_tensor_name(a, binding.name) for a in found.activations)
        return Node(binding.name, found.operator, inputs, outputs, dict(found.constants))
    value = binding.value
    if not isinstance(value, relax.Call) or getattr(value.op, "name", "") != CALL_TIR:
        raise TinySegError(f"node {binding.name!r} was not lowered: {value}")
    program = value.args[0]
    operands = list(value.args[1].fields)
    positions = tuple(i for i, operand in enumerate(operands) if isinstance(operand, tvm.ir.GenericConst))
    activations = [i for i in range(len(operands)) if i not in positions]
    operator = Opaque(
        label=str(program.name_hint),
        outputs=tuple(_output_types(binding)),
        constant_positions=positions,
        prim_func=module[program],
        overwritable=tuple(activations.index(i) for i in identity_operands(module[program]) if i in activations),
    )
    constants = {n: operands[i].value.numpy() for n, i in zip(operator.constant_names, positions, strict=True)}
    inputs = tuple(_tensor_name(operands[i], binding.name) for i in activations)
    return Node(binding.name, operator, inputs, outputs, constants)


def _tensor_name(value: Expr, node: str) -> str:
    if not isinstance(value, relax.Var):
        raise TinySegError(f"node {node!r} has an operand or result that is no tensor of the network: {value}")
    return str(value.name)


def _output_names(binding: Binding, elements: dict[Var, tuple[Expr, int]]) -> tuple[str, ...]:
    if not isinstance(binding.var.ty, relax.TupleType):
        return (binding.name,)
    names = {index: str(var.name) for var, (bundle, index) in elements.items() if bundle.same_as(binding.var)}
    return tuple(names.get(i, f"{binding.name}_unused{i}") for i in range(len(binding.var.ty.fields)))


def _output_types(binding: Binding) -> list[TensorType]:
    bound = binding.var.ty
    fields = list(bound.fields) if isinstance(bound, relax.TupleType) else [bound]
    return [TensorType(tuple(int(extent) for extent in f.shape.values), str(f.dtype)) for f in fields]


def _quantization(flow: Dataflow, types: dict[str, TensorType]) -> dict[str, tuple[float, int]]:
    """Scale and zero point of each quantised tensor, as recorded."""
    recorded = flow.attrs.get(QUANTIZATION_ATTRIBUTE, {})
    return {
        name: (float(recorded[name][0]), int(recorded[name][1]))
        for name, kind in types.items()
        if name in recorded and kind.dtype in QUANTIZED_TYPES
    }
