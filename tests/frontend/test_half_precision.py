"""Networks of 16-bit floats are float32 networks whose ports remember what they are in the file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.frontend.onnx_models import node, run_onnxruntime
from tinyseg_tvm import micro, relay
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference

F16 = np.float16


def network(kind: int = TensorProto.FLOAT16, cast: bool = False) -> onnx.ModelProto:
    """A convolution, Relu and a sum with a constant, in 16-bit floats; float32 at the ports where ``cast``."""
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 2, 3, 3)).astype(F16), rng.normal(size=3).astype(F16)
    tensors = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    if kind == TensorProto.BFLOAT16:
        tensors = [helper.make_tensor(t.name, kind, t.dims, numpy_helper.to_array(t).flatten()) for t in tensors]
    port = TensorProto.FLOAT if cast else kind
    core = [
        node("Conv", "h w b", "c", "conv", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r", "relu"),
        node("Constant", "", "two", value=helper.make_tensor("two", kind, [], [2.0])),
        node("Mul", "r two", "m"),
    ]
    ends = [node("Cast", "x", "h", to=kind), node("Cast", "m", "y", to=port)]
    values = [helper.make_tensor_value_info(n, port, [1, c, 6, 5]) for n, c in (("x", 2), ("y", 3))]
    graph = helper.make_graph([ends[0], *core, ends[1]], "half", values[:1], values[1:], tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 8
    return proto


@pytest.mark.parametrize("cast", [False, True])
def test_a_float16_network_computes_in_float32(cast: bool) -> None:
    proto = network(cast=cast)
    built = relay.build(from_onnx(proto), "c -tinyseg")
    assert {tensor.type.dtype for tensor in built.network.tensors.values()} == {"float32"}
    x = np.random.default_rng(1).normal(size=(1, 2, 6, 5)).astype(np.float32 if cast else F16)
    (expected,), (found,) = run_onnxruntime(proto, {"x": x}), reference.run(built.network, [x])
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=4e-3 * np.abs(expected).max())
    assert [remark for remark in built.remarks if "float16" in remark] == (
        [] if cast else ["x, y are float16 in the model, and carry float32"]
    )


def test_a_project_takes_float16_or_float32_and_gives_float16(tmp_path) -> None:
    built = relay.build(from_onnx(network()), "c -tinyseg")
    project = micro.generate_project("host", built, tmp_path / "half")
    x = np.random.default_rng(1).normal(size=(1, 2, 6, 5)).astype(F16)
    found = [project.run([[values]]).outputs[0][0] for values in (x, x.astype(np.float32))]
    assert [array.dtype for array in found] == [F16, F16]
    for array in found:
        np.testing.assert_array_equal(array, reference.run(built.network, [x])[0])


def test_ports_of_bfloat16_carry_float32_and_give_what_that_is_in_bfloat16() -> None:
    built = relay.build(from_onnx(network(TensorProto.BFLOAT16)), "c -tinyseg")
    assert [port.model_dtype for port in (*built.network.inputs, *built.network.outputs)] == ["bfloat16", "bfloat16"]
    assert [remark for remark in built.remarks if "bfloat16" in remark] == [
        "x, y are bfloat16 in the model, and carry float32"
    ]
    x = np.random.default_rng(1).normal(size=(1, 2, 6, 5)).astype(F16).astype(np.float32)
    (found,) = reference.run(built.network, [x])
    assert found.dtype == np.float32
    assert not (found.view(np.uint32) & 0xFFFF).any()
    (exact,) = reference.run(
        built.network, [reference.to_device(built.network, built.network.inputs[0], x)], layout="device"
    )
    np.testing.assert_allclose(reference.from_device(built.network, built.network.outputs[0], exact), found)


def test_types_that_the_caller_names_are_those_of_the_file() -> None:
    from_onnx(network(), {"x": (1, 2, 6, 5)}, {"x": "float16"})
    with pytest.raises(UsageError, match="input 'x' is float16 in the model, not 'float32'"):
        from_onnx(network(), None, {"x": "float32"})
