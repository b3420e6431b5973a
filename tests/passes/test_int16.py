"""Networks of 16-bit activations: every operator family in integers, and what ONNX Runtime computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.passes.evaluation import MOVEMENT, bindings_of, census, evaluate
from tests.passes.int16_models import CASES, WideModel, every_kind
from tests.passes.qdq_models import random_inputs, run_onnxruntime
from tests.passes.test_operator_families import lowered
from tinyseg_tvm.operators import Conv2d
from tinyseg_tvm.operators.arithmetic import onnx as rule
from tinyseg_tvm.relay_passes.operators_registration import constants_of, operator_of

# Sums of floats are rounded, and a step is 256 times finer than one of int8: results fall the other way more often.
SHARE = 0.12


def check(model: onnx.ModelProto, kinds: set[str], share: float = SHARE) -> Any:
    """The model becomes exactly the tinyseg ``kinds`` and data movement, and is within a step of ONNX Runtime."""
    module = lowered(model)
    assert {kind for kind in census(module) if kind not in MOVEMENT} == {f"tinyseg.{kind}" for kind in kinds}
    for seed in range(2):
        inputs = random_inputs(model, seed)
        for expected, actual in zip(run_onnxruntime(model, inputs), evaluate(module, inputs), strict=True):
            assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
            difference = np.abs(actual.astype(np.int64) - expected.astype(np.int64))
            assert difference.max(initial=0) <= 1
            assert (difference > 0).mean() <= share
            assert len(np.unique(expected)) > min(expected.size, 20) // 2  # it is no constant
    return module


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
@pytest.mark.parametrize("name", sorted(CASES))
def test_family(name: str, dtype: Any) -> None:
    kinds, build = CASES[name]
    model = build(WideModel(dtype))
    ports = [*model.graph.input, *model.graph.output]
    unsigned = any(port.type.tensor_type.elem_type == TensorProto.UINT16 for port in ports)
    shifts = {"requantize"} if unsigned else set()
    if name == "float_ports":
        within_float(model, kinds)
    else:
        check(model, kinds | shifts)


def within_float(model: onnx.ModelProto, kinds: set[str]) -> None:
    """As ``check`` of a model whose results are floats."""
    module = lowered(model)
    assert {kind for kind in census(module) if kind not in MOVEMENT} == {f"tinyseg.{kind}" for kind in kinds}
    inputs = random_inputs(model)
    (expected,), (actual,) = run_onnxruntime(model, inputs), evaluate(module, inputs)
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_a_network_of_all_kinds_leaves_no_operator_in_float() -> None:
    kinds = {kind for kind in census(lowered(every_kind())) if kind not in MOVEMENT}
    assert all(kind.startswith("tinyseg.") for kind in kinds)
    assert not kinds & {"tinyseg.quantize", "tinyseg.dequantize"}


def test_bilinear_resizing_is_within_what_weights_of_11_bits_allow() -> None:
    model = WideModel()
    sizes = model.constant(np.array([1, 4, 11, 13], np.int64))
    y = model.op("Resize", model.read(1, 4, 5, 6), "", "", sizes, mode="linear")
    built = model.build(model.held(y, 0.0002, 300))
    module = lowered(built)
    assert {kind for kind in census(module) if kind not in MOVEMENT} == {"tinyseg.resize2d"}
    inputs = random_inputs(built)
    (expected,), (actual,) = run_onnxruntime(built, inputs), evaluate(module, inputs)
    assert np.abs(actual.astype(int) - expected).max() <= 65536 / 2048  # half a unit of both weights


@pytest.mark.parametrize(("operand", "result"), [(np.int8, np.int16), (np.int16, np.int8), (np.uint16, np.uint8)])
def test_a_sum_between_two_types_is_one_of_the_wider(operand: Any, result: Any) -> None:
    model = WideModel()
    scale = 0.05 if operand == np.int8 else 0.0002
    x = model.read(1, 4, 7, 9, scale=scale, zero_point=3, dtype=operand)
    y = model.op("Relu", model.weighted("Conv", x, 4, 4, 3, 3, channels=4))
    q = model.held(y, 0.3 if result != np.int16 else 0.002, 5, dtype=result)
    module = check(model.build(q), {"conv2d", "requantize"} | ({"lookup"} if result == np.uint8 else set()))
    (operator,) = [operator_of(value) for name, value in bindings_of(module) if name == "the_sum"]
    assert isinstance(operator, Conv2d)
    assert operator.arithmetic.dtype == "int16"


def test_an_operand_of_each_type_is_added_exactly() -> None:
    model = WideModel()
    x, y = model.read(1, 4, 7, 9), model.read(1, 4, 7, 9, scale=0.05, zero_point=3, dtype=np.int8)
    check(model.build(model.held(model.op("Add", x, y))), {"elementwise", "requantize"})


def test_sums_are_of_64_bits_where_32_are_not_proved_enough() -> None:
    model = WideModel()
    x = model.read(1, 400, 6)
    narrow = model.held(model.op("Conv", x, model.weight(4, 400, 1), name="narrow"), 0.002)
    w = model.weight(4, 400, 3)
    wide = model.held(model.op("Conv", x, w, model.bias(4, x, w), name="wide"), 0.004)
    module = check(model.build(narrow, wide), {"conv2d"})
    found = {name: value for name, value in bindings_of(module) if name in ("narrow", "wide")}
    widths = {}
    for name, value in found.items():
        operator = operator_of(value)
        assert isinstance(operator, Conv2d)
        assert isinstance(operator.arithmetic, rule.WeightedSum)
        widths[name] = operator.arithmetic.accumulator_dtype(constants_of(value))
    assert widths == {"narrow": "int32", "wide": "int64"}


def test_a_bias_beyond_int32_is_kept() -> None:
    model = WideModel()
    x = model.read(1, 4, 6, scale=1e-6, zero_point=0)
    w = model.weight(4, 4, 1, scale=1e-6)
    bias = model.constant(np.array([0.1, -0.2, 0.3, -0.05], np.float32))
    built = model.build(model.held(model.op("Conv", x, w, bias, name="the_sum"), 0.00001, 0))
    module = lowered(built)
    (call,) = [value for name, value in bindings_of(module) if name == "the_sum"]
    assert constants_of(call)["bias"].dtype == np.int64
    inputs = random_inputs(built)
    (expected,), (actual,) = run_onnxruntime(built, inputs), evaluate(module, inputs)
    assert np.abs(actual.astype(int) - expected).max() <= 1
