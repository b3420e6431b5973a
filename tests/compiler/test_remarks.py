"""What a plan says of itself beside its figures."""

from __future__ import annotations

import pytest

from tests.end_to_end.small_models import segmenter, with_float_ports
from tinyseg_tvm import relay
from tinyseg_tvm.compiler.alternatives import alternatives


@pytest.fixture(scope="module")
def float_ports():
    return relay.frontend.from_onnx(with_float_ports(segmenter(24, 32, 2)), name="net")


@pytest.mark.parametrize("options", ["", " -io=line", " -stream-axis=rows -board=mps2_an386 -ram=64K"])
def test_float_ports_are_said_with_what_quantised_ones_save(float_ports, options: str) -> None:
    built = relay.build(float_ports, f"c -tinyseg{options}")
    quantised = f"c -tinyseg -io-type=quantized{options}".replace(" -ram=64K", "").replace(" -stream-axis=rows", "")
    smaller = relay.build(float_ports, f"{quantised} -stream-axis={built.axis}").memory.total
    assert smaller < built.memory.total
    remark = built.remarks[-1]
    assert remark.startswith("image, logits carry float32: with --io-type quantized they carry int8, and the program")
    saved = built.memory.total - smaller
    assert remark.endswith(f"takes {smaller / 1024:.1f} KiB, {saved / 1024:.1f} KiB less")


def test_a_plan_that_takes_long_to_find_compares_the_ports_alone(float_ports) -> None:
    remark = relay.build(float_ports, "c -tinyseg -max-recompute=5").remarks[-1]
    pixels = 24 * 32
    assert remark.endswith(f"int8, {4 * pixels / 1024:.1f} KiB in place of {4 * 4 * pixels / 1024:.1f} KiB")


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
    found = alternatives(built.lowered, built.situation, quantized=built.quantized_ports)
    for io, how in (("resident", "resident I/O"), ("line", "I/O by line")):
        (row,) = [each for each in found if each.label == f"by rows, {how}, quantized ports"]
        assert row.arguments == f"--io-type quantized --io {io} --stream-axis rows"
        asked = relay.build(float_ports, f"c -tinyseg -io-type=quantized -io={io} -stream-axis=rows")
        assert row.ram == asked.memory.total
        (plain,) = [each for each in found if each.label == f"by rows, {how}"]
        assert row.ram < plain.ram
    assert "quantized" not in " ".join(each.label for each in alternatives(built.lowered, built.situation))
