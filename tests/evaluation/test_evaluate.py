"""The firmware's C on this computer: scores, equal bytes to QEMU, documents, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import gc
import json

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.quantization.float_networks import HEIGHT, WIDTH, mobile_head
from tinyseg_tvm.accuracy import Sample, Score
from tinyseg_tvm.accuracy.scores import IGNORED, Reading
from tinyseg_tvm.cli import evaluate as cli_evaluate
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.evaluation import Evaluation, EvaluationOptions, evaluate, evaluator, pictures, write_documents
from tinyseg_tvm.evaluation.outcomes import Tally
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.micro.host_runs import HostProgram
from tinyseg_tvm.network import reference
from tinyseg_tvm.quantization import QuantizationOptions, quantize
from tinyseg_tvm.relay import build, frontend

COUNT = 7


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The float network, its int8 project for a Cortex-M4 by lines, labelled pictures, and the planned network."""
    folder = tmp_path_factory.mktemp("evaluation")
    random = np.random.default_rng(9)
    images = random.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
    np.savez(folder / "data.npz", images=images, masks=random.integers(0, 2, (COUNT, HEIGHT, WIDTH), np.uint8))
    onnx.save(mobile_head(), folder / "float.onnx")
    found = quantize(folder / "float.onnx", folder / "data.npz", options=QuantizationOptions(methods=("minmax",)))
    found.save(folder / "q.onnx")
    factory = build(frontend.from_file(folder / "q.onnx"), "c -tinyseg -board=mps2_an386 -io=line")
    generate_project(factory.board, factory, folder / "project", storages=factory.storages)
    return folder, factory


def test_scores_are_those_of_the_reference_executor(made) -> None:
    folder, factory = made
    found = evaluate(Project(folder / "project"), folder / "data.npz", options=EvaluationOptions(workers=2))
    data, score = np.load(folder / "data.npz"), Score(2)
    port = factory.network.outputs[0]
    scale, zero = (getattr(factory.network.tensors[port.tensor], name) for name in ("scale", "zero_point"))
    for image, mask in zip(data["images"], data["masks"], strict=True):
        pixels = (image.astype(np.int16) - 128).astype(np.int8).transpose(2, 0, 1)[None]
        (raw,) = reference.run(factory.network, [pixels])
        real = (np.asarray(raw, np.int64) - zero) * scale
        score.add(Reading().predicted(real), mask.astype(np.int64))
    assert found.tally.device is not None
    assert found.tally.device.matrix.tolist() == score.matrix.tolist()
    assert [name for name, *_ in found.tally.rows] == [str(number) for number in range(COUNT)]
    assert found.worst[0].figure == min(figure for _, figure, _ in found.tally.rows if figure is not None)


def test_the_float_network_agrees_and_the_command_writes_documents(made, tmp_path, capsys) -> None:
    folder, _ = made
    words = ["evaluate", str(folder / "project"), "--data", str(folder / "data.npz"), "-q", "--json", "--worst", "3"]
    assert main([*words, "--float", str(folder / "float.onnx"), "-o", str(tmp_path), "--workers", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["samples"] == COUNT
    assert figures["agreement"] > 0.95
    assert figures == json.loads((tmp_path / "evaluation.json").read_text())
    rows = list(csv.reader((tmp_path / "samples.csv").read_text().splitlines()))
    assert len(rows) == COUNT + 1
    with Image.open(tmp_path / "worst.png") as picture:
        assert picture.width > picture.height / 3
    html = (tmp_path / "evaluation.html").read_text()
    assert "data:image/png;base64," in html
    assert "http" not in html


def test_what_cannot_be_written_or_run_is_refused_before_it_starts(made, tmp_path, capsys) -> None:
    folder, _ = made
    (tmp_path / "file").write_text("")
    words = ["evaluate", str(folder / "project"), "--data", str(folder / "data.npz"), "-q"]
    for more, said in (
        (["-o", str(tmp_path / "file")], "is no folder"),
        (["--worst", "65"], "64 at most"),
        (["--timeout", "nan"], "no time"),
        (["--board-samples", "3"], "with --board"),
    ):
        assert main([*words, *more]) == UsageError.exit_code
        assert said in capsys.readouterr().err


def test_a_batch_is_dropped_when_it_is_counted(made, monkeypatch) -> None:
    folder, _ = made
    monkeypatch.setattr(evaluator, "BATCH_SAMPLES", 1)
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, Tally)}
    alive = []

    def progress(what: str, done: float) -> None:
        alive.append(sum(isinstance(one, Tally) and id(one) not in before for one in gc.get_objects()))

    evaluate(Project(folder / "project"), folder / "data.npz", options=EvaluationOptions(workers=1), progress=progress)
    assert len(alive) == COUNT
    assert alive[-1] <= 3  # the sum, and what a worker still holds


def test_results_of_classes_that_the_data_does_not_name_are_shown(tmp_path) -> None:
    tally, reading = Tally(1), Reading()
    label = np.array([[0, 1, IGNORED]])
    tally.add(reading, Sample("x", label=label), np.array([[0, 3, 3]]), np.array([[0, 1, 1]]))
    tally.add(reading, Sample("y", label=np.full((1, 3), IGNORED)), np.array([[0, 0, 0]]), None)
    found = Evaluation("net", "host", "data", "segmentation", ("ant", "bat"), tally)
    assert [name for name, *_ in found.intersections()] == ["ant", "bat", "2", "3"]
    assert tally.rows[1][1] is None
    assert "IoU of 3" in cli_evaluate._text(found)
    write_documents(found, tmp_path)
    assert "IoU of 3" in (tmp_path / "evaluation.html").read_text()
    assert not list(tmp_path.glob(".partial*"))
    difference = pictures._columns(found.worst[0])["difference"]
    assert [tuple(pixel) for pixel in difference[0]] == [pictures.BACKGROUND, pictures.WRONG, pictures.IGNORED_COLOUR]


def test_names_are_data(made, tmp_path) -> None:
    folder, _ = made
    found = evaluate(Project(folder / "project"), folder / "data.npz", options=EvaluationOptions(worst=1))
    hostile = dataclasses.replace(found, name="<script>", data="<b>", classes=("<i>", "=1+1"))
    hostile.tally.rows[0] = ("=HYPERLINK()", 1.0, None)
    write_documents(hostile, tmp_path)
    html = (tmp_path / "evaluation.html").read_text()
    assert not any(tag in html for tag in ("<script>", "<b>", "<i>"))
    assert "\n'=HYPERLINK()" in (tmp_path / "samples.csv").read_text()


@pytest.mark.release
def test_samples_on_the_board_give_equal_bytes(made, monkeypatch) -> None:
    folder, _ = made
    project = Project(folder / "project")
    assert evaluate(project, folder / "data.npz", options=EvaluationOptions(on_board=2)).on_board == (2, 0)
    honest = HostProgram.run

    def one_wrong(self, vectors, timeout):
        results = honest(self, vectors, timeout)
        results[0][0][0, 0, 0, 0] ^= 1
        return results

    monkeypatch.setattr(HostProgram, "run", one_wrong)
    assert evaluate(project, folder / "data.npz", options=EvaluationOptions(on_board=2)).on_board == (2, 1)


def test_data_that_do_not_fit_are_refused(made, tmp_path) -> None:
    folder, _ = made
    project, data = Project(folder / "project"), np.load(folder / "data.npz")
    path = tmp_path / "data.npz"
    np.savez(path, images=data["images"].transpose(0, 3, 1, 2).astype(np.float32), masks=data["masks"])
    with pytest.raises(UsageError, match="takes 0 to 255, and 0 to 1 for the network's scale"):
        evaluate(project, path)
    np.savez(path, images=data["images"])
    with pytest.raises(UsageError, match="no labels: give a float network"):
        evaluate(project, path)
    np.savez(path, images=data["images"][:, :8], masks=data["masks"][:, :8])
    with pytest.raises(UsageError, match="state --resize"):
        evaluate(project, path)
    np.savez(path, images=data["images"], labels=np.zeros(COUNT, np.int64))
    with pytest.raises(UsageError, match="state --task classification"):
        evaluate(project, path)
    states = dataclasses.replace(project.library, states=True)
    assert project.ports is not None
    with pytest.raises(UsageError, match="states across inferences"):
        HostProgram(project.directory, states, project.ports)
