"""What a plan says of itself beside its figures."""

from __future__ import annotations

import re

import pytest
import tvm
from tvm import te

from tests.codegen.harness import NetworkBuilder, problem_of, spread_plan
from tests.end_to_end.small_models import segmenter, with_float_ports
from tinyseg_tvm import relay
from tinyseg_tvm.compiler.alternatives import outlook
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.remarks import detours
from tinyseg_tvm.operators import Dequantize, Elementwise, Quantize, TensorType, Transpose
from tinyseg_tvm.operators.arithmetic import float32
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


@pytest.fixture(scope="module")
def float_ports():
    return relay.frontend.from_onnx(with_float_ports(segmenter(24, 32, 2)), name="net")


@pytest.mark.parametrize("options", ["", " -io=line", " -stream-axis=rows -board=mps2_an386"])
def test_float_ports_are_said_with_what_quantised_ones_save(float_ports, options: str) -> None:
    built = relay.build(float_ports, f"c -tinyseg{options}")
    quantised = f"c -tinyseg -io-type=quantized{options}".replace(" -stream-axis=rows", "")
    smaller = relay.build(float_ports, f"{quantised} -stream-axis={built.axis}").memory.total
    assert smaller < built.memory.total
    remark = built.remarks[-1]
    assert remark.startswith("image, logits carry float32: with --io-type quantized they carry int8, and the program")
    saved = built.memory.total - smaller
    assert remark.endswith(f"takes {smaller / 1024:.1f} KiB, {saved / 1024:.1f} KiB less")


@pytest.mark.parametrize("option", ["-max-recompute=5", "-ram=64K"])
def test_a_plan_that_takes_long_to_find_or_fills_the_ram_compares_the_ports_alone(float_ports, option: str) -> None:
    remark = relay.build(float_ports, f"c -tinyseg {option}").remarks[-1]
    pixels = 24 * 32
    assert remark.endswith(f"int8, {4 * pixels / 1024:.1f} KiB in place of {4 * 4 * pixels / 1024:.1f} KiB")


def test_conversions_of_ports_are_said_to_take_time_where_there_is_no_floating_point_unit(float_ports) -> None:
    shares = {}
    for core in ("cortex-m0", "cortex-m3", "cortex-m4"):
        said = [r for r in relay.build(float_ports, f"c -tinyseg -mcpu={core}").remarks if "floating point unit" in r]
        found = [re.fullmatch(rf"{core} has no .* about (\d+) % .*", remark) for remark in said]
        shares[core] = [int(match[1]) for match in found if match]
        assert len(said) == len(shares[core])
    assert 5 <= shares["cortex-m3"][0] <= shares["cortex-m0"][0] < 60
    assert shares["cortex-m4"] == []
    quantized = relay.build(float_ports, "c -tinyseg -mcpu=cortex-m0 -io-type=quantized")
    assert not [remark for remark in quantized.remarks if "floating point unit" in remark]


def test_quantised_ports_are_said_nothing_of(float_ports) -> None:
    for mod, target in (
        (float_ports, "c -tinyseg -stream-axis=rows -io-type=quantized"),
        (relay.frontend.from_onnx(segmenter()), "c -tinyseg -stream-axis=rows"),
    ):
        built = relay.build(mod, target)
        assert built.remarks == ()
        assert built.quantized_ports is None


def test_quantised_ports_are_among_the_alternatives(float_ports) -> None:
    built = relay.build(float_ports, "c -tinyseg -stream-axis=rows")
    found = outlook(built.lowered, built.situation, quantized=built.quantized_ports).alternatives
    for io, how in (("resident", "resident I/O"), ("line", "I/O by line")):
        (row,) = [each for each in found if each.label == f"by rows, {how}, quantized ports"]
        assert row.arguments == f"--objective ram --io-type quantized --io {io} --stream-axis rows"
        asked = relay.build(float_ports, f"c -tinyseg -objective=ram -io-type=quantized -io={io} -stream-axis=rows")
        assert row.ram == asked.memory.total
        (plain,) = [each for each in found if each.label == f"by rows, {how}"]
        assert row.ram < plain.ram
    assert "quantized" not in " ".join(each.label for each in outlook(built.lowered, built.situation).alternatives)


MAP = TensorType((1, 8, 6, 4), "float32")
LINE, WHOLE = 6 * 4 * 4, 8 * 6 * 4 * 4
FREE = float32.Binary(-float32.FLOAT32_MAX, float32.FLOAT32_MAX)


def program(label: str, kind: TensorType = MAP, overwritable: tuple[int, ...] = ()) -> Opaque:
    """An operator of TVM's own, over whole maps."""
    x = te.placeholder(kind.shape, kind.dtype)
    y = te.compute(kind.shape, lambda *at: x(*at) + tvm.tirx.const(1, kind.dtype))
    return Opaque(label, (kind,), (), te.create_prim_func([x, y]), overwritable)


def said(b: NetworkBuilder, result: str, total: int = 4000) -> list[str]:
    """What is said of the network's detours, planned without sharing addresses."""
    b.output(result)
    network = b.build()
    problem = problem_of(network)
    return detours(Planned("rows", LoweredModule.of_network(network), problem, spread_plan(problem)), total)


def quantized_input(b: NetworkBuilder, name: str = "x") -> str:
    return b.node(f"{name}_float", Dequantize(0.1, 0), [b.input(name, TensorType(MAP.shape, "int8"))])


def test_a_float_program_over_whole_maps_is_named_with_its_bytes_and_what_to_quantise() -> None:
    b = NetworkBuilder()
    y = b.node("Gelu_7", program("gelu"), [b.node("double", Elementwise("add", FREE), [quantized_input(b)] * 2)])
    z = b.node("half", Elementwise("add", FREE), [y, y])
    sentences = said(b, b.node("q", Quantize(0.1, 0, "int8"), [z]))
    added = f"+{2 * (WHOLE - LINE) / 1024:.1f} KiB"
    assert f"Gelu_7 (gelu) runs in float over whole maps: {added}; quantise its operands and its result" in sentences


def test_what_is_quantised_around_already_has_no_integer_form() -> None:
    b = NetworkBuilder()
    y = b.node("Odd_1", program("odd"), [quantized_input(b)])
    (sentence,) = said(b, b.node("q", Quantize(0.1, 0, "int8"), [y]))
    assert sentence.endswith("; it has no integer form here: use an operator that runs by line in its place")


def test_a_result_over_its_operand_counts_once() -> None:
    b = NetworkBuilder()
    y = b.node("Odd_1", program("odd", overwritable=(0,)), [quantized_input(b)])
    (sentence,) = said(b, b.node("q", Quantize(0.1, 0, "int8"), [y]))
    assert f"+{(WHOLE - LINE) / 1024:.1f} KiB; " in sentence


def test_float_lines_in_a_quantised_network_are_named_and_tensors_count_once() -> None:
    b = NetworkBuilder()
    x = quantized_input(b)
    y = b.node("Add_1", Elementwise("add", FREE), [x, x])
    z = b.node("Mul_2", Elementwise("mul", FREE), [y, y])
    sentences = said(b, b.node("q", Quantize(0.1, 0, "int8"), [z]), total=0)
    found = {sentence.split()[0]: sentence for sentence in sentences}
    assert set(found) == {"Add_1", "Mul_2"}
    assert "Add_1 (elementwise) runs in float by line: +" in found["Add_1"]
    assert found["Add_1"].endswith("; quantise its result")
    assert found["Mul_2"].endswith("; quantise its operands")


def test_a_float_network_leaves_no_integers() -> None:
    b = NetworkBuilder()
    x = b.input("x", MAP, None, None)
    y = b.node("Add_1", Elementwise("add", FREE), [x, x])
    (sentence,) = said(b, b.node("Erf_2", program("erf"), [y]))
    assert sentence.startswith("Erf_2 (erf) runs in float over whole maps: +")
    assert sentence.endswith("; an int8 network, or another operator in its place, runs by line")


def test_integer_programs_are_named_and_moves_into_their_layout_are_not() -> None:
    b = NetworkBuilder()
    x = b.input("x", TensorType(MAP.shape, "int8"))
    kind = TensorType((1, 4, 8, 6), "int8")
    moved = b.node("moved", Transpose((0, 3, 1, 2)), [x])
    (sentence,) = said(b, b.node("TopK_1", program("topk", kind), [moved]), total=100)
    assert sentence.startswith("TopK_1 (topk) runs over whole maps: +0.3 KiB; use an operator that runs by line")


def test_sixteen_bits_are_named_as_the_reason() -> None:
    b = NetworkBuilder()
    wide = b.input("w", TensorType(MAP.shape, "int16"))
    y = b.node("Odd_1", program("odd"), [quantized_input(b)])
    b.output(b.node("same", program("same", TensorType(MAP.shape, "int16")), [wide]))
    sentences = said(b, b.node("q", Quantize(0.1, 0, "int8"), [y]))
    assert any("Odd_1" in each and each.endswith("; quantise activations to 8 bits") for each in sentences)


def test_what_adds_little_is_left_out_and_the_rest_is_summed_up() -> None:
    def chain(total: int) -> list[str]:
        b = NetworkBuilder()
        y = quantized_input(b)
        for number in range(10):
            y = b.node(f"Odd_{number}", program("odd"), [y])
        return said(b, b.node("q", Quantize(0.1, 0, "int8"), [y]), total)

    added = 2 * (WHOLE - LINE)
    assert chain(101 * added) == []
    sentences = chain(100 * added)
    assert len(sentences) == 9
    assert sentences[-1] == f"2 more operators run so: +{added / 1024:.1f} KiB at most each"
