"""What ``main`` must hold at the seams between frontend, integer half, layout half and network: checked in every build.

A contract is a list of conditions, each a function named by what it demands, which yields the places where it is not
so. Three forms have one: IMPORTED (what ``tinyseg_tvm.frontend`` promises), INTEGER (what this package's docstring says
of the seam between the halves) and LOWERED (what ``to_network`` reads; spills and fetches of the planner may have
been added). A failure is a fault of a pass, not of the model, and names the passes that ran.

Conditions read what TVM and ``Dataflow`` know already, so that all together take about 2 % of the time of lowering.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import tvm
from tvm import relax

from tinyseg_tvm.operators import OPERATORS, Operator, TensorType
from tinyseg_tvm.operators.fetch import Fetch
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.checking import Breach, Contract, Form, parts
from tinyseg_tvm.relay_passes.dataflow import MAIN
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    dtype_of,
    is_constant,
    shape_of,
    variables_of,
)
from tinyseg_tvm.relay_passes.legalize_long_tail import CALL_TIR
from tinyseg_tvm.relay_passes.operators_registration import PREFIX, operator_of
from tinyseg_tvm.relay_passes.ports import LAYOUT, MODEL_PORTS, PORTS, PortRecord, device_dtype, ports_of
from tinyseg_tvm.relay_passes.quantization import Quantization, is_kept, per_tensor_quantization


def main_is_one_dataflow_block(form: Form) -> Iterator[Breach]:
    """The module has a Relax function ``main``, and that is one dataflow block."""
    if MAIN not in {variable.name_hint for variable in form.module.get_global_vars()}:
        yield Breach(MAIN, "there is no such function")
        return
    function = form.module[MAIN]
    blocks = list(getattr(function.body, "blocks", ())) if isinstance(function, relax.Function) else []
    if len(blocks) != 1 or not isinstance(blocks[0], relax.DataflowBlock):
        yield Breach(MAIN, f"it has {len(blocks)} blocks: {', '.join(type(block).__name__ for block in blocks)}")


def variables_are_bound_before_they_are_read(form: Form) -> Iterator[Breach]:
    """TVM finds the function well-formed; where it does not, the first reader of an unbound variable is named."""
    if relax.analysis.check_well_formed(form.module[MAIN], check_ty=False):
        return
    known = set(form.flow.params)
    for binding in form.flow.bindings:
        for variable in variables_of(binding.value):
            if variable not in known:
                yield Breach(binding.name, f"it reads {str(variable.name)!r}, which is not bound before")
        known.add(binding.var)
    yield Breach(MAIN, "TVM finds it malformed (tvm.relax.analysis.well_formed)")


def names_are_unique(form: Form) -> Iterator[Breach]:
    """No two parameters or bindings have one name: the network knows its tensors by name."""
    seen: set[str] = set()
    for name in form.names:
        if name in seen:
            yield Breach(name, "it is the name of two variables")
        seen.add(name)


def shapes_are_static(form: Form) -> Iterator[Breach]:
    """Every dimension of every tensor is a number."""
    function = form.module[MAIN]
    symbols = relax.analysis.free_symbolic_vars(function) or relax.analysis.defined_symbolic_vars(function)
    for variable in form.variables:
        for part in parts(variable.ty):
            static = not isinstance(part, relax.TensorType) or isinstance(part.shape, relax.ShapeExpr)
            if not static or (symbols and relax.analysis.tir_vars_in_type(part)):
                yield Breach(str(variable.name), f"{part} has no static shape")


def quantization_is_of_names_that_exist(form: Form) -> Iterator[Breach]:
    """The attribute ``tinyseg.quantization`` speaks of parameters and bindings alone."""
    for name in sorted(form.quantization.keys() - set(form.names)):
        yield Breach(name, "its quantisation is recorded, but there is no such parameter or binding")


def model_ports_fit(form: Form) -> Iterator[Breach]:
    """What the frontend recorded of inputs and outputs has the shapes and types of parameters and results."""
    recorded = form.flow.attrs[MODEL_PORTS]
    sides = (("inputs", form.flow.params), ("outputs", form.flow.results))
    for side, values in sides:
        ports = [(str(port["name"]), tuple(map(int, port["shape"])), str(port["dtype"])) for port in recorded[side]]
        if len(ports) != len(values):
            yield Breach(MAIN, f"{len(ports)} {side} are recorded, and {len(values)} exist")
        for (name, shape, dtype), value in zip(ports, values, strict=False):
            if (shape, device_dtype(dtype)) != (shape_of(value), dtype_of(value)):
                yield Breach(name, f"{TensorType(shape, dtype)} is recorded of {side}, and {value.ty} exists")


def quantizers_have_constant_parameters(form: Form) -> Iterator[Breach]:
    """Scale and zero point of ``quantize`` and ``dequantize`` are constants."""
    for binding, call, name in form.calls:
        if name in ("quantize", "dequantize"):
            operands = call.args
            if not (is_constant(operands[1]) and is_constant(operands[2])):
                yield Breach(binding.name, f"scale and zero point of {name} are no constants")


IMPORTED_LAYOUTS: Mapping[str, Mapping[str, object]] = {
    "nn.conv2d": {"data_layout": "NCHW", "kernel_layout": "OIHW"},
    "nn.conv2d_transpose": {"data_layout": "NCHW", "kernel_layout": "IOHW"},
    "nn.max_pool2d": {"layout": "NCHW", "ceil_mode": False},
    "nn.avg_pool2d": {"layout": "NCHW", "ceil_mode": False},
}


def feature_maps_are_nchw(form: Form) -> Iterator[Breach]:
    """Operators on feature maps have the layouts and the rounding of IMPORTED_LAYOUTS."""
    for binding, call, name in form.calls:
        for field, wanted in IMPORTED_LAYOUTS.get(name, {}).items():
            if getattr(call.attrs, field) != wanted:
                yield Breach(binding.name, f"{field} of {name} is {getattr(call.attrs, field)}, not {wanted}")


OTHER_SPELLINGS = ("squeeze", "expand_dims", "flatten", "nn.batch_flatten", "split")


def movement_has_one_spelling(form: Form) -> Iterator[Breach]:
    """Reshapes are ``reshape``, and parts of a tensor are ``strided_slice``."""
    for binding, _call, name in form.calls:
        if name in OTHER_SPELLINGS:
            yield Breach(binding.name, f"it is a {name}")


def borders_of_quantization_are_operators(form: Form) -> Iterator[Breach]:
    """Per-tensor ``quantize`` and ``dequantize`` between float32 and one byte are ``relax.tinyseg`` operators."""
    for binding, call, name in form.calls:
        if name in ("quantize", "dequantize") and per_tensor_quantization(call) is not None:
            types = {dtype_of(call.args[0]), dtype_of(call)}
            if "float32" in types and types & set(QUANTIZED_TYPES):
                yield Breach(binding.name, f"it is a {name} of Relax")


MAP_OPERATORS = ("tinyseg.conv2d", "tinyseg.conv2d_transpose", "tinyseg.max_pool2d", "tinyseg.average_pool2d")
"""Those that have windows on a feature map."""
TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def operators_on_maps_stand_between_transposes(form: Form) -> Iterator[Breach]:
    """Operands of MAP_OPERATORS come from a transpose to NHWC, and their results go to one to NCHW alone.

    Not so where the model's own layout is NHWC.
    """
    if form.flow.attrs.get(LAYOUT) == "NHWC":
        return
    maps: set[Expr] = set()
    transposed: set[Expr] = set()
    for binding, call, name in form.calls:
        axes = _axes(call) if name == "permute_dims" else ()
        if axes == TO_NCHW:
            continue
        if axes == TO_NHWC:
            transposed.add(binding.var)
        operands = variables_of(call)
        if name in MAP_OPERATORS:
            maps.add(binding.var)
            if not transposed.issuperset(operands):
                yield Breach(binding.name, "its operand is not transposed to NHWC")
        for operand in maps.intersection(operands):
            yield Breach(str(operand.name), f"{binding.name!r} reads it without a transpose to NCHW")
    for result in maps.intersection(form.flow.results):
        yield Breach(str(result.name), "it is a result without a transpose to NCHW")


def dense_reads_vectors(form: Form) -> Iterator[Breach]:
    """Dense does not flatten feature maps yet."""
    for binding, call, name in form.calls:
        if name == "tinyseg.dense" and call.attrs["flatten"]:
            yield Breach(binding.name, "it flattens its operand")


def concats_join_equal_quantization(form: Form) -> Iterator[Breach]:
    """The operands of ``concat`` whose quantisation is recorded have the same one, or mean the same by each int8."""
    for binding, call, name in form.calls:
        if name == "concat":
            recorded = [form.quantization.get(str(variable.name)) for variable in variables_of(call)]
            found = sorted({(float(pair[0]), int(pair[1])) for pair in recorded if pair is not None})
            own = form.quantization.get(binding.name) or (found[0] if found else (1.0, 0))
            joined = Quantization(float(own[0]), int(own[1]))
            eight_bits = str(binding.var.ty.dtype) == "int8"
            if len(found) > 1 and not (eight_bits and all(is_kept(Quantization(*pair), joined) for pair in found)):
                yield Breach(binding.name, f"its operands have different scales or zero points: {found}")


def operators_accept_their_operands(form: Form) -> Iterator[Breach]:
    """Constants stand behind the activations in the order of ``constant_names``; ``infer`` gives the result's type."""
    for binding, call, name in form.calls:
        if name.startswith(KINDS):
            try:
                operator = operator_of(call)
                results = _inferred(form, operator, list(call.args))
            except (KeyError, TypeError, ValueError) as error:
                yield Breach(binding.name, f"{name} refuses its attributes or operands: {error}")
                continue
            if results != form.types_of(binding.var):
                yield Breach(
                    binding.name, f"{name} gives {_listed(results)}, not {_listed(form.types_of(binding.var))}"
                )


def only_operators_and_programs_are_called(form: Form) -> Iterator[Breach]:
    """What is bound is a ``relax.tinyseg`` call, a ``call_tir``, or an item of the tuple of one."""
    operators = {id(binding) for binding, _call, name in form.calls if name == CALL or name.startswith(KINDS)}
    for binding in form.flow.bindings:
        if id(binding) not in operators and not isinstance(binding.value, relax.TupleGetItem):
            yield Breach(binding.name, f"it is {getattr(binding.value, 'op', binding.value)}")


def called_programs_exist(form: Form) -> Iterator[Breach]:
    """A ``call_tir`` names a PrimFunc of the module and hands it a tuple of operands."""
    for binding, call, name in form.calls:
        if name == CALL:
            program, operands = list(call.args)[:2]
            functions = form.module.functions
            if program not in functions or not isinstance(functions[program], tvm.tirx.PrimFunc):
                yield Breach(binding.name, f"there is no PrimFunc {getattr(program, 'name_hint', program)}")
            if not isinstance(operands, relax.Tuple):
                yield Breach(binding.name, f"its operands are no tuple but {operands}")


def stored_tensors_are_fetched(form: Form) -> Iterator[Breach]:
    """What lies in storage is read by ``fetch`` alone, and ``fetch`` reads nothing else first."""
    kinds = {binding.var: name.removeprefix(KINDS) for binding, _call, name in form.calls if name.startswith(KINDS)}
    stored = {variable for variable, kind in kinds.items() if OPERATORS[kind].stores_result}
    if not stored and Fetch.kind not in kinds.values():
        return
    for binding, call, name in form.calls:
        operands = variables_of(call)
        fetched = operands[:1] if name == KINDS + Fetch.kind else []
        if any(variable not in stored for variable in fetched):
            yield Breach(binding.name, f"it fetches {fetched[0].name!r}, which is not in storage")
        for variable in operands[len(fetched) :]:
            if variable in stored:
                yield Breach(binding.name, f"it reads {variable.name!r}, which is in storage, without a fetch")
    for result in form.flow.results:
        if result in stored:
            yield Breach(str(result.name), "it is in storage, and a result")


def ports_fit(form: Form) -> Iterator[Breach]:
    """``tinyseg.ports`` is there, and leads from the model's tensors to the parameters and results."""
    if PORTS not in form.flow.attrs:
        yield Breach(MAIN, f"the attribute {PORTS} is missing")
        return
    ports = ports_of(form.flow)
    for side, records, values in (
        ("inputs", ports.inputs, form.flow.params),
        ("outputs", ports.outputs, form.flow.results),
    ):
        if len(records) != len(values):
            yield Breach(MAIN, f"{len(records)} {side} are recorded, and {len(values)} exist")
        for record, value in zip(records, values, strict=False):
            if not _leads_to(record, value):
                yield Breach(record.name, f"{record} does not lead to {value.ty}")


KINDS = PREFIX.removeprefix("relax.")
CALL = CALL_TIR.removeprefix("relax.")


def _axes(transpose: Call) -> tuple[int, ...]:
    """The axes of a ``permute_dims``; none where it reverses them."""
    axes = transpose.attrs.axes
    return () if axes is None else tuple(map(int, axes))


def _inferred(form: Form, operator: Operator, operands: Sequence[Expr]) -> tuple[TensorType, ...]:
    """The types of results that the operator itself infers. Raises ValueError where it refuses, or a place is wrong."""
    names = operator.constant_names
    split = len(operands) - len(names)
    if split < 0 or not all(is_constant(operand) for operand in operands[split:]):
        raise ValueError(f"the last {len(names)} operands must be the constants {', '.join(names)}")
    types = [form.types_of(operand)[0] for operand in operands]
    return operator.infer(types[:split], dict(zip(names, types[split:], strict=True)))


def _listed(types: Iterable[TensorType]) -> str:
    return ", ".join(str(kind) for kind in types)


def _leads_to(record: PortRecord, value: Expr) -> bool:
    """Whether a port's permutation, element type and number of elements fit the parameter or result."""
    return (
        sorted(record.permutation) == list(range(len(record.model_shape)))
        and math.prod(record.model_shape) == math.prod(shape_of(value))
        and (record.quantized or device_dtype(record.model_dtype) == dtype_of(value))
    )


_STRUCTURE = (
    main_is_one_dataflow_block,
    variables_are_bound_before_they_are_read,
    names_are_unique,
    shapes_are_static,
    quantization_is_of_names_that_exist,
)

IMPORTED = Contract(
    "imported form",
    (*_STRUCTURE, model_ports_fit, quantizers_have_constant_parameters, feature_maps_are_nchw),
    promised_by=MODEL_PORTS,
)
"""What the frontend hands over: see its docstring."""

INTEGER = Contract(
    "integer form",
    (
        *_STRUCTURE,
        movement_has_one_spelling,
        borders_of_quantization_are_operators,
        operators_on_maps_stand_between_transposes,
        dense_reads_vectors,
        concats_join_equal_quantization,
        operators_accept_their_operands,
    ),
)
"""What the integer half hands over: see this package's docstring."""

LOWERED = Contract(
    "lowered form",
    (
        *_STRUCTURE,
        only_operators_and_programs_are_called,
        operators_accept_their_operands,
        called_programs_exist,
        stored_tensors_are_fetched,
        ports_fit,
    ),
)
"""What ``to_network`` reads."""
