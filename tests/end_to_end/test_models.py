"""Real networks as firmware: exact, within the layer-by-layer bounds, and within the bars of line streaming.

Networks and bounds come from the folder of real networks (its README.md); tests skip where it is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend
from tinyseg_tvm.relay.factory import random_inputs

BOARD = "mps2_an386"
KIB = 1024

# Column "LB rewr" of the README: KiB of the largest sum of live tensors in file order, after pad folding, in-place
# operators and virtual concatenation. None: a network without a row there (quantised from a float one, or native ONNX).
LAYERWISE_BOUND: dict[str, float | None] = {
    "fdt_cif_cifar10_int8_qdq": None,
    "fdt_kws_aww": 15.6,
    "fdt_kws_cnn_s_quantized": 9.5,
    "fdt_mw_magic_wand_int8_qdq": None,
    "fdt_pos_posenet_075_353_481_quant": 2999.3,
    "fdt_txt_text_class_int8_qdq": None,
    "gen_tinyunet_128x128_b16": None,
    "gen_tinyunet_160x160_b8_d4": None,
    "gen_tinyunet_240x320_int8": None,
    "gen_tinyunet_80x120_int8": 187.5,
    "gen_tinyunet_80x120_int8_floatio": 187.5,
    "gen_tinyunet_80x120_int8_implicit": 187.5,
    "gen_tinyunet_80x120_int8_rescale": 187.5,
    "gen_tinyunet_80x120_uint8": 187.5,
    "gen_tinyunet_96x96_b4": None,
    "micro_kws_m_static_qdq": None,
    "micro_kws_m_static_qoperator": None,
    "mlperf_ad01_int8": 0.8,
    "mlperf_kws_ref_model": 15.6,
    "mlperf_resnet8_int8": 48.0,
    "mlperf_vww_96_int8": 54.0,
    "seg_coral_deeplabv3_mnv2_dm05_pascal_quant": 7453.0,
    "seg_nano_u_botanicgarden": 75.0,
    "tflm_micro_speech_quantized": 5.8,
    "tflm_person_detect": 54.0,
    "tinyengine_mcunetv2_large": 1470.0,
    "tinyengine_vww": 93.8,
    "tinyseg_tinyunet_int8io": 187.5,
    "tinyseg_tinyunet_uint8io": 187.5,
}
FLOAT = ("fdt_cif_cifar10", "fdt_mw_magic_wand", "fdt_txt_text_class")

# Run by make test: one of each kind (keyword spotting, QOperator form, dense, residual, U-Nets, text, depthwise).
QUICK = {
    "fdt_mw_magic_wand_int8_qdq",
    "fdt_txt_text_class_int8_qdq",
    "gen_tinyunet_96x96_b4",
    "micro_kws_m_static_qoperator",
    "mlperf_ad01_int8",
    "mlperf_resnet8_int8",
    "tflm_micro_speech_quantized",
}
ROUNDED = 0.05  # KiB: the README's figures have one decimal


def parameters(names) -> list[object]:
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


def factory_of(models_dir: Path, name: str, **options) -> Factory:
    mod, params = frontend.from_onnx(models_dir / "onnx" / f"{name}.onnx")
    return build(mod, BuildOptions(**options), params, name=name)


def run(factory: Factory, folder: Path, **options) -> RunResult:
    result = generate_project(factory.board, factory, folder, ram_limit=factory.options.ram).run(**options)
    assert result.status == 0
    return result


def test_every_network_of_the_folder_is_tested(models_dir: Path) -> None:
    assert {path.stem for path in models_dir.glob("onnx/*.onnx")} == {*LAYERWISE_BOUND, *FLOAT}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", parameters(LAYERWISE_BOUND))
def test_firmware_equals_the_reference_and_layer_by_layer_keeps_its_bound(models_dir, name, tmp_path) -> None:
    """On the QEMU board where it fits, else on the host; layer by layer, which is quick to plan."""
    try:
        factory = factory_of(models_dir, name, board=BOARD, objective="ram", layerwise=True, stream_axis="rows")
    except DoesNotFitError:
        factory = factory_of(models_dir, name, board="host", objective="ram", layerwise=True, stream_axis="rows")
    bound = LAYERWISE_BOUND[name]
    if bound is not None:
        assert factory.memory.arena <= (bound + ROUNDED) * KIB
    if factory.board.name == "host":
        assert factory.memory.arena > 3 << 20
    assert run(factory, tmp_path / "project", count="none").mismatches == 0


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in LAYERWISE_BOUND])
def test_streamed_firmware_equals_the_reference(models_dir, name, tmp_path) -> None:
    """By lines, inputs and outputs resident, along the better axis."""
    try:
        factory = factory_of(models_dir, name, board=BOARD)
    except DoesNotFitError:
        factory = factory_of(models_dir, name, board="host")
    result = run(factory, tmp_path / "project")
    assert result.mismatches == 0
    if factory.board.name == BOARD:
        assert result.ram.total <= factory.memory.total


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if "wand" in n else pytest.mark.slow) for n in FLOAT])
def test_float_firmware_agrees_with_onnxruntime(models_dir, name, tmp_path) -> None:
    """Within 1e-4 of the largest value."""
    onnxruntime = pytest.importorskip("onnxruntime")
    factory = factory_of(models_dir, name, board=BOARD, objective="ram", layerwise=True, stream_axis="rows")
    device = random_inputs(factory.network, seed=0)
    result = generate_project(factory.board, factory, tmp_path / "project").run([device], layout="device", count="none")
    assert result.status == 0
    ports = zip(factory.network.inputs, device, strict=True)
    inputs = [reference.from_device(factory.network, port, array) for port, array in ports]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(models_dir / "onnx" / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )
    feeds = {value.name: array for value, array in zip(session.get_inputs(), inputs, strict=True)}
    for port, data, expected in zip(factory.network.outputs, result.outputs[0], session.run(None, feeds), strict=True):
        kind = factory.network.tensors[port.tensor].type
        actual = np.frombuffer(data.tobytes(), kind.dtype).reshape(kind.shape)
        actual = reference.from_device(factory.network, port, actual)
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@dataclass(frozen=True)
class Bar:
    """What the whole program's RAM, measured on the firmware, must not exceed, in KiB."""

    model: str
    axis: str
    io: str
    kib: float
    io_type: str = "model"
    recompute: float = 0.0
    ram: int | None = None
    quick: bool = False

    def __str__(self) -> str:
        extra = f"-recompute{self.recompute:g}" if self.recompute else ""
        return f"{self.model}-{self.axis}-{self.io}{extra}"


# The bars that line streaming was built for. No extra multiply-accumulates unless "recompute" allows them.
UNET = "gen_tinyunet_80x120_int8"
BARS = (
    Bar(UNET, "rows", "resident", 114),
    Bar(UNET, "columns", "resident", 87),
    Bar(UNET, "columns", "line", 71, quick=True),
    Bar(UNET, "columns", "resident", 70, recompute=10.1),
    Bar("tinyseg_tinyunet_int8io", "rows", "resident", 114),
    Bar("tinyseg_tinyunet_int8io", "columns", "resident", 87),
    Bar("tinyseg_tinyunet_int8io", "columns", "line", 71),
    Bar("tinyseg_tinyunet_int8io", "columns", "resident", 70, recompute=10.1),
    Bar("tinyseg_tinyunet_uint8io", "columns", "line", 71),
    Bar("gen_tinyunet_240x320_int8", "columns", "line", 205, ram=256 * KIB),
    Bar("seg_nano_u_botanicgarden", "auto", "resident", 20),
    Bar("seg_nano_u_botanicgarden", "auto", "line", 10),
    Bar("mlperf_vww_96_int8", "auto", "resident", 34),
    Bar("mlperf_vww_96_int8", "auto", "line", 15),
    Bar("tflm_person_detect", "auto", "resident", 17),
    Bar("tflm_person_detect", "auto", "line", 14),
    Bar("mlperf_resnet8_int8", "auto", "line", 14),
    Bar("mlperf_kws_ref_model", "auto", "line", 7, quick=True),
    Bar("tinyengine_vww", "auto", "line", 20, io_type="quantized"),
    Bar("tinyengine_mcunetv2_large", "auto", "line", 260, io_type="quantized"),
    Bar("fdt_pos_posenet_075_353_481_quant", "columns", "line", 240),
    Bar("seg_coral_deeplabv3_mnv2_dm05_pascal_quant", "auto", "line", 300, io_type="quantized"),
)


@pytest.mark.parametrize("bar", [pytest.param(b, marks=() if b.quick else pytest.mark.slow, id=str(b)) for b in BARS])
def test_streamed_firmware_keeps_the_bar(models_dir: Path, bar: Bar, tmp_path: Path) -> None:
    factory = factory_of(
        models_dir,
        bar.model,
        board=BOARD,
        objective="ram",
        stream_axis=bar.axis,
        io=bar.io,
        io_type=bar.io_type,
        max_recompute=bar.recompute,
        ram=bar.ram,
    )
    result = run(factory, tmp_path / "project")
    assert result.mismatches == 0
    assert result.ram.total <= bar.kib * KIB
    assert result.ram.total <= factory.memory.total
    recomputed = factory.figures["recomputed_macs"]
    assert recomputed <= bar.recompute / 100 * (factory.macs - recomputed)
    assert result.instructions > 0
