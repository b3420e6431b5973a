"""Operators as Relax calls: construction, type inference, text, and the way back to the dataclass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R

from tinyseg_tvm.operators import OPERATORS, Conv2d, Elementwise, GlobalPool, Lookup, Slice
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.operators_registration import (
    activations_of,
    call,
    constants_of,
    is_operator_call,
    operator_of,
)

CONV = Conv2d((1, 2), (0, 1, 2, 3), (1, 1), 1, onnx.WeightedSum(-3, 4, -128, 100))


def variable(name: str, *shape: int) -> relax.Var:
    return relax.Var(name, relax.TensorType(shape, "int8"))


def convolution(x: relax.Var) -> relax.Call:
    weight = np.ones((5, 3, 3, 2), np.int8)
    constants = [weight, np.arange(5, dtype=np.int32), np.full(5, 0.5, np.float32)]
    return call(CONV, x, *map(relax.const, constants))


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_operator_is_registered_and_pure(kind: str) -> None:
    operator = tvm.ir.Op.get(f"relax.tinyseg.{kind}")
    assert operator.get_attr("FInferType") is not None
    assert operator.get_attr("FPurity")
    assert hasattr(tvm.script.relax.tinyseg, kind)


def test_type_is_inferred_by_the_operator() -> None:
    result = relax.BlockBuilder().normalize(convolution(variable("x", 1, 6, 7, 2)))
    assert [int(dimension) for dimension in result.ty.shape] == [1, 6, 5, 5]
    assert str(result.ty.dtype) == "int8"


@pytest.mark.parametrize(
    "operator",
    [
        CONV,
        Slice((0, 1), (2, 3), (1, 2)),
        Elementwise("add", onnx.Binary(float(np.float32(0.1)), -3, 1e-30, 0, float(np.float32(1 / 3)), 5, -128, 127)),
        GlobalPool("max"),
        Lookup("uint8"),
    ],
)
def test_the_dataclass_comes_back_unchanged(operator: object) -> None:
    again = operator_of(call(operator, variable("x", 1)))  # type: ignore[arg-type]
    assert again == operator
    for field in dataclasses.fields(again):  # type: ignore[arg-type]
        assert type(getattr(again, field.name)) is type(getattr(operator, field.name))


def test_operands_are_activations_then_constants() -> None:
    x = variable("x", 1, 6, 7, 2)
    expression = convolution(x)
    assert is_operator_call(expression)
    assert not is_operator_call(x)
    (activation,) = activations_of(expression)
    assert activation.same_as(x)
    assert list(constants_of(expression)) == ["weight", "bias", "multiplier"]
    assert constants_of(expression)["bias"].tolist() == [0, 1, 2, 3, 4]


def test_wrong_operands_are_refused_with_the_operators_own_words() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        relax.BlockBuilder().normalize(convolution(variable("x", 1, 6, 7, 9)))


def test_text_is_printed_and_parsed() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((1, 4, 6, 3), "int8")) -> R.Tensor((1, 2, 6, 3), "int8"):
            with R.dataflow():
                pooled = R.tinyseg.max_pool2d(x, kernel=[2, 1], strides=[2, 1], padding=[0, 0, 0, 0], dilation=[1, 1])
                R.output(pooled)
            return pooled

    module: tvm.IRModule = Module
    tvm.ir.assert_structural_equal(tvm.script.from_source(module.script()), module)
