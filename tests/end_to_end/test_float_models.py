"""Float32 networks stream by line: firmware equals the reference bit for bit, and keeps bounds of memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend

BOARD = "mps2_an386"
KIB = 1024

# KiB of the whole program, streamed by rows, inputs and outputs resident; layer by layer they take 116, 12 and 17.
BARS = {"fdt_cif_cifar10": 30, "fdt_mw_magic_wand": 4, "fdt_txt_text_class": 6.5}


def built(mod_and_params, name: str, **options) -> Factory:
    mod, params = mod_and_params
    return build(mod, BuildOptions(**options), params, name=name)


@pytest.mark.parametrize("name", BARS)
def test_streamed_float_firmware_keeps_the_bar(models_dir: Path, name: str, tmp_path: Path) -> None:
    path = models_dir / "onnx" / f"{name}.onnx"
    factory = built(frontend.from_onnx(path), name, board=BOARD, stream_axis="rows")
    result = generate_project(factory.board, factory, tmp_path / "project").run()
    assert result.status == 0
    assert result.mismatches == 0
    assert result.ram.total <= BARS[name] * KIB
    assert result.ram.total <= factory.memory.total


def float_unet() -> onnx.ModelProto:
    """Depthwise and pointwise convolutions, a skip connection by concat, and a class map."""
    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(*shape: int) -> str:
        name = f"c{len(constants)}"
        scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        constants.append(numpy_helper.from_array((scale * rng.normal(size=shape)).astype(np.float32), name))
        return name

    def op(kind: str, *inputs: str, **attributes) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"t{len(nodes)}"], name=f"{kind}_{len(nodes)}", **attributes))
        return f"t{len(nodes) - 1}"

    def conv(x: str, outputs: int, inputs: int, kernel: int = 3, group: int = 1, stride: int = 1) -> str:
        pads = [kernel // 2] * 4
        weight = constant(outputs, inputs // group, kernel, kernel)
        y = op("Conv", x, weight, constant(outputs), pads=pads, group=group, strides=[stride] * 2)
        return op("Relu", y)

    top = conv("x", 8, 3)
    down = conv(conv(top, 8, 8, group=8, stride=2), 16, 8, kernel=1)
    wide = conv(op("Mul", down, down), 32, 16, kernel=1)
    up = op("DepthToSpace", wide, blocksize=2)
    joined = conv(op("Concat", up, top, axis=1), 8, 16)
    y = op("Softmax", op("Conv", joined, constant(4, 8, 1, 1)), axis=1)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "unet",
        [value("x", TensorProto.FLOAT, (1, 3, 32, 24))],
        [value(y, TensorProto.FLOAT, (1, 4, 32, 24))],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("board", ["host", BOARD])
def test_a_float_network_with_a_skip_streams_and_agrees_with_onnxruntime(board, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = float_unet()
    factory = built(frontend.from_onnx(model), "unet", board=board, stream_axis="rows")
    layered = built(frontend.from_onnx(model), "unet", board=board, stream_axis="rows", layerwise=True)
    assert "opaque" not in {node.operator.kind for node in factory.network.nodes}
    assert factory.macs > 0
    assert factory.memory.arena < 0.75 * layered.memory.arena
    x = np.random.default_rng(1).normal(size=(1, 3, 32, 24)).astype(np.float32)
    device = reference.to_device(factory.network, factory.network.inputs[0], x)
    result = generate_project(factory.board, factory, tmp_path / "project").run([[device]], layout="device")
    assert result.status == 0
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    port = factory.network.outputs[0]
    got = result.outputs[0][0]
    kind = factory.network.tensors[port.tensor].type
    array = np.frombuffer(got.tobytes(), kind.dtype).reshape(kind.shape)
    np.testing.assert_allclose(reference.from_device(factory.network, port, array), want, rtol=1e-4, atol=1e-5)
    expected = reference.run(factory.network, [device], layout="device")[0]
    assert array.tobytes() == np.ascontiguousarray(expected).tobytes()
