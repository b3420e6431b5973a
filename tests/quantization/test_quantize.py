"""From float networks to int8: no float left, the normalisation, the ranges, and what is refused."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.quantization.float_networks import HEIGHT, WIDTH, Builder, halved, mobile_head
from tinyseg_tvm.boards.load import FOLDER
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.quantization import Preprocessing, QuantizationOptions, outlook, placement, preparation, quantize
from tinyseg_tvm.quantization.calibration import AT_ONCE, activation_ranges
from tinyseg_tvm.quantization.choice import Candidate, best

IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six noisy gradients."""
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    random = np.random.default_rng(3)
    slope = np.linspace(0, 150, WIDTH)[None, None, :, None]
    np.savez(path, images=(slope + random.integers(0, 106, (6, HEIGHT, WIDTH, 3))).astype(np.uint8))
    return path


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "float.onnx"
    onnx.save(model, path)
    return path


def options(**given) -> QuantizationOptions:
    return QuantizationOptions(**{"methods": ("minmax",), **given})


def test_no_operator_stays_in_float_and_little_is_lost(tmp_path, pictures) -> None:
    found = quantize(saved(mobile_head(), tmp_path), pictures, options=options())
    found.save(tmp_path / "q.onnx")
    assert outlook(tmp_path / "q.onnx", "host").islands == ()
    assert found.candidates[0].decibels > 35.0
    assert found.ports["image"] == pytest.approx((1 / 255, -128))
    assert onnx.load(tmp_path / "q.onnx").graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.INT8
    assert found.worst is not None
    assert found.worst.added == max(layer.added for layer in found.layers)
    assert {layer.kind for layer in found.layers}.isdisjoint({"Relu", "Erf"})  # parts of their sum, of their table


def test_a_function_of_one_tensor_is_not_quantised_inside() -> None:
    prepared = preparation.prepared(mobile_head(), preparation.OPSET)
    found = placement.placement_of(prepared)
    makers = {name: node.op_type for node in prepared.graph.node for name in node.output}
    assert {makers[name] for name in found.interior} >= {"Erf", "Div", "Add", "Mul"}
    assert "gelu" not in found.interior
    assert all(makers[name] != "Concat" for name in found.interior)


def test_float16_and_open_shapes_give_the_same_network(tmp_path, pictures) -> None:
    whole = quantize(saved(mobile_head(), tmp_path), pictures, options=options())
    other = mobile_head(["n", 3, "h", "w"])
    opened = quantize(saved(other, tmp_path), pictures, options=options())
    half = quantize(saved(halved(other), tmp_path), pictures, options=options())
    assert opened.model.graph == whole.model.graph
    assert half.candidates[0].decibels == pytest.approx(whole.candidates[0].decibels, abs=1.0)


def test_normalisation_is_the_ports_scale_or_a_table(tmp_path, pictures) -> None:
    path = saved(mobile_head(), tmp_path)
    alike = quantize(path, pictures, options=options(preprocessing=Preprocessing((0.5,), (0.25,))))
    assert alike.ports["image"] == pytest.approx((1 / 63.75, 0))
    single = quantize(path, pictures, options=options(preprocessing=IMAGENET))
    assert single.ports["image"] == pytest.approx((1 / 255, -128))
    assert min(alike.candidates[0].decibels, single.candidates[0].decibels) > 30.0


@pytest.mark.release
def test_a_table_of_normalisation_is_no_float_operator(tmp_path, pictures) -> None:
    found = quantize(saved(mobile_head(), tmp_path), pictures, options=options(preprocessing=IMAGENET))
    found.save(tmp_path / "q.onnx")
    assert outlook(tmp_path / "q.onnx", "host").islands == ()


def test_data_of_another_range_are_refused(tmp_path, pictures) -> None:
    raw = tmp_path / "raw.npz"
    images = np.load(pictures)["images"].transpose(0, 3, 1, 2).astype(np.float32)
    np.savez(raw, images=images, masks=np.zeros((6, HEIGHT, WIDTH), np.uint8))
    with pytest.raises(UsageError, match="not preprocessed alike"):
        quantize(saved(mobile_head(), tmp_path), pictures, evaluation=raw, options=options())


def test_the_method_that_labels_prefer_is_kept(tmp_path, pictures) -> None:
    labelled = tmp_path / "labelled.npz"
    images = np.load(pictures)["images"]
    np.savez(labelled, images=images, masks=(images[..., 0] > 128).astype(np.uint8))
    found = quantize(saved(mobile_head(), tmp_path), labelled, options=options(methods=("entropy", "minmax")))
    figures = {candidate.method: candidate.figure or 0.0 for candidate in found.candidates}
    assert found.task == "segmentation"
    assert figures[found.method] == max(figures.values())
    assert found.float_figure is not None


@pytest.mark.release
def test_activations_of_16_bits_compile(tmp_path, pictures) -> None:
    found = quantize(saved(mobile_head(), tmp_path), pictures, options=options(activations="int16"))
    found.save(tmp_path / "q.onnx")
    assert found.candidates[0].decibels > 45.0
    assert outlook(tmp_path / "q.onnx", "host").islands == ()


@pytest.mark.release
def test_excluded_nodes_are_named_as_islands(tmp_path, pictures, capsys) -> None:
    path = saved(mobile_head(), tmp_path)
    words = ["quantize", str(path), "--calibration", str(pictures), "-o", str(tmp_path / "q.onnx"), "-q"]
    assert main([*words, "--method", "minmax", "--exclude", "conv0"]) == 0
    assert "float islands left: conv0" in capsys.readouterr().out
    assert main([*words, "--method", "minmax"]) == 0
    assert "float islands left: none" in capsys.readouterr().out


def test_a_tensor_that_is_small_at_first_has_no_more_bins_than_others() -> None:
    b = Builder()
    model = b.model(b.node("Relu", [b.node("Neg", ["image"], "middle")], "result"), [1, 1, 2, 4])
    values = np.linspace(-1.0, 1.0, 8, dtype=np.float32).reshape(1, 1, 2, 4)
    feeds = [{"image": values * (1e-4 if number < AT_ONCE else 100.0)} for number in range(2 * AT_ONCE)]
    told: list[int] = []
    whole = activation_ranges(model, "minmax", feeds, told.append)
    assert whole["middle"] == (-100.0, 100.0)
    for method in ("entropy", "percentile"):
        low, high = activation_ranges(model, method, feeds, told.append, whole)["middle"]
        assert -100.0 <= low < -50.0 < 50.0 < high <= 100.0
    assert sum(told) == 3 * len(feeds)


def test_an_output_that_is_read_inside_stays_real_there(tmp_path, pictures) -> None:
    b = Builder()
    features = b.node("Relu", [b.conv("image", 3, 4)], "features")
    model = b.model(b.conv(features, 4, 2), [1, 3, HEIGHT, WIDTH])
    model.graph.output.append(onnx.helper.make_tensor_value_info(features, onnx.TensorProto.FLOAT, [None] * 4))
    found = quantize(saved(model, tmp_path), pictures, options=options())
    assert found.candidates[0].decibels > 30.0
    assert {port.type.tensor_type.elem_type for port in found.model.graph.output} == {onnx.TensorProto.INT8}


def test_results_that_are_no_numbers_are_not_chosen() -> None:
    assert best([Candidate("minmax", math.nan, None), Candidate("entropy", 3.0, None)]).method == "entropy"


def test_what_is_written_and_for_what_is_checked_before_calibration(tmp_path, pictures, capsys) -> None:
    b = Builder()
    path = saved(b.model(b.conv("image", 3, 4, name="/head/conv[0]"), [1, 3, HEIGHT, WIDTH]), tmp_path)
    words = ["quantize", str(path), "--calibration", str(pictures), "-q", "--method", "minmax"]
    before = path.read_bytes()
    for more, said in (
        (["-o", str(path)], "is read: name another file"),
        (["-o", str(tmp_path)], "is a folder"),
        (["-o", str(tmp_path / "q.onnx"), "--board", "nowhere"], "unknown board"),
    ):
        assert main([*words, *more]) == UsageError.exit_code
        assert said in capsys.readouterr().err
    assert path.read_bytes() == before
    small = tmp_path / "small.toml"
    small.write_text((FOLDER / "mps2_an386.toml").read_text().replace('length = "4M"', 'length = "4K"'))
    more = ["-o", str(tmp_path / "q.onnx"), "--board", str(small), "--json", "--exclude", "/head/conv[0]"]
    assert main([*words, *more]) == 0
    assert "does_not_fit" in json.loads(capsys.readouterr().out)["compiled"]


def test_bad_input_is_one_sentence(tmp_path, pictures, monkeypatch) -> None:
    path = saved(mobile_head(), tmp_path)
    with pytest.raises(UsageError, match="no node is called 'nobody'"):
        quantize(path, pictures, options=options(excluded=("nobody",)))
    flat = tmp_path / "flat.npz"
    np.savez(flat, image=np.zeros((1, 3, 16, 24), np.float32))
    tall = saved(mobile_head([1, 3, "h", 24]), tmp_path)
    with pytest.raises(UsageError, match=r"\(1x3xhx24\): state --shape image"):
        quantize(tall, flat, options=options())
    small = tmp_path / "small.npz"
    np.savez(small, images=np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match="state --resize 16x24"):
        quantize(saved(mobile_head(), tmp_path), small, options=options())
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(TinySegError, match="no ONNX file"):
        quantize(tmp_path / "text.onnx", pictures, options=options())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(TinySegError, match=r"pip install 'tinyseg-tvm\[quantize\]'"):
        quantize(path, pictures, options=options())
