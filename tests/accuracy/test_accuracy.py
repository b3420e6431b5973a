"""Samples from files, preprocessing, scores, and ports of integers."""

from __future__ import annotations

import argparse
import math
import zipfile

import numpy as np
import pytest
from PIL import Image

from tinyseg_tvm.accuracy import Preprocessing, Sample, Score, read_samples, samples
from tinyseg_tvm.accuracy.ports import (
    PortScale,
    check_classes,
    check_preprocessing,
    check_threshold,
    folded_normalisation,
    port_values,
)
from tinyseg_tvm.accuracy.scores import IGNORED, Reading
from tinyseg_tvm.cli import data_arguments
from tinyseg_tvm.errors import TinySegError, UsageError


def picture(path, values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def test_folders_give_pictures_with_masks_or_classes(tmp_path) -> None:
    rows = np.arange(48).reshape(4, 4, 3)
    picture(tmp_path / "s" / "images" / "a.png", rows)
    picture(tmp_path / "s" / "masks" / "a.png", np.full((4, 4), 255))
    (sample,) = read_samples(tmp_path / "s", inputs=["x"])
    assert sample.pixels is not None
    assert np.array_equal(sample.pixels, rows)
    assert np.all(sample.label == 1)  # 0 and 255 alone: 255 is class 1
    picture(tmp_path / "s" / "images" / "b.png", rows)
    with pytest.raises(UsageError, match="has no mask"):
        read_samples(tmp_path / "s", inputs=["x"])
    picture(tmp_path / "s" / "masks" / "b.png", np.ones((4, 4)))
    assert np.all(read_samples(tmp_path / "s", inputs=["x"]).read(0).label == IGNORED)
    for kind in ("cat", "ant"):
        picture(tmp_path / "c" / kind / "1.png", rows[..., 0])
    found = read_samples(tmp_path / "c", inputs=["x"], channels=1, resize=(2, 8))
    assert found.classes == ("ant", "cat")
    assert [sample.label for sample in found] == [0, 1]
    check_classes(found, (1, 2), "float32", Reading("classification"))
    with pytest.raises(UsageError, match="2 folders of classes, the network tells 10 apart"):
        check_classes(found, (1, 10), "float32", Reading("classification"))
    assert getattr(found.read(0).pixels, "shape", None) == (2, 8, 1)
    (tmp_path / "c" / "cat" / "1.png").write_bytes(b"no picture")
    with pytest.raises(TinySegError, match="no readable picture"):
        list(found)
    (tmp_path / "c" / "bat").mkdir()
    with pytest.raises(UsageError, match="bat has no pictures"):
        read_samples(tmp_path / "c", inputs=["x"])


def test_archives_are_checked(tmp_path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=np.zeros((3, 2, 2, 3), np.uint8), labels=np.arange(2))
    with pytest.raises(UsageError, match="as many samples of each"):
        read_samples(path, inputs=["x"])
    np.savez(path, y=np.zeros((3, 2)))
    with pytest.raises(UsageError, match="no array for the input 'x'"):
        read_samples(path, inputs=["x"])
    values = np.ones((3, 2), np.float32)
    np.savez(path, x=values, labels=np.zeros(3))
    with pytest.raises(UsageError, match="classes are whole numbers"):
        read_samples(path, inputs=["x"])
    values[1] = np.nan
    np.savez(path, x=values)
    with pytest.raises(UsageError, match="sample 1: input 'x' holds values that are no numbers"):
        read_samples(path, inputs=["x"])
    np.savez(path, x=values[:1])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("text", "no array")
    with pytest.raises(UsageError, match="'text' is no array"):
        read_samples(path, inputs=["x"])


def damaged(path, offset: int, value: int) -> None:
    """Gives two bytes of the first member's description another value, in both of a zip file's places for it."""
    content = bytearray(path.read_bytes())
    for at in (6 + offset, content.index(b"PK\x01\x02") + 8 + offset):
        content[at : at + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)


def test_files_that_are_no_archives_are_one_sentence(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.npz"
    for offset, value in ((0, 1), (2, 77)):  # encrypted; a compression that nobody has
        np.savez(path, x=np.zeros((3, 2)))
        damaged(path, offset, value)
        with pytest.raises(TinySegError, match=r"no readable \.npz"):
            read_samples(path, inputs=["x"])
    np.savez_compressed(path, x=np.zeros((300, 2)))
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)  # zlib's
    for broken in (bytes(content), b"PK"):
        path.write_bytes(broken)
        with pytest.raises(TinySegError, match=r"no readable \.npz"):
            read_samples(path, inputs=["x"])
    np.savez_compressed(path, x=np.zeros((300, 2)), y=np.zeros(1000))
    monkeypatch.setattr(samples, "MOST_UNPACKED", 10_000)
    with pytest.raises(TinySegError, match="more than 10000"):
        read_samples(path, inputs=["x"])


def test_scores_are_those_of_sets() -> None:
    random = np.random.default_rng(5)
    truth, predicted = random.integers(0, 3, (2, 40, 40))
    truth[:4] = IGNORED
    score = Score(4)
    for rows in (slice(0, 20), slice(20, 40)):
        score.add(predicted[rows], truth[rows])
    seen = truth != IGNORED
    for kind in range(3):
        a, b = (truth == kind) & seen, (predicted == kind) & seen
        assert score.iou[kind] == pytest.approx((a & b).sum() / (a | b).sum())
    assert score.iou[3] is None
    assert score.accuracy == pytest.approx((truth == predicted)[seen].mean())
    assert not Score(4).seen
    assert math.isnan(Score(4).mean_iou)  # nothing is not all
    with pytest.raises(UsageError, match="class 7"):
        score.add(np.zeros((1, 1), int), np.full((1, 1), 7))


def test_outputs_become_classes() -> None:
    logits = np.array([[[[-1.0, 2.0]]]])
    assert Reading().predicted(logits).tolist() == [[0, 1]]
    assert Reading(threshold=3.0).predicted(logits).tolist() == [[0, 0]]
    assert Reading(layout="nhwc").predicted(np.array([[[[0.0, 3.0, 1.0]]]])).tolist() == [[1]]
    assert Reading("classification").predicted(np.array([[0.0, 3.0, 1.0]])) == 1
    assert Reading().predicted(np.array([[[4, 5]]], np.int64)).tolist() == [[4, 5]]


def test_a_threshold_that_decides_nothing_is_refused() -> None:
    chances = PortScale("int8", 1 / 256, -128)
    with pytest.raises(UsageError, match=r"takes 0 to 0\.9961, and class 1 is above 0"):
        check_threshold(chances, (1, 1, 4, 4), Reading())
    check_threshold(chances, (1, 1, 4, 4), Reading(threshold=0.5))
    check_threshold(chances, (1, 2, 4, 4), Reading())


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.5, 0.5), (0.4, 0.25), (0.0, 1 / 255)])
def test_ports_of_pixels_take_pixels_whatever_the_normalisation(mean, std) -> None:
    preprocessing = Preprocessing((mean,), (std,))
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    port = folded_normalisation(preprocessing, "int8")
    taken = port_values(port, Sample("x", pixels), "x", preprocessing)
    assert (taken.reshape(-1).astype(int) == np.arange(256) - 128).all()
    off = np.abs(port.real(taken) - preprocessing.image(pixels)).max()
    assert off <= 0.5 / 255 / std + 1e-4
    other = PortScale("int8", 0.01, 3)
    assert np.abs(other.real(other.quantised(np.array([0.123])))[0] - 0.123) <= 0.005


@pytest.mark.parametrize(
    "words",
    ["--resize 0x80", "--resize 00x80", "--resize 99999x99999", "--threshold nan", "--threshold 0.5,7", "--mean 1/"],
)
def test_arguments_of_data_are_checked(words) -> None:
    parser = argparse.ArgumentParser()
    data_arguments.add_preprocessing(parser)
    given = parser.parse_args(words.split())
    with pytest.raises(UsageError, match=words.split()[0]):
        print(data_arguments.preprocessing(given), data_arguments.reading(given))


def test_preprocessing_is_for_pictures(tmp_path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 2), np.float32))
    found = read_samples(tmp_path / "x.npz", inputs=["x"])
    check_preprocessing(found, Preprocessing())
    for stated in (Preprocessing(mean=(0.5,)), Preprocessing(std=(0.5,)), Preprocessing(resize=(4, 4))):
        with pytest.raises(UsageError, match="for pictures"):
            check_preprocessing(found, stated)
