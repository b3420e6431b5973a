"""The real networks: what they are made of after the integer passes (``pytest -s`` prints it)."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.passes.evaluation import MOVEMENT, bindings_of, census
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.relay_passes import integer_pipeline

# Models that are float32 as a whole.
FLOAT = {"fdt_cif_cifar10", "fdt_mw_magic_wand", "fdt_txt_text_class"}
LARGE = {"tinyengine_mcunetv2_large", "seg_coral_deeplabv3_mnv2_dm05_pascal_quant", "fdt_pos_posenet_075_353_481_quant"}
QUANTISED = [
    *("fdt_cif_cifar10_int8_qdq", "fdt_kws_aww", "fdt_kws_cnn_s_quantized", "fdt_mw_magic_wand_int8_qdq"),
    *("fdt_pos_posenet_075_353_481_quant", "fdt_txt_text_class_int8_qdq", "gen_tinyunet_128x128_b16"),
    *("gen_tinyunet_160x160_b8_d4", "gen_tinyunet_240x320_int8", "gen_tinyunet_80x120_int8"),
    *("gen_tinyunet_80x120_int8_floatio", "gen_tinyunet_80x120_int8_implicit", "gen_tinyunet_80x120_int8_rescale"),
    *("gen_tinyunet_80x120_uint8", "gen_tinyunet_96x96_b4", "micro_kws_m_static_qdq", "micro_kws_m_static_qoperator"),
    *("mlperf_ad01_int8", "mlperf_kws_ref_model", "mlperf_resnet8_int8", "mlperf_vww_96_int8"),
    *("seg_coral_deeplabv3_mnv2_dm05_pascal_quant", "seg_nano_u_botanicgarden", "tflm_micro_speech_quantized"),
    *("tflm_person_detect", "tinyengine_mcunetv2_large", "tinyengine_vww"),
    *("tinyseg_tinyunet_int8io", "tinyseg_tinyunet_uint8io"),
]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in QUANTISED]
)
def test_quantised_network_computes_in_integers(models_dir: Path, name: str) -> None:
    model = onnx.load(models_dir / "onnx" / f"{name}.onnx")
    imported = from_onnx(model)
    module = integer_pipeline()(imported[0] if isinstance(imported, tuple) else imported)
    counts = census(module)
    print(f"\n{name}: " + ", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
    floats = {kind for kind in counts if not kind.startswith("tinyseg.") and kind not in MOVEMENT}
    assert not floats
    nodes = {node.name for node in model.graph.node if node.op_type in ("Conv", "QLinearConv", "ConvTranspose")}
    named = {variable for variable, value in bindings_of(module) if "conv2d" in str(getattr(value, "op", ""))}
    assert len(named) == sum(node.op_type in ("Conv", "QLinearConv", "ConvTranspose") for node in model.graph.node)
    printable = {node for node in nodes if node.isidentifier()}
    assert printable <= named


def test_every_model_is_counted(models_dir: Path) -> None:
    assert {path.stem for path in (models_dir / "onnx").glob("*.onnx")} == set(QUANTISED) | FLOAT
