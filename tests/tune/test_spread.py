"""Measurements spread over threads and a cluster, and kept on disk: what is found is the serial run's."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

import pytest

from tests.end_to_end.small_models import one_convolution
from tests.micro.probed_boards import behind_gdb
from tinyseg_tvm import relay
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.codegen.operators import NodeView
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.parallel import Refusal, executor_for
from tinyseg_tvm.tune import measurement, tune
from tinyseg_tvm.tune.candidates import candidates_of
from tinyseg_tvm.tune.measurement import Measurement, measured, tool_versions

TARGET = "c -tinyseg -board=mps2_an386 -ram=16K -stream-axis=rows"


@pytest.fixture(scope="module")
def question() -> Measurement:
    mod, params = relay.frontend.from_onnx(one_convolution())
    factory = relay.build(mod, TARGET, params)
    node = next(node for node in factory.network.nodes if node.operator.kind == "conv2d")
    view = NodeView.of(node, factory.network, factory.core)
    return Measurement.of(view, factory.board, candidates_of(view)[0])


def tuned(executor: Executor | None, progress: Callable[[str, float], None] | None = None):
    mod, params = relay.frontend.from_onnx(one_convolution())
    return tune(mod, TARGET, params, trials=3, executor=executor, progress=progress).records


@pytest.fixture(scope="module")
def alone():
    """What one finds, one measurement after the other."""
    return tuned(None)


def test_a_measurement_is_small_and_known_by_content(question):
    again = pickle.loads(pickle.dumps(question))
    assert len(pickle.dumps(question)) < 16 << 10
    assert again.key == question.key
    view = question.view
    renamed = replace(question, view=replace(view, node=replace(view.node, name="other")))
    assert renamed.key == question.key
    weights = {name: array + 1 for name, array in view.constants.items()}
    others = [
        replace(question, view=replace(view, node=replace(view.node, constants=weights))),
        replace(question, board=load_board("nucleo_l4r5zi@qemu")),
        replace(question, candidate=candidates_of(view)[-1]),
        replace(question, versions=(("arm-none-eabi-gcc", "1"),)),
    ]
    assert len({question.key, *(other.key for other in others)}) == 5


def test_a_worker_with_other_tools_refuses(question, monkeypatch):
    (name, version), *rest = reversed(question.versions)
    answer = measured(replace(question, versions=(*rest, (name, f"{version} of old"))))
    assert isinstance(answer, Refusal)
    assert f"{name} is {version} and not {version} of old: install the same there" in answer.reason


def test_versions_are_of_all_that_makes_and_runs_programs():
    names = [name for name, _ in tool_versions(load_board("mps2_an386"))]
    assert names == ["tinyseg-tvm", "apache-tvm", "arm-none-eabi-gcc", "qemu-system-arm"]
    assert len(tool_versions(behind_gdb("mps2_an386", cycles="systick"))) == 3


def test_what_is_kept_is_not_measured_again(tmp_path, monkeypatch):
    mod, params = relay.frontend.from_onnx(one_convolution())
    first = tune(mod, TARGET, params, trials=2, cache=tmp_path)
    monkeypatch.setattr(measurement, "IsolatedOperator", None)
    assert tune(mod, TARGET, params, trials=2, cache=tmp_path).records == first.records
    monkeypatch.setattr(measurement, "tool_versions", lambda _board: (("arm-none-eabi-gcc", "another"),))
    with pytest.raises(TypeError):  # they count for nothing then
        tune(mod, TARGET, params, trials=2, cache=tmp_path)


def test_several_workers_for_one_board_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tinyseg_tvm.tune.worker_resource", lambda _options: "desk")
    model = tmp_path / "model.onnx"
    model.write_bytes(one_convolution().SerializeToString())
    assert main(["tune", str(model), "-o", str(tmp_path / "t.json"), "--board", "mps2_an386", "--workers", "2"]) == 2
    assert "one program at a time runs on the board 'desk'" in capsys.readouterr().err


@pytest.mark.release
def test_threads_find_what_one_finds(alone):
    assert any(record.measured for record in alone.records)
    with executor_for(3) as executor:
        assert tuned(executor) == alone


@pytest.fixture
def workers(tmp_path):
    """A cluster of two worker processes, which have nothing of this process but its packages."""
    distributed = pytest.importorskip("distributed")
    before = dict(os.environ)  # of which its processes get more
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path),
        silence_logs=50,
        resources={"desk": 1},
    ) as cluster:
        yield cluster
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


@pytest.mark.release
def test_a_cluster_of_which_a_worker_is_killed_finds_what_one_finds(workers, alone):
    killed: list[int] = []

    def progress(_what: str, share: float) -> None:
        if share > 0 and not killed:
            killed.append(workers.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    with executor_for(cluster=workers.scheduler_address, resource="desk") as executor:
        assert tuned(executor, progress) == alone
    assert killed
    assert workers.workers[0].pid != killed[0]


@pytest.mark.release
def test_a_cluster_without_the_board_is_an_error(workers):
    with (
        pytest.raises(TinySegError, match=r"no worker with the resource 'shelf': .*--resources shelf=1"),
        executor_for(cluster=workers.scheduler_address, resource="shelf"),
    ):
        pass


@pytest.mark.release
def test_workers_of_a_cluster_with_other_tools_are_refused(workers, question):
    from tinyseg_tvm.parallel import results

    other = replace(question, versions=(("tinyseg-tvm", "of the day before"), *question.versions[1:]))
    with executor_for(cluster=workers.scheduler_address) as executor:
        (cycles,) = results(measured, [question], executor)
        assert cycles > 0
        with pytest.raises(TinySegError, match=r"on the worker .* tinyseg-tvm is .* and not of the day before"):
            list(results(measured, [other], executor))
