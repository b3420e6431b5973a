"""A lowered module as a ``network.Network``: the last step, out of Relax."""

from __future__ import annotations

import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node, Port, Tensor
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes.dataflow import Binding, Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Var, dtype_of, shape_of
from tinyseg_tvm.relay_passes.identity_operands import identity_operands
from tinyseg_tvm.relay_passes.legalize_long_tail import CALL_TIR
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.ports import PortRecord, read_ports
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE


def to_network(module: Module, name: str = "network") -> Network:
    """The network that ``main`` describes; names of bindings become names of nodes and tensors.

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
    known = _quantization(flow, nodes, types)
    tensors = {n: Tensor(n, t, *(known.get(n, (None, None)))) for n, t in types.items()}
    ports = read_ports(module)
    inputs = zip(ports.inputs, (str(param.name) for param in flow.params), strict=True)
    outputs = zip(ports.outputs, (_tensor_name(r, name) for r in flow.results), strict=True)
    return Network(
        name=name,
        tensors=tensors,
        nodes=tuple(nodes),
        inputs=tuple(_port(record, tensor) for record, tensor in inputs),
        outputs=tuple(_port(record, tensor) for record, tensor in outputs),
    )


def _port(record: PortRecord, tensor: str) -> Port:
    return Port(
        record.name, tensor, record.model_shape, record.model_dtype, record.permutation, quantized=record.quantized
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


def _quantization(
    flow: Dataflow, nodes: list[Node], types: dict[str, TensorType]
) -> dict[str, tuple[float | None, int | None]]:
    """Scale and zero point of each tensor, as recorded by the integer passes or stated by the operators."""
    recorded = flow.attrs.get(QUANTIZATION_ATTRIBUTE, {})
    known: dict[str, tuple[float | None, int | None]] = {}
    for name, tensor_type in types.items():
        if name in recorded and tensor_type.dtype in ("int8", "uint8"):
            scale, zero_point = recorded[name]
            known[name] = (float(scale), int(zero_point))
    for node in nodes:
        stated: tuple[float | None, int | None] | None = node.operator.result_quantization
        if stated is None and node.operator.keeps_quantization and node.inputs[0] in known:
            stated = known[node.inputs[0]]
        if stated is not None:
            known.setdefault(node.outputs[0], stated)
        if node.operator.operand_quantization is not None:
            known.setdefault(node.inputs[0], node.operator.operand_quantization)
    return {name: value for name, value in known.items() if types[name].dtype in ("int8", "uint8")}
