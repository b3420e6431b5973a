"""Spills stand behind what makes a tensor, fetches before what reads it late."""

import pytest

from tests.passes.before_expected import expect
from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.decisions import Copy, Spilling
from tinyseg_tvm.operators import Elementwise, Fetch, Spill
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.insert_spill_fetch import insert_spill_fetch
from tinyseg_tvm.relay_passes.rewriting import rewrite_main
from tinyseg_tvm.relay_passes.stage_records import stage_records
from tinyseg_tvm.relay_passes.to_network import to_network

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))
SPILL, FETCH = Spill("nor", 5, "mask", 64, 2), Fetch("nor", 5, "mask", 3, 64, 2)


def network(b, x):
    skip = b(max_pool(), x, name="skip")
    deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
    return b(ADD, skip, deep, name="sum")


BEFORE = main({"x": ((1, 8, 8, 3), "int8")}, network)


def spilling(tensor, *readers, spill=SPILL, fetch=FETCH):
    copies = tuple(Copy(f"{tensor}_fetch{number or ''}", each) for number, each in enumerate(readers))
    return Spilling(tensor, f"{tensor}_spill", copies, spill, fetch)


def described(module):
    return [(node.name, node.inputs) for node in to_network(module).nodes]


def test_the_late_reader_reads_what_was_fetched():
    def spilled(b, x):
        skip = b(max_pool(), x, name="skip")
        stored = b(SPILL, skip, name="skip_spill")
        deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
        return b(ADD, b(FETCH, stored, name="skip_fetch"), deep, name="sum")

    expected = rewrite_main(main({"x": ((1, 8, 8, 3), "int8")}, spilled))  # names the result as a pass does
    expect(insert_spill_fetch([spilling("skip", ("sum",))]), BEFORE, expected)


@pytest.mark.parametrize(
    ("decision", "nodes"),
    [
        (
            spilling("skip", ("inner",), ("sum",)),
            [
                ("skip", ("x",)),
                ("skip_spill", ("skip",)),
                ("skip_fetch", ("skip_spill",)),
                ("inner", ("skip_fetch",)),
                ("deep", ("inner",)),
                ("skip_fetch1", ("skip_spill",)),
                ("sum", ("skip_fetch1", "deep")),
            ],
        ),
        (
            spilling("skip", ("inner", "sum")),
            [
                ("skip", ("x",)),
                ("skip_spill", ("skip",)),
                ("skip_fetch", ("skip_spill",)),
                ("inner", ("skip_fetch",)),
                ("deep", ("inner",)),
                ("sum", ("skip_fetch", "deep")),
            ],
        ),
        (
            spilling("x", ("skip",), spill=Spill("nor", 0, first_line=1, lines=2), fetch=Fetch("nor", 0, first_line=1)),
            [
                ("x_spill", ("x",)),
                ("x_fetch", ("x_spill", "x")),
                ("skip", ("x_fetch",)),
                ("inner", ("skip",)),
                ("deep", ("inner",)),
                ("sum", ("skip", "deep")),
            ],
        ),
        (
            spilling("sum", ("output output",)),
            [
                ("skip", ("x",)),
                ("inner", ("skip",)),
                ("deep", ("inner",)),
                ("sum", ("skip", "deep")),
                ("sum_spill", ("sum",)),
                ("sum_fetch", ("sum_spill",)),
            ],
        ),
    ],
    ids=["two fetches", "one for both", "part of the input's lines", "the output"],
)
def test_readers_are_told_apart(decision, nodes):
    after = insert_spill_fetch([decision])(BEFORE)
    assert described(after) == nodes
    found = to_network(after)
    assert found.outputs[0].tensor == nodes[-1][0]
    derived = {name: tensor.derived_from for name, tensor in found.tensors.items() if tensor.derived_from}
    added = [decision.stored, *(copy.name for copy in decision.fetched)]
    assert derived == dict.fromkeys(added, decision.tensor)
    assert list(found.tensors)[-len(added) :] == added  # as the planner numbers them


@pytest.mark.parametrize(
    "decision", [spilling("nowhere", ("sum",)), spilling("skip", ("deep",)), spilling("skip", ("nobody",))]
)
def test_readers_that_do_not_read_the_tensor_are_refused(decision):
    with pytest.raises(TinySegError, match="cannot copy tensor"):
        insert_spill_fetch([decision])(BEFORE)


def test_what_is_derived_is_quantised_like_its_origin():
    recorded = {"tinyseg.quantization": {"x": [0.25, 1], "skip": [0.5, 3]}}
    module = main({"x": ((1, 8, 8, 3), "int8")}, network, **recorded)
    tensors = to_network(insert_spill_fetch([spilling("x", ("skip",)), spilling("skip", ("sum",))])(module)).tensors
    for name, expected in {"x": (0.25, 1), "skip": (0.5, 3)}.items():
        for each in (name, f"{name}_spill", f"{name}_fetch"):
            assert (tensors[each].scale, tensors[each].zero_point) == expected


def test_records_are_staged_as_told():
    spilled = insert_spill_fetch([spilling("skip", ("inner",), ("sum",))])(BEFORE)
    operators = {node.name: node.operator for node in to_network(spilled).nodes}
    staged = to_network(stage_records({"skip_spill": 4, "skip_fetch1": 7})(spilled))
    assert {n.name: n.operator for n in staged.nodes} == {
        **operators,
        "skip_spill": Spill("nor", 5, "mask", 64, 2, ring=4),
        "skip_fetch1": Fetch("nor", 5, "mask", 7, 64, 2),
    }
