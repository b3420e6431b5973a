"""Tuning a network for a board: kernels are measured in its emulator, and the records change what is built."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.small_models import one_convolution, segmenter
from tests.micro.probed_boards import behind_gdb
from tinyseg_tvm import relay
from tinyseg_tvm.codegen.operators import NodeView, emitter_for, scheduled_programs
from tinyseg_tvm.codegen.programs import tiled
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.micro.cortex_m.cycle_estimate import estimate_cycles
from tinyseg_tvm.tune import search, tune
from tinyseg_tvm.tune.candidates import candidates_of
from tinyseg_tvm.tune.isolated import IsolatedOperator

TARGET = "c -tinyseg -board=mps2_an386 -ram=16K -stream-axis=rows"


@pytest.fixture(scope="module")
def module():
    return relay.frontend.from_onnx(one_convolution())


def view_of_a_convolution(module) -> tuple[NodeView[Any], relay.Factory]:
    factory = relay.build(module[0], TARGET, module[1])
    (node,) = (node for node in factory.network.nodes if node.operator.kind == "conv2d")
    return NodeView.of(node, factory.network, factory.core), factory


def kernel_of(factory: relay.Factory, view: NodeView[Any]) -> str:
    return next(operator.kernel for operator in factory.problem.operators if operator.name == view.node.name)


@pytest.fixture
def misjudged(monkeypatch):
    """Estimates of tiles are twice the truth, so that other kernels are chosen without tuning."""
    true_cycles = tiled.cycles
    monkeypatch.setattr(scheduled_programs, "cycles", lambda *arguments: 2 * true_cycles(*arguments))
    monkeypatch.setattr(search, "MARGIN", 0.6)  # such are not ruled out


def test_a_misjudged_kernel_is_found_and_the_program_gets_faster(misjudged, module, tmp_path):
    tuned = tune(module[0], TARGET, module[1], trials=6)
    assert tuned.seconds_after < 0.9 * tuned.seconds_before
    (changed,) = (each for each in tuned.operators if each.names == ("conv",))
    assert "tiles" in changed.after
    assert "tiles" not in changed.before
    cycles = []
    for number, factory in enumerate((tuned.before, tuned.after)):
        result = generate_project(factory.board, factory, tmp_path / f"project{number}").run(profile=True)
        assert result.mismatches == 0
        assert result.ram.total <= 16 << 10
        cycles.append(estimate_cycles(Path(result.elf), result.executed))
    assert cycles[1] < 0.9 * cycles[0]


def test_records_are_used_by_builds_for_the_same_core_only(module, tmp_path):
    from tinyseg_tvm.codegen.tuning_database import save_database
    from tinyseg_tvm.codegen.tuning_records import TuningRecord, TuningRecords

    view, factory = view_of_a_convolution(module)
    other = next(v.name for v in emitter_for("conv2d") if v.supports(view) and v.name != kernel_of(factory, view))
    path = tmp_path / "tuned.json"
    save_database({"some": TuningRecords(factory.core.name, (TuningRecord(view.signature, other, 1, True),))}, path)
    tuned = relay.build(module[0], f"{TARGET} -tuning={path}", module[1])
    assert kernel_of(tuned, view) == other
    with pytest.raises(UsageError, match="measured on 'cortex-m4', the build is for 'cortex-m3'"):
        relay.build(module[0], f"c -tinyseg -board=mps2_an385 -tuning={path}", module[1])


def test_a_kernel_that_computes_something_else_is_refused(module, monkeypatch):
    view, factory = view_of_a_convolution(module)
    operator = IsolatedOperator(view, factory.board)
    candidate = candidates_of(view)[0]
    assert operator.cycles_per_step(candidate) > 0
    operator.inputs = [255 - array.view("uint8") for array in operator.inputs]  # of which nothing was expected
    operator.inputs = [array.view("int8") for array in operator.inputs]
    with pytest.raises(TinySegError, match="differs from the reference"):
        operator.cycles_per_step(candidate)


@pytest.mark.release
def test_on_a_board_what_is_measured_is_counted_there(module):
    """Cycles by SysTick, of QEMU behind its GDB server: an instruction lasts 128 ns of its 40 ns."""
    view, factory = view_of_a_convolution(module)
    candidate = candidates_of(view)[0]
    board = behind_gdb("mps2_an386", "-icount", "shift=7", cycles="systick")
    counted = IsolatedOperator(view, board).cycles_per_step(candidate)
    estimated = IsolatedOperator(view, factory.board).cycles_per_step(candidate)
    assert counted == pytest.approx(estimated * 128 / 40, rel=0.4)  # estimates: more than a cycle per instruction
    silent = dataclasses.replace(board, cycles="dwt")  # which QEMU has not
    with pytest.raises(TinySegError, match=r"no cycles are counted on .* \(dwt\) stands still"):
        IsolatedOperator(view, silent).cycles_per_step(candidate)


def test_decisions_make_a_difference_to_what_is_measured(module):
    view, factory = view_of_a_convolution(module)
    kernel = next(c.kernel for c in candidates_of(view) if c.decisions)
    candidates = [c for c in candidates_of(view) if c.kernel == kernel]
    assert len(candidates) > 2
    operator = IsolatedOperator(view, factory.board)
    best, worst = (operator.cycles_per_step(choose(candidates, key=lambda c: c.estimate)) for choose in (min, max))
    assert best < worst
    assert best == pytest.approx(min(c.estimate for c in candidates), rel=0.25)


@pytest.mark.parametrize(
    ("target", "trials", "message"),
    [
        ("c -tinyseg", 8, "'host' has neither an emulator nor"),
        (TARGET, 0, "1 or more are needed"),
        ("c -tinyseg -board=mps2_an386 -mcpu=cortex-m0plus", 8, "measured on, 'mps2_an386', is a cortex-m4"),
    ],
)
def test_what_cannot_be_tuned_is_refused(module, target, trials, message):
    with pytest.raises(UsageError, match=message):
        tune(module[0], target, module[1], trials=trials)


def test_tasks_are_those_of_the_planned_network():
    from tinyseg_tvm.tune.tuner import tunings_of

    mod, params = relay.frontend.from_onnx(segmenter())
    factory = relay.build(mod, TARGET, params)
    tunings = tunings_of(factory)
    numbers = [number for tuning in tunings for number in tuning.task.numbers]
    assert len(numbers) == len(set(numbers))
    operators = factory.problem.operators
    for tuning in tunings:
        assert {c.kernel for c in tuning.first} == {operators[n].kernel for n in tuning.task.numbers}
