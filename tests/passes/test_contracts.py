"""What a module must hold at the seams of lowering: every condition is broken once, and named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.passes.layout_modules import Body, conv2d, conv_constants, main, max_pool
from tests.passes.qdq_models import QdqModel
from tinyseg_tvm import relay_passes
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.operators import Fetch, Spill
from tinyseg_tvm.relay_passes import lowering
from tinyseg_tvm.relay_passes.checking import Contract, check
from tinyseg_tvm.relay_passes.contracts import IMPORTED, INTEGER, LOWERED
from tinyseg_tvm.relay_passes.dataflow import with_main_attrs
from tinyseg_tvm.relay_passes.insert_spill_fetch import insert_spill_fetch
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.relay_passes.operators_registration import call
from tinyseg_tvm.relay_passes.ports import MODEL_PORTS, PORTS
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass, module_pass

MAP = {"x": ((1, 4, 4, 2), "int8")}
POOLED, CONVOLVED = (1, 2, 2, 2), (1, 2, 2, 3)
TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]


def port(name: str, shape: tuple[int, ...] = POOLED, **others: Any) -> dict[str, Any]:
    """A port in the model's layout."""
    permutation = list(range(len(shape)))
    return {"name": name, "shape": shape, "dtype": "int8", "permutation": permutation, "quantized": False, **others}


def ports(*outputs: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": [port("input", MAP["x"][0])], "outputs": list(outputs or [port("output")])}


def imported(build: Any, inputs: Any = None, **recorded: Any) -> tvm.IRModule:
    """A module as from the frontend, whose ports are right unless others are given."""
    inputs = inputs or {"x": ((1, 2, 6, 6), "float32")}
    plain = main(inputs, build)["main"]
    right = {
        "inputs": [{"name": name, "shape": shape, "dtype": dtype} for name, (shape, dtype) in inputs.items()],
        "outputs": [{"name": "y", "shape": [int(n) for n in plain.ret_ty.shape], "dtype": str(plain.ret_ty.dtype)}],
    }
    return main(inputs, build, **{MODEL_PORTS: right | recorded})


def integer(build: Any, inputs: Any = None, **attributes: Any) -> tvm.IRModule:
    return main(inputs or MAP, build, **attributes)


def lowered(build: Any, *outputs: dict[str, Any], **attributes: Any) -> tvm.IRModule:
    return main(MAP, build, **{PORTS: ports(*outputs), **attributes})


def bind(body: Body, value: Any, name: str, kind: Any = None) -> Any:
    """Bind under exactly this name, and as exactly this type, whatever it is."""
    value = value if kind is not None else body.builder.normalize(value)
    variable = relax.DataflowVar(name, kind or value.ty)
    body.builder.emit_normalized(
        relax.VarBinding(variable, relax.Call(value.op, value.args, value.attrs, ret_ty=variable.ty))
    )
    return variable


def pool(body: Body, x: Any) -> Any:
    return body(max_pool(), x, name="pool")


def between_transposes(body: Body, x: Any) -> Any:
    nhwc = body.relax(relax.op.permute_dims(x, TO_NHWC), "pool_nhwc")
    return body.relax(relax.op.permute_dims(pool(body, nhwc), TO_NCHW), "pool_nchw")


def convolution(body: Body, x: Any, **layouts: str) -> Any:
    return body.relax(relax.op.nn.conv2d(x, relax.const(np.ones((2, 2, 2, 2), np.float32)), **layouts), "conv")


GOOD = {
    "imported": (IMPORTED, lambda: imported(convolution)),
    "integer": (INTEGER, lambda: integer(between_transposes)),
    "lowered": (LOWERED, lambda: lowered(pool)),
    "spilled": (
        LOWERED,
        lambda: lowered(lambda b, x: b(Fetch("nor", 0), b(Spill("nor", 0), pool(b, x), name="stored"), name="back")),
    ),
}


@pytest.mark.parametrize("form", GOOD)
def test_what_holds_passes(form: str) -> None:
    contract, make = GOOD[form]
    check(make(), contract)


# What the forms have in common.


def no_main() -> tvm.IRModule:
    return tvm.IRModule({})


def no_dataflow_block() -> tvm.IRModule:
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4,), "int8"))
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(relax.op.reshape(x, (2, 2))))
    return builder.get()


def reads_what_is_not_bound() -> tvm.IRModule:
    stray = relax.Var("stray", relax.TensorType((1, 4, 4, 2), "int8"))
    return lowered(lambda b, x: pool(b, stray))


def names_twice() -> tvm.IRModule:
    return lowered(lambda b, x: bind(b, call(max_pool(), bind(b, call(max_pool(1), x), "twice")), "twice"))


def symbolic_shape() -> tvm.IRModule:
    return integer(lambda b, x: b.relax(relax.op.exp(x)), {"x": ((tvm.tirx.Var("n", "int64"), 4), "float32")})


def unknown_shape() -> tvm.IRModule:
    return integer(lambda b, x: bind(b, relax.op.negative(x), "vague", relax.TensorType(dtype="int8", ndim=4)))


def quantization_of_nothing() -> tvm.IRModule:
    return lowered(pool, **{QUANTIZATION_ATTRIBUTE: {"pool": [0.5, 1], "gone": [0.5, 1]}})


# What the frontend promises.


def recorded_of_another_shape() -> tvm.IRModule:
    return imported(convolution, outputs=[{"name": "result", "shape": [1, 2, 9, 9], "dtype": "float32"}])


def recorded_too_few() -> tvm.IRModule:
    return imported(convolution, outputs=[])


def scale_is_computed() -> tvm.IRModule:
    inputs = {"x": ((1, 4), "float32"), "scale": ((), "float32")}
    zero = relax.const(0, "int8")
    return imported(lambda b, x, scale: b.relax(relax.op.quantize(x, scale, zero, out_dtype="int8"), "q"), inputs)


def map_is_nhwc() -> tvm.IRModule:
    inputs = {"x": ((1, 6, 6, 2), "float32")}
    return imported(lambda b, x: convolution(b, x, data_layout="NHWC", kernel_layout="OHWI"), inputs)


# The integer form.


def squeezed() -> tvm.IRModule:
    return integer(lambda b, x: b.relax(relax.op.squeeze(x, [0]), "squeezed"))


def quantize_is_left() -> tvm.IRModule:
    one = relax.const(np.float32(0.5)), relax.const(np.int8(0))
    return integer(
        lambda b, x: b.relax(relax.op.quantize(x, *one, out_dtype="int8"), "left"), {"x": ((1, 4), "float32")}
    )


def operand_is_not_transposed() -> tvm.IRModule:
    return integer(lambda b, x: b.relax(relax.op.permute_dims(pool(b, x), TO_NCHW)))


def result_is_read_bare() -> tvm.IRModule:
    def build(b: Body, x: Any) -> Any:
        pooled = pool(b, b.relax(relax.op.permute_dims(x, TO_NHWC)))
        return b.relax(relax.op.reshape(pooled, (8,)), "flat")

    return integer(build)


def result_leaves_bare() -> tvm.IRModule:
    return integer(lambda b, x: pool(b, b.relax(relax.op.permute_dims(x, TO_NHWC))))


def dense_flattens() -> tvm.IRModule:
    return integer(lambda b, x: b.dense(x, np.ones((3, 32), np.int8), flatten=True))


def concat_of_unequal_scales() -> tvm.IRModule:
    recorded = {QUANTIZATION_ATTRIBUTE: {"x": [0.5, 1], "y": [0.25, 1]}}
    inputs = dict.fromkeys("xy", ((1, 4), "int8"))
    return integer(lambda b, x, y: b.relax(relax.op.concat([x, y], 1), "both"), inputs, **recorded)


def test_operands_of_a_concat_may_have_scales_that_no_int8_tells_apart():
    recorded = {QUANTIZATION_ATTRIBUTE: {"x": [0.5, -128], "y": [0.5005, -128]}}
    inputs = dict.fromkeys("xy", ((1, 4), "int8"))
    check(integer(lambda b, x, y: b.relax(relax.op.concat([x, y], 1), "both"), inputs, **recorded), INTEGER)


def result_of_another_type() -> tvm.IRModule:
    return lowered(lambda b, x: bind(b, call(max_pool(), x), "small", relax.TensorType((1, 1, 1, 1), "int8")))


def constant_is_missing() -> tvm.IRModule:
    """The bias of a convolution is an activation."""
    right = conv_constants(3, 3, 2)
    inputs = {**MAP, "bias": ((3,), "int32")}

    def build(b: Body, x: Any, bias: Any) -> Any:
        return bind(b, call(conv2d(), x, relax.const(right["weight"]), bias, relax.const(right["multiplier"])), "conv")

    both = {
        "inputs": [port("input", MAP["x"][0]), port("bias", (3,), dtype="int32")],
        "outputs": [port("y", CONVOLVED)],
    }
    return main(inputs, build, **{PORTS: both})


def constants_in_another_order() -> tvm.IRModule:
    right = conv_constants(3, 3, 2)
    constants = [relax.const(right[name]) for name in ("weight", "multiplier", "bias")]
    kind = relax.TensorType(CONVOLVED, "int8")
    return lowered(lambda b, x: bind(b, call(conv2d(), x, *constants), "conv", kind), port("y", CONVOLVED))


# The lowered form.


def relax_is_left() -> tvm.IRModule:
    return lowered(lambda b, x: b.relax(relax.op.negative(x), "left"))


def program_is_gone() -> tvm.IRModule:
    module = lowered(lambda b, x: b.relax(relax.op.cumsum(x, 1), "calls"), port("output", MAP["x"][0]))
    return tvm.IRModule({"main": legalize_long_tail(module)["main"]})


def storage_is_read() -> tvm.IRModule:
    return lowered(lambda b, x: b(max_pool(1), b(Spill("nor", 0), pool(b, x), name="stored"), name="reads"))


def storage_is_a_result() -> tvm.IRModule:
    return lowered(lambda b, x: b(Spill("nor", 0), pool(b, x), name="stored"))


def fetched_from_memory() -> tvm.IRModule:
    return lowered(lambda b, x: b(Fetch("nor", 0), pool(b, x), name="back"))


def ports_are_missing() -> tvm.IRModule:
    return main(MAP, pool)


def ports_are_too_many() -> tvm.IRModule:
    return lowered(pool, port("output"), port("another"))


def port_of_another_size() -> tvm.IRModule:
    return lowered(pool, port("large", (1, 4, 4, 4)))


def port_of_another_type() -> tvm.IRModule:
    return lowered(pool, port("real", dtype="float32"))


def port_with_axes_twice() -> tvm.IRModule:
    return lowered(pool, port("bent", permutation=[0, 1, 1, 2]))


BROKEN = [
    (INTEGER, "main_is_one_dataflow_block", "main", no_main),
    (INTEGER, "main_is_one_dataflow_block", "main", no_dataflow_block),
    (LOWERED, "variables_are_bound_before_they_are_read", "pool", reads_what_is_not_bound),
    (LOWERED, "names_are_unique", "twice", names_twice),
    (INTEGER, "shapes_are_static", "x", symbolic_shape),
    (INTEGER, "shapes_are_static", "vague", unknown_shape),
    (LOWERED, "quantization_is_of_names_that_exist", "gone", quantization_of_nothing),
    (IMPORTED, "model_ports_fit", "result", recorded_of_another_shape),
    (IMPORTED, "model_ports_fit", "main", recorded_too_few),
    (IMPORTED, "quantizers_have_constant_parameters", "q", scale_is_computed),
    (IMPORTED, "feature_maps_are_nchw", "conv", map_is_nhwc),
    (INTEGER, "movement_has_one_spelling", "squeezed", squeezed),
    (INTEGER, "borders_of_quantization_are_operators", "left", quantize_is_left),
    (INTEGER, "operators_on_maps_stand_between_transposes", "pool", operand_is_not_transposed),
    (INTEGER, "operators_on_maps_stand_between_transposes", "pool", result_is_read_bare),
    (INTEGER, "operators_on_maps_stand_between_transposes", "pool", result_leaves_bare),
    (INTEGER, "dense_reads_vectors", "dense", dense_flattens),
    (INTEGER, "concats_join_equal_quantization", "both", concat_of_unequal_scales),
    (LOWERED, "operators_accept_their_operands", "small", result_of_another_type),
    (LOWERED, "operators_accept_their_operands", "conv", constant_is_missing),
    (LOWERED, "operators_accept_their_operands", "conv", constants_in_another_order),
    (LOWERED, "only_operators_and_programs_are_called", "left", relax_is_left),
    (LOWERED, "called_programs_exist", "calls", program_is_gone),
    (LOWERED, "stored_tensors_are_fetched", "reads", storage_is_read),
    (LOWERED, "stored_tensors_are_fetched", "stored", storage_is_a_result),
    (LOWERED, "stored_tensors_are_fetched", "back", fetched_from_memory),
    (LOWERED, "ports_fit", "main", ports_are_missing),
    (LOWERED, "ports_fit", "main", ports_are_too_many),
    (LOWERED, "ports_fit", "large", port_of_another_size),
    (LOWERED, "ports_fit", "real", port_of_another_type),
    (LOWERED, "ports_fit", "bent", port_with_axes_twice),
]


@pytest.mark.parametrize(("contract", "condition", "where", "make"), BROKEN, ids=[case[3].__name__ for case in BROKEN])
def test_what_is_broken_is_named(contract: Contract, condition: str, where: str, make: Any) -> None:
    message = rf"the {contract.form} is broken at '{where}': .* \({condition}\)"
    with pytest.raises(TinySegError, match=re.compile(message, re.DOTALL)):
        check(make(), contract)


def test_every_condition_is_broken_above() -> None:
    conditions = {condition.__name__ for contract in (IMPORTED, INTEGER, LOWERED) for condition in contract.conditions}
    assert conditions == {condition for _, condition, _, _ in BROKEN}


def test_modules_that_the_frontend_did_not_make_promise_no_imported_form() -> None:
    promised = map_is_nhwc()
    function = promised["main"].without_attr(MODEL_PORTS)
    check(tvm.IRModule({"main": function}), IMPORTED)


@module_pass("forgetful")
def forgetful(module: tvm.IRModule) -> tvm.IRModule:
    """A wrong pass: it records the quantisation of something that it removed."""
    return with_main_attrs(module, {QUANTIZATION_ATTRIBUTE: {"gone": [0.5, 1]}})


def small_network() -> tvm.IRModule:
    model = QdqModel()
    x = model.activation(1, 2, 6, 6)
    pooled = model.op("MaxPool", x, name="pool", kernel_shape=[2, 2], strides=[2, 2])
    return from_onnx(model.build(model.quantize(pooled, 0.1, 0)))[0]


@pytest.mark.parametrize(
    ("half", "form", "after"),
    [
        ("INTEGER_PASSES", "integer form", ".*normalize, .*, quantize_borders, float_to_operators, fold_constants"),
        ("LAYOUT_PASSES", "lowered form", "lower_data_movement, .*, legalize_long_tail, constant_results"),
    ],
)
def test_a_wrong_pass_is_found_at_the_next_seam_with_the_passes_before_it(
    monkeypatch: pytest.MonkeyPatch, half: str, form: str, after: str
) -> None:
    relay_passes.lower(small_network())
    monkeypatch.setattr(lowering, half, (*getattr(lowering, half), forgetful))
    with pytest.raises(TinySegError, match=f"{form} is broken at 'gone'.*, after these passes: {after}, forgetful;"):
        relay_passes.lower(small_network())


def test_a_module_that_comes_in_broken_is_not_blamed_on_a_pass() -> None:
    with pytest.raises(TinySegError, match=r"imported form is broken at 'conv'.*, after no pass;"):
        relay_passes.lower(map_is_nhwc())


def leave_relax(_rewrite: Rewrite, value: Any, _name: str) -> Any:
    """A wrong rule: an operator of Relax in the place of the pool."""
    return relax.op.negative(value.args[0])


def test_what_no_network_can_be_read_from_is_found_before_anyone_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering, "LAYOUT_PASSES", (*lowering.LAYOUT_PASSES, main_pass("unfinished", leave_relax)))
    with pytest.raises(TinySegError, match=r"\(only_operators_and_programs_are_called\), after .*, unfinished;"):
        relay_passes.lower(small_network())


def test_what_carries_out_a_decision_is_checked_too() -> None:
    lowered_module = LoweredModule.of(lowered(pool))
    assert lowered_module.after(insert_spill_fetch([])).network == lowered_module.network
    with pytest.raises(TinySegError, match=r"at 'gone'.*, after these passes: insert_spill_fetch, forgetful;"):
        lowered_module.after(insert_spill_fetch([]), forgetful)
