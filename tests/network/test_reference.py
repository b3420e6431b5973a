"""Arrays in the model's and the device's layout, and the executor's refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network import Network, Node, Port, Tensor, reference
from tinyseg_tvm.operators import MaxPool2d, TensorType

COPY = MaxPool2d((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
DEVICE = TensorType((1, 4, 5, 3), "int8")


def network(**port):
    fields = {"model_shape": (1, 3, 4, 5), "model_dtype": "int8", "permutation": (0, 2, 3, 1), **port}
    return Network(
        "n",
        {"x": Tensor("x", DEVICE, 0.5, -3), "y": Tensor("y", DEVICE, 0.5, -3)},
        (Node("copy", COPY, ("x",), ("y",), {}),),
        (Port("input", "x", **fields),),
        (Port("output", "y", **fields),),
    )


@given(st.permutations(range(4)), st.integers(0, 2**32 - 1))
def test_from_device_undoes_to_device(permutation, seed):
    shape = tuple(DEVICE.shape[permutation.index(axis)] for axis in range(4))
    case = network(model_shape=shape, permutation=tuple(permutation))
    array = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    device = reference.to_device(case, case.inputs[0], array)
    assert device.shape == DEVICE.shape
    np.testing.assert_array_equal(device, array.transpose(permutation))
    np.testing.assert_array_equal(reference.from_device(case, case.outputs[0], device), array)


def test_inputs_and_outputs_have_the_layout_asked_for():
    case = network()
    array = np.arange(60, dtype=np.int8).reshape(1, 3, 4, 5)
    trace: dict[str, np.ndarray] = {}
    (model,) = reference.run(case, [array], trace=trace)
    (device,) = reference.run(case, [array.transpose(0, 2, 3, 1)], layout="device")
    np.testing.assert_array_equal(model, array)
    np.testing.assert_array_equal(device, array.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(trace["y"], device)


def test_quantised_ports_take_floats_and_round_half_to_even():
    case = network(model_dtype="float32", quantized=True)
    values = np.full((1, 3, 4, 5), 0.25, np.float32)  # 0.5 steps: rounds to 0, so -3
    values[0, 0, 0, 0] = 0.75  # 1.5 steps: rounds to 2
    values[0, 0, 0, 1] = 1e9
    device = reference.to_device(case, case.inputs[0], values)
    assert (device[0, 0, 0, 0], device[0, 0, 1, 0], device[0, 0, 2, 0]) == (-1, 127, -3)
    np.testing.assert_array_equal(reference.run(case, [values])[0][0, 0, 0, :3], [1.0, 65.0, 0.0])
    np.testing.assert_array_equal(reference.to_device(case, case.inputs[0], values.astype(np.int8))[0, 0, 0, 0], 0)


@pytest.mark.parametrize(
    "inputs",
    [[], [np.zeros((1, 4, 5, 3), np.int8)], [np.zeros((1, 3, 4, 5), np.float32)]],
    ids=["number", "shape", "type"],
)
def test_wrong_inputs_are_refused(inputs):
    with pytest.raises(UsageError):
        reference.run(network(), inputs)


def test_an_unknown_layout_is_refused():
    with pytest.raises(UsageError, match="layout"):
        reference.run(network(), [np.zeros((1, 3, 4, 5), np.int8)], layout="planar")
