"""Records of the tuner: what they are of, how they are written and read, and that kernels are chosen by them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder
from tinyseg_tvm.codegen import Core, kernel_cost
from tinyseg_tvm.codegen.operators import NodeView, select_variant, variant_costs
from tinyseg_tvm.codegen.operators.scheduled_programs import best_decisions
from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel
from tinyseg_tvm.codegen.programs.windows.program import WindowProgram
from tinyseg_tvm.codegen.programs.windows.sum import Line, Segment, WeightedSum
from tinyseg_tvm.codegen.tuning_records import (
    TuningRecord,
    TuningRecords,
    decision_of,
    load_records,
    program_key,
    save_records,
    signature_of,
)
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.operators import Conv2d, Softmax, TensorType
from tinyseg_tvm.operators.arithmetic import float32, onnx

DSP = Core("cortex-m4", has_dsp=True)
RECORDS = TuningRecords("cortex-m4", (TuningRecord("conv", "kernel", 123, True),), (("abc", (4, 2, 1)),))


def convolution(zero_point: int = 3, outputs: int = 16) -> NodeView[Any]:
    rng = np.random.default_rng(0)
    builder = NetworkBuilder("one")
    operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(zero_point, -5 - zero_point, -128, 127))
    constants: dict[str, np.ndarray] = {
        "weight": rng.integers(-127, 128, (outputs, 3, 3, 16)).astype(np.int8),
        "bias": np.zeros(outputs, np.int32),
        "multiplier": np.full(outputs, 0.001, np.float32),
    }
    x = builder.input("x", TensorType((1, 12, 12, 16), "int8"))
    builder.output(builder.node("conv", operator, [x], **constants))
    network = builder.build()
    return NodeView.of(network.nodes[0], network, DSP)


def weighted_sum(zero_point: int = -3, outputs: int = 8) -> DspKernel:
    lines = tuple(Line(48, 3, 3, 3) for _ in range(3))
    segments = tuple(Segment(row, 0, 9, 10) for row in range(3))
    sum_ = WeightedSum(lines, segments, 16, outputs, outputs, zero_point, (5, -128, 127), "int16", (4, 2, 1), 0)
    return DspKernel(sum_, joined=False)


def test_records_are_read_as_they_were_written(tmp_path):
    save_records(RECORDS, tmp_path / "records.json")
    assert load_records(tmp_path / "records.json") == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == ["records.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: "{", "not JSON"),
        (lambda content: "[]", "something else"),
        (lambda content: json.dumps(content | {"format": "other"}), "something else"),
        (lambda content: json.dumps(content | {"version": 9}), "version 9, this tool reads 1"),
        (lambda content: json.dumps(content | {"kernels": [{"operator": "conv"}]}), "an entry is broken"),
        (lambda content: json.dumps(content | {"kernels": 7}), "an entry is broken"),
        (lambda content: json.dumps(content | {"decisions": {"abc": "x"}}), "an entry is broken"),
        (lambda content: json.dumps(content | {"core": 4}), "an entry is broken"),
        (lambda content: json.dumps(content).replace("123", "-1"), "an entry is broken"),
        (lambda content: json.dumps(content).replace("123", '"much"'), "an entry is broken"),
    ],
)
def test_a_broken_file_is_refused(change, message, tmp_path):
    path = tmp_path / "records.json"
    save_records(RECORDS, path)
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(TinySegError, match=message):
        load_records(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TinySegError, match=r"nothing\.json: No such file.*tinyseg tune"):
        load_records(tmp_path / "nothing.json")


def test_records_hold_for_other_zero_points_and_not_for_other_shapes():
    assert convolution(3).signature == convolution(7).signature
    assert convolution(3).signature != convolution(3, outputs=17).signature
    assert program_key(weighted_sum(-3)) == program_key(weighted_sum(9))
    assert program_key(weighted_sum(-3)) != program_key(weighted_sum(-3, outputs=9))


def test_signatures_of_int8_operators_are_those_of_records_written_before_there_were_other_rules():
    assert convolution().signature == (
        "conv2d(strides=(1, 1), padding=(1, 1, 1, 1), dilation=(1, 1), groups=1) "
        "int8[1x12x12x16] -> int8[1x12x12x16]; bias int32[16], multiplier float32[16], weight int8[16x3x3x16]"
    )
    vector = [TensorType((1, 8), "int8")]
    table = {"table": np.zeros(256, np.float32)}
    softmax = signature_of(Softmax(onnx.Softmax(1 / 256, -128)), vector, vector, table)
    assert softmax == "softmax() int8[1x8] -> int8[1x8]; table float32[256]"


def test_signatures_tell_element_types_and_rules_apart():
    view = convolution()
    real = replace(view.operator, arithmetic=float32.WeightedSum(0.0, 6.0))
    other = replace(view.operator, arithmetic=AnotherRule(3, -8, -128, 127))
    seen = [(operator, view.inputs, view.outputs, view.constants) for operator in (view.operator, real, other)]
    assert len({signature_of(*each) for each in seen}) == 3
    clamped = real.clamped(-1.0, 1.0)
    assert signature_of(clamped, *seen[1][1:]) == signature_of(*seen[1])


class AnotherRule(onnx.WeightedSum):
    rule = "another"


def test_the_kernel_of_fewest_recorded_cycles_is_chosen():
    view = convolution()
    costs = variant_costs(view)
    slowest, _ = max(costs, key=lambda entry: entry[1].cycles_per_step)
    assert select_variant(view) is not slowest
    records = TuningRecords(DSP.name, (TuningRecord(view.signature, slowest.name, 5, True),))
    recorded = replace(view, core=replace(DSP, records=records))
    assert select_variant(recorded).name == slowest.name
    network = _network_of(view)
    assert kernel_cost(network.nodes[0], network, recorded.core).cycles_per_step == 5
    other = replace(convolution(outputs=17), core=recorded.core)
    assert select_variant(other).name != slowest.name


def _network_of(view: NodeView[Any]):
    builder = NetworkBuilder("again")
    x = builder.input("x", view.inputs[0])
    builder.output(builder.node("conv", view.operator, [x], **view.constants))
    return builder.build()


def test_a_recorded_decision_is_taken_if_the_program_has_it():
    program, view = WindowProgram(weighted_sum()), convolution()
    estimated = best_decisions(program, view)
    other = next(each for each in program.space if each != estimated)

    def taken(decision: tuple[int, ...]):
        records = TuningRecords(DSP.name, (), ((program_key(program.kernel), decision),))
        return best_decisions(program, replace(view, core=replace(DSP, records=records)))

    assert taken(decision_of(other)) == other
    assert taken((1, 77, 3)) == estimated


def test_variants_name_their_programs():
    """So that the tuner can decide on them."""
    view = convolution()
    programs = [variant.programs(view) for variant, _ in variant_costs(view) if "tiles" in variant.name]
    assert programs
    assert all(len(space) > 1 for found in programs for space in found.values())
