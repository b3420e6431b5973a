"""Sweeps: every combination is a row, whoever plans it, and nothing is planned twice."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.end_to_end.small_models import one_convolution, save
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.parallel import Refusal, executor_for
from tinyseg_tvm.relay import BuildOptions, build, frontend
from tinyseg_tvm.sweep import HEADERS, planned, points, points_of, sweep

FAST = ("--layerwise", "--stream-axis", "rows")


@pytest.fixture
def model(tmp_path) -> Path:
    return save(one_convolution(), tmp_path / "one.onnx")


def test_a_row_has_the_figures_of_the_build(model):
    options = [BuildOptions("mps2_an386", layerwise=True), BuildOptions("mps2_an385", ram=1024)]
    with executor_for(1) as executor:
        fits, small = sweep(points_of([model], options), executor)
    mod, params = frontend.from_file(model)
    factory = build(mod, options[0], params)
    assert set(fits) == set(HEADERS)
    assert (fits["model"], fits["board"], fits["verdict"]) == ("one", "mps2_an386", "fits")
    assert (fits["ram"], fits["macs"]) == (factory.memory.total, factory.macs)
    assert fits["cycles"] > 0
    assert fits["milliseconds"] == pytest.approx(1000 * factory.timing.seconds)
    assert (small["verdict"], small["ram_limit"], small["cycles"]) == ("does not fit", 1024, None)
    assert small["ram"] > 1024
    assert small["remark"]


def test_every_combination_is_a_row_in_every_form(model, capsys):
    words = ["sweep", str(model), "--boards", "host,lm3s6965evb", "--rams", "none,48K", "--objectives", "ram", *FAST]
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["board"], row["ram_limit"]) for row in rows] == [
        ("host", None),
        ("host", 48 << 10),
        ("lm3s6965evb", None),
        ("lm3s6965evb", 48 << 10),
    ]
    assert {row["objective"] for row in rows} == {"ram"}
    assert main([*words, "--csv"]) == 0
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["ram"] for row in read] == [str(row["ram"]) for row in rows]
    assert main(words) == 0
    assert capsys.readouterr().out.count("lm3s6965evb") == 2


def test_a_broken_model_is_a_row_and_an_exit_code(model, tmp_path, capsys):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    assert main(["sweep", str(tmp_path / "broken.onnx"), str(model), "--board", "host", *FAST]) == 1
    out = capsys.readouterr().out
    assert "broken on host: " in out
    assert "fits" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none.onnx"], 1, "none.onnx: No such file"),
        (["{model}", "--boards", "nowhere"], 2, "nowhere"),
        (["{model}", "--boards", "host", "--storages", "tape"], 2, "has no storage of that name"),
        (["{model}", "--rams", "many"], 2, "-ram=many"),
        (["{model}", "--objectives", "fame"], 2, "must be one of"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_planned(words, code, message, model, capsys):
    assert main(["sweep", *(word.format(model=model) for word in words)]) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def test_what_is_kept_is_not_planned_again(model, tmp_path, monkeypatch, capsys):
    words = ["sweep", str(model), "--board", "host", *FAST, "--cache", str(tmp_path / "cache"), "--json"]
    assert main(words) == 0
    first = capsys.readouterr().out
    monkeypatch.setattr(points, "build", None)
    assert main(words) == 0
    assert capsys.readouterr().out == first
    with executor_for(1) as executor, pytest.raises(TypeError):  # another limit is another point
        list(sweep(points_of([model], [BuildOptions("host", ram=9999)]), executor, tmp_path / "cache"))


def test_an_interrupted_sweep_prints_what_it_has_and_goes_on(model, tmp_path, monkeypatch, capsys):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    words = ["sweep", str(model), "--boards", "host,lm3s6965evb", *FAST, "--cache", str(tmp_path / "cache")]
    asked: list[object] = []

    def once(*arguments, **named):
        asked.append(arguments)
        return build(*arguments, **named) if len(asked) == 1 else interrupted()

    monkeypatch.setattr(points, "build", once)
    assert main(words) == 130
    said = capsys.readouterr()
    assert "1 of 2 points are planned; the same command goes on from here" in said.err
    assert "host" in said.out
    monkeypatch.setattr(points, "build", build)
    assert main(words) == 0
    assert capsys.readouterr().out.count("fits") == 2
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_worker_with_another_file_or_other_versions_refuses(model):
    (point,) = points_of([model], [BuildOptions("host")])
    model.write_bytes(b"another")
    answer = planned(point)
    assert isinstance(answer, Refusal)
    assert "is another file for the worker" in answer.reason


@pytest.mark.release
def test_processes_and_a_cluster_plan_the_same(model):
    options = [BuildOptions("host", layerwise=True), BuildOptions("lm3s6965evb", layerwise=True)]
    asked = points_of([model], options)
    with executor_for(1) as executor:
        alone = list(sweep(asked, executor))
    with executor_for(2, processes=True) as executor:
        assert list(sweep(asked, executor)) == alone
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        executor_for(cluster=cluster.scheduler_address) as executor,
    ):
        assert list(sweep(asked, executor)) == alone
