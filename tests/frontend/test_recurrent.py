"""Recurrent layers give what ONNX Runtime's do, whatever they are spelled with, and run by time step."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.frontend.onnx_models import run_onnxruntime
from tinyseg_tvm import micro, relay
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators.recurrent import Recurrent

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
WIDTH, UNITS = 3, 4


def layer(
    op_type: str,
    steps: int = 5,
    batch: int = 1,
    *,
    direction: str = "forward",
    bias: bool = True,
    initial: str = "",
    length: int | None = None,
    peephole: bool = False,
    batch_first: bool = False,
    results: str = "YHC",
    quantised: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one layer; ``initial`` is "constant" or "input", ``quantised`` "whole" or "rows" of the weights."""
    rng = np.random.default_rng(0)
    directions, rows = (2 if direction == "bidirectional" else 1), GATES[op_type] * UNITS
    nodes, constants, inputs = [], {}, []

    def value(name: str, shape: list[int]) -> str:
        constants[name] = rng.normal(0, 0.5, shape).astype(np.float32)
        return name

    def weight(name: str, columns: int) -> str:
        if not quantised:
            return value(name, [directions, rows, columns])
        constants[f"{name}_q"] = rng.integers(-127, 128, (directions, rows, columns)).astype(np.int8)
        count = rows if quantised == "rows" else 1
        scales = rng.uniform(0.003, 0.006, count).astype(np.float32)
        constants[f"{name}_s"] = scales if count > 1 else scales.reshape(())
        constants[f"{name}_z"] = np.zeros(constants[f"{name}_s"].shape, np.int8)
        operands = [f"{name}_q", f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("DequantizeLinear", operands, [name], **({"axis": 1} if count > 1 else {})))
        return name

    def states(name: str) -> str:
        shape = [batch, directions, UNITS] if batch_first else [directions, batch, UNITS]
        if initial == "input":
            inputs.append(helper.make_tensor_value_info(name, 1, shape))
            return name
        return value(name, shape) if initial == "constant" else ""

    inputs.append(
        helper.make_tensor_value_info("x", 1, [batch, steps, WIDTH] if batch_first else [steps, batch, WIDTH])
    )
    operands = ["x", weight("w", WIDTH), weight("r", UNITS), value("b", [directions, 2 * rows]) if bias else ""]
    if length is not None:
        constants["lengths"] = np.full(batch, length, np.int32)
    operands += ["" if length is None else "lengths", states("h")]
    if op_type == "LSTM":
        operands += [states("c"), value("p", [directions, 3 * UNITS]) if peephole else ""]
    while not operands[-1]:
        operands.pop()
    made = [name if name in results else "" for name in ("YHC" if op_type == "LSTM" else "YH")]
    options = {"direction": direction, "hidden_size": UNITS, **({"layout": 1} if batch_first else {}), **attributes}
    nodes.append(helper.make_node(op_type, operands, made, "layer", **options))
    outputs = [helper.make_tensor_value_info(name, 1, None) for name in made if name]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "recurrent", inputs, outputs, tensors), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    return model


def check(proto: onnx.ModelProto) -> Any:
    """Compare with ONNX Runtime; the built network."""
    built = relay.build(from_onnx(proto), "c -tinyseg")
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=port.model_shape).astype(np.float32) for port in built.network.inputs]
    feeds = {port.name: array for port, array in zip(built.network.inputs, arrays, strict=True)}
    for expected, found in zip(run_onnxruntime(proto, feeds), reference.run(built.network, arrays), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    return built


@pytest.mark.sampled(5)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_directions_and_batches(op_type: str, batch: int, direction: str) -> None:
    check(layer(op_type, batch=batch, direction=direction))


@pytest.mark.parametrize("results", ["Y", "H", "C", "YH", "HC"])
def test_any_of_the_results(results: str) -> None:
    built = check(layer("LSTM", results=results))
    layers = [node for node in built.network.nodes if isinstance(node.operator, Recurrent)]
    assert len(layers) == 1
    assert layers[0].operator.states == ("C" in results)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("initial", ["constant", "input"])
@pytest.mark.parametrize("op_type", ["LSTM", "GRU"])
@pytest.mark.parametrize("steps", [1, 4])
def test_initial_states(op_type: str, initial: str, steps: int) -> None:
    check(layer(op_type, steps, 2, initial=initial, direction="bidirectional"))


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_sequences_that_are_shorter_than_the_tensor(direction: str) -> None:
    check(layer("LSTM", length=3, direction=direction))


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {"peephole": True}),
    ("LSTM", {"input_forget": 1}),
    ("LSTM", {"clip": 0.4}),
    ("LSTM", {"bias": False}),
    ("GRU", {"linear_before_reset": 1}),
    ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}),
    ("GRU", {"clip": 0.3}),
    ("RNN", {"activations": ["Relu"]}),
    ("RNN", {"activations": ["ThresholdedRelu"], "activation_alpha": [0.1]}),
    ("RNN", {"activations": ["ScaledTanh"], "activation_alpha": [0.8], "activation_beta": [1.5]}),
    (
        "LSTM",
        {"activations": ["HardSigmoid", "Softsign", "Elu"], "activation_alpha": [0.3, 0.7], "activation_beta": [0.4]},
    ),
    (
        "RNN",
        {
            "direction": "bidirectional",
            "activations": ["LeakyRelu", "Affine"],
            "activation_alpha": [0.2, 0.7],
            "activation_beta": [0.1],
        },
    ),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("op_type", "options"), OPTIONS)
def test_options(op_type: str, options: dict[str, Any]) -> None:
    check(layer(op_type, **options))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("quantised", ["whole", "rows"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_quantised_weights_stay_int8(quantised: str, direction: str) -> None:
    built = check(layer("LSTM", quantised=quantised, direction=direction))
    for node in built.network.nodes:
        if isinstance(node.operator, Recurrent):
            assert {node.constants[name].dtype.name for name in ("weight", "recurrence")} == {"int8"}


def test_memory_does_not_grow_with_time() -> None:
    """Where lines come and go, a layer takes what its states and gates take."""
    few, many = (
        relay.build(from_onnx(layer("LSTM", steps, results="H")), "c -tinyseg -io=line").memory.total
        for steps in (4, 64)
    )
    assert few == many


@pytest.mark.parametrize("op_type", ["LSTM", "GRU"])
def test_a_program_gives_what_the_reference_gives(op_type: str, tmp_path) -> None:
    built = relay.build(from_onnx(layer(op_type, initial="input", quantised="rows")), "c -tinyseg -board=mps2_an386")
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=port.model_shape).astype(np.float32) for port in built.network.inputs]
    found = micro.generate_project("mps2_an386", built, tmp_path / "recurrent").run([arrays]).outputs[0]
    for array, expected in zip(found, reference.run(built.network, arrays), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_what_depends_on_data_is_refused_by_name() -> None:
    proto = layer("LSTM")
    del proto.graph.initializer[0]
    proto.graph.input.append(helper.make_tensor_value_info("w", 1, [1, 4 * UNITS, WIDTH]))
    with pytest.raises(TinySegError, match=r"layer \(LSTM\): its weights are computed"):
        from_onnx(proto)
