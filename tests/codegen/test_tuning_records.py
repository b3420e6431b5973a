"""Records of the tuner: what they are of, how they are merged, and that kernels are chosen by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

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
    merged,
    program_key,
    signature_of,
)
from tinyseg_tvm.operators import Conv2d, Softmax, TensorType
from tinyseg_tvm.operators.arithmetic import float32, onnx

DSP = Core("cortex-m4", has_dsp=True)


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


def record(kernel: str, cycles: int, decision: int, measured: bool = True, operator: str = "conv") -> TuningRecord:
    return TuningRecord(operator, kernel, cycles, measured, (("program", (decision,)),))


def test_the_record_found_is_of_the_decisions_that_builds_take():
    records = TuningRecords("m4", (record("a", 7, 1), record("a", 5, 2), record("a", 6, 3)), (("program", (3,)),))
    found = records.find("conv", "a")
    assert found is not None
    assert found.cycles == 6
    undecided = replace(records, decisions=()).find("conv", "a")
    assert undecided is not None
    assert undecided.cycles == 5


def test_merged_records_are_of_both_and_decide_by_what_was_measured():
    old = TuningRecords("m4", (record("a", 100, 1), record("b", 90, 1, False)), (("program", (1,)), ("old", (4,))))
    new = TuningRecords(
        "m4", (record("a", 80, 2), record("a", 70, 1, False), record("b", 60, 1)), (("program", (1,)),), "desk"
    )
    both = merged(old, new)
    assert both.board == "desk"
    assert {(r.kernel, r.cycles, r.measured) for r in both.records} == {
        ("a", 100, True),
        ("a", 80, True),
        ("b", 60, True),
    }
    assert dict(both.decisions) == {"program": (1,), "old": (4,)}  # of b, the operator's best
    other = merged(old, replace(new, records=(record("a", 80, 2),)))
    assert dict(other.decisions)["program"] == (2,)
    assert merged(both, both) == both
    assert merged(old, merged(both, new)) == both


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
