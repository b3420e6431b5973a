"""TensorFlow Lite files: read without trust, imported with their names, refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import tvm

from tests.frontend.tflite_files import TfliteFile, convolution
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite, is_tflite
from tinyseg_tvm.frontend.tflite.reading import read_model
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower


def small(dtype: str = "int8") -> bytes:
    made = convolution(np.random.default_rng(3), dtype=dtype)
    return made.to_bytes([0], [len(made.tensors) - 1])


def test_a_written_file_is_read_with_shapes_options_and_quantisation():
    model = read_model(small(), "small")
    graph = model.subgraphs[0]
    convolved = graph.operators[0]
    assert [call.kind for call in graph.operators] == [
        "CONV_2D",
        "AVERAGE_POOL_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    assert convolved.options["padding"] == "SAME"
    assert convolved.options["fused_activation_function"] == "RELU"
    weight = graph.tensors[1]
    assert weight.data is not None
    assert weight.data.shape == (4, 3, 3, 3)
    assert weight.quantization is not None
    assert weight.quantization.scales.size == 4
    assert weight.quantization.axis == 0


def test_bindings_have_the_names_of_the_file():
    module, params = from_tflite(small(), name="small")
    names = [str(binding.var.name) for binding in module["main"].body.blocks[0].bindings]
    assert params == {}
    assert names[:5] == ["conv", "pool", "flat", "dense", "shares"]
    ports = module["main"].attrs["tinyseg.model_ports"]
    assert ports["inputs"][0]["name"] == "image"
    assert module.attrs["tinyseg.model_name"] == "small"


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_ports_keep_the_type_of_the_file(dtype):
    network = lower(from_tflite(small(dtype))[0])
    x = np.random.default_rng(0).integers(0, 100, (1, 8, 6, 3)).astype(dtype)
    result = run(network, [x])[0]
    assert result.dtype == dtype
    assert result.shape == (1, 3)
    assert abs(int(result.astype(int).sum()) - (0 if dtype == "uint8" else -3 * 128) - 256) <= 2


def test_a_file_is_known_by_its_identifier(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(small())
    assert is_tflite(path)
    assert not is_tflite(tmp_path / "missing")
    module, _ = from_tflite(path)
    assert module.attrs["tinyseg.model_name"] == "model"


def test_every_truncation_is_refused_in_one_sentence():
    data = small()
    for length in range(0, len(data), 7):
        with pytest.raises(TinySegError, match=r"Remedy|refused|cannot"):
            from_tflite(data[:length])


def test_mutated_files_are_read_or_refused():
    data, rng = small(), np.random.default_rng(11)
    refusals = []
    for _ in range(400):
        broken = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 4)):
            broken[position] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        try:
            lower(from_tflite(bytes(broken))[0])
        except TinySegError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert not any("\n" in refusal or "Traceback" in refusal for refusal in refusals)


def test_an_axis_outside_of_the_tensor_is_the_one_that_the_scales_fit():
    made = TfliteFile()
    made.tensor((4, 1, 1, 8), scale=np.ones(8), axis=7, data=np.zeros((4, 1, 1, 8), np.int8))
    found = read_model(made.to_bytes([], [0]), "file").subgraphs[0].tensors[0].quantization
    assert found is not None
    assert found.axis == 3
    made.tensors[0]["shape"] = [8, 1, 1, 8]
    made.tensors[0]["data"] = np.zeros((8, 1, 1, 8), np.int8)
    with pytest.raises(TinySegError, match="8 scales along axis 7"):
        read_model(made.to_bytes([], [0]), "file")


def test_four_bit_weights_have_the_low_nibble_first():
    made = TfliteFile()
    made.tensor((3,), "int4", data=np.array([0x8F, 0x07], np.uint8))
    stored = read_model(made.to_bytes([], [0]), "file").subgraphs[0].tensors[0].data
    np.testing.assert_array_equal(stored, [-1, -8, 7])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.tensors[0].update(scales=[float("nan")]), "scale nan"),
        (lambda f: f.tensors[0].update(shape=[1, -8, 6, 3]), "negative dimension"),
        (lambda f: f.tensors[0].update(shape=[1, 1 << 20, 1 << 20, 3]), "more than the limit"),
        (lambda f: f.tensors[1].update(shape=[4, 3, 3, 4]), "needs 144 bytes"),
        (lambda f: f.operators[0][1].append(99), "names tensor 99"),
        (lambda f: f.operators[0][2].append(-1), "names tensor -1"),
    ],
)
def test_contradictions_are_named(change, said):
    made = convolution(np.random.default_rng(3))
    change(made)
    with pytest.raises(TinySegError, match=said):
        from_tflite(made.to_bytes([0], [len(made.tensors) - 1]))


def test_all_operators_that_cannot_be_computed_are_listed():
    made = TfliteFile()
    x = made.tensor((1, 4, 4, 2))
    a, b = made.tensor((1, 4, 4, 2), name="first"), made.tensor((1, 4, 4, 2), name="second")
    made.operator("LOCAL_RESPONSE_NORMALIZATION", [x], [a])
    made.operator("FLOOR_MOD", [a, a], [b])
    module, _ = from_tflite(made.to_bytes([x], [b]))
    with pytest.raises(TinySegError, match=r"first \(LOCAL_RESPONSE_NORMALIZATION\).*second \(FLOOR_MOD\)"):
        lower(module)


def test_chains_of_shapes_are_computed_at_import():
    made = TfliteFile()
    x = made.tensor((1, 4, 3, 2), name="x")
    shape = made.tensor((4,), "int32", None)
    made.operator("SHAPE", [x], [shape])
    first = made.tensor((), "int32", None)
    bounds = [made.constant(np.array([n], np.int32)) for n in (0, 1, 1)]
    made.operator("STRIDED_SLICE", [shape, *bounds], [first], shrink_axis_mask=1)
    target = made.tensor((2,), "int32", None)
    made.operator("PACK", [first, made.constant(np.array(24, np.int32))], [target], values_count=2, axis=0)
    y = made.tensor((1, 24), name="y")
    made.operator("RESHAPE", [x, target], [y])
    module, _ = from_tflite(made.to_bytes([x], [y]))
    calls = [binding.value for binding in module["main"].body.blocks[0].bindings]
    assert [call.op.name for call in calls if isinstance(call, tvm.ir.Call)] == ["relax.tflite.reshape"]
