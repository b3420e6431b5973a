"""Every operator of every quantised model equals ONNX Runtime's, and the float models agree closely."""

import agreement
import numpy as np
import pytest

pytest.importorskip("onnxruntime")

QUANTISED = [
    "fdt_cif_cifar10_int8_qdq",
    "fdt_kws_aww",
    "fdt_kws_cnn_s_quantized",
    "fdt_mw_magic_wand_int8_qdq",
    "fdt_txt_text_class_int8_qdq",
    "gen_tinyunet_80x120_int8_floatio",
    "gen_tinyunet_80x120_int8_implicit",
    "gen_tinyunet_80x120_int8_rescale",
    "gen_tinyunet_80x120_uint8",
    "micro_kws_m_static_qdq",
    "micro_kws_m_static_qoperator",
    "mlperf_ad01_int8",
    "mlperf_resnet8_int8",
    "mlperf_vww_96_int8",
    "seg_nano_u_botanicgarden",
    "tflm_micro_speech_quantized",
    "tflm_person_detect",
    "tinyengine_vww",
]
SLOW = [
    "fdt_pos_posenet_075_353_481_quant",
    "gen_tinyunet_128x128_b16",
    "gen_tinyunet_160x160_b8_d4",
    "gen_tinyunet_240x320_int8",
    "gen_tinyunet_80x120_int8",
    "gen_tinyunet_96x96_b4",
    "mlperf_kws_ref_model",
    "seg_coral_deeplabv3_mnv2_dm05_pascal_quant",
    "tinyengine_mcunetv2_large",
    "tinyseg_tinyunet_int8io",
    "tinyseg_tinyunet_uint8io",
]
FLOAT = ["fdt_cif_cifar10", "fdt_mw_magic_wand", "fdt_txt_text_class"]

WITHOUT_TWIN = {"quantize", "dequantize", "lookup", "opaque", "pointwise", "reshape", "argmax", "convert"}
"""Kinds that may have no quantised tensor of the model beside them: borders, requantisation, float, classes."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [*QUANTISED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_operator_agrees(models_dir, name):
    found = agreement.compare(models_dir / "onnx" / f"{name}.onnx")
    print(agreement.table([found]))
    unequal = [c for c in found.operators if c.integer_kernel and c.differing]
    rounded = [c for c in found.operators if not c.integer_kernel and c.largest > 1]
    assert not unequal, "integer kernels must agree exactly"
    assert not rounded, "float computation may differ by one step"
    assert found.operators
    uncompared = {kind for _, kind in found.uncompared}
    assert uncompared <= WITHOUT_TWIN
    if "argmax" in uncompared:
        assert found.output_differing == 0


@pytest.mark.parametrize("name", FLOAT)
def test_float_models_agree(models_dir, name):
    found = agreement.compare(models_dir / "onnx" / f"{name}.onnx")
    assert found.output_relative <= 1e-4


def test_a_wrong_operator_is_noticed(models_dir, monkeypatch):
    """The comparison can fail: an average pool that is off by one step is found."""
    from tinyseg_tvm.operators import GlobalPool

    right = GlobalPool.reference

    def wrong(self, inputs, constants):
        return (np.clip(right(self, inputs, constants)[0].astype(np.int16) + 2, -128, 127).astype(np.int8),)

    monkeypatch.setattr(GlobalPool, "reference", wrong)
    found = agreement.compare(models_dir / "onnx" / "fdt_kws_aww.onnx")
    assert [c.kind for c in found.operators if c.differing] == ["global_pool"]
