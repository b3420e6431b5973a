"""Real networks lower without any data movement left."""

import pytest

from tinyseg_tvm import relay_passes
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.frontend import from_onnx

MOVEMENT = {"transpose", "reshape", "pad", "opaque"}


@pytest.mark.parametrize(
    "name",
    [
        "fdt_cif_cifar10_int8_qdq",
        "fdt_kws_cnn_s_quantized",
        "fdt_mw_magic_wand_int8_qdq",
        "gen_tinyunet_80x120_int8",
        "micro_kws_m_static_qoperator",
        "mlperf_resnet8_int8",
        "tflm_person_detect",
        "tinyseg_tinyunet_int8io",
        pytest.param("tinyengine_vww", marks=pytest.mark.slow),
        pytest.param("tinyengine_mcunetv2_large", marks=pytest.mark.slow),
        pytest.param("seg_coral_deeplabv3_mnv2_dm05_pascal_quant", marks=pytest.mark.slow),
    ],
)
def test_no_movement_is_left_in_integer_networks(models_dir, name):
    network = relay_passes.lower(from_onnx(models_dir / "onnx" / f"{name}.onnx")[0])
    assert not [node.name for node in network.nodes if node.operator.kind in MOVEMENT]
    assert all(tensor.scale is not None for tensor in network.tensors.values() if tensor.type.dtype == "int8")


def test_quantised_io_drops_the_float_edges(models_dir):
    module, _ = from_onnx(models_dir / "onnx" / "gen_tinyunet_80x120_int8_floatio.onnx")
    network = relay_passes.lower(module, io_type="quantized")
    kinds = {node.operator.kind for node in network.nodes}
    assert not kinds & {"quantize", "dequantize"}
    assert all(port.quantized for port in (*network.inputs, *network.outputs))
    assert all(network.tensors[port.tensor].scale for port in (*network.inputs, *network.outputs))


def test_virtual_concats_leave_no_copy(models_dir):
    module, _ = from_onnx(models_dir / "onnx" / "gen_tinyunet_96x96_b4.onnx")
    network = relay_passes.lower(module)
    assert sum(len(node.inputs) == 2 for node in network.nodes) == 3
    assert not [node for node in network.nodes if node.operator.kind == "concat"]


def test_an_unknown_io_type_is_refused():
    with pytest.raises(UsageError, match="I/O type"):
        relay_passes.layout_pipeline("float16")
