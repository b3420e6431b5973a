"""What a build chooses: which storage, which part of a tensor, and for which tensors a codec; every byte is exact."""

from __future__ import annotations

import tarfile
from dataclasses import replace

import numpy as np
import pytest

from tests.decided_networks import assert_same_network, with_spills
from tests.end_to_end.small_models import segmenter
from tests.storage.spilled_networks import project, small_unet
from tinyseg_tvm import relay
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.storage import medium_of
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import liveness, reference
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.spilling import Medium, medium_for, transfer_of, transfers
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.problem import Tensor
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.relay_passes.to_network import to_network

TARGET = "c -tinyseg -board=mps2_an386 -stream-axis=rows"


@pytest.fixture(scope="module")
def module():
    return relay.frontend.from_onnx(segmenter())


def run(factory, directory):
    result = generate_project(factory.board, factory, directory, storages=factory.storages).run()
    assert (result.status, result.mismatches) == (0, 0)
    assert result.storage.written == factory.figures["storage"]["written"] > 0
    return result


def test_what_does_not_fit_the_fastest_storage_goes_to_the_next(module, tmp_path):
    everything = relay.build(module[0], f"{TARGET} -storage=psram", module[1])
    assert len(everything.planned.spilled) > 1
    first = tmp_path / "small.toml"
    capacity = everything.storage_use.traffic.written_physical // 2
    first.write_text(
        f'name = "small"\nkind = "file"\ncapacity = {capacity}\nblock_bytes = 1\n'
        "read_bytes_per_second = 1_000_000_000\nwrite_bytes_per_second = 1_000_000_000\n"
    )
    factory = relay.build(module[0], f"{TARGET} -storage={first},psram", module[1])
    assert {decision.transfer.storage for decision in factory.planned.spilled} == {"small", "psram"}
    assert factory.storage_use.by_storage["small"][0].written_physical <= capacity
    run(factory, tmp_path / "out")


def test_a_part_of_a_tensor_is_spilled_where_the_budget_is_small(module, tmp_path):
    everything = relay.build(module[0], f"{TARGET} -storage=psram", module[1])
    smallest = min(
        everything.network.tensors[d.tensor].type.lines * everything.network.tensors[d.tensor].type.line_bytes
        for d in everything.planned.spilled
    )
    factory = relay.build(module[0], f"{TARGET} -storage=psram -max-written={smallest * 3 // 4}", module[1])
    assert any(decision.lines for decision in factory.planned.spilled)
    assert run(factory, tmp_path / "out").storage.written <= smallest * 3 // 4


def test_rings_grow_for_a_slow_storage_where_there_is_memory(module, tmp_path):
    slow = tmp_path / "slow.toml"
    slow.write_text(
        'name = "slow"\nkind = "file"\ncapacity = 100_000\nblock_bytes = 1\nlatency_microseconds = 100\n'
        "read_bytes_per_second = 3_000_000\nwrite_bytes_per_second = 3_000_000\n"
    )
    wide = relay.build(module[0], f"{TARGET} -objective=ram -storage={slow} -ram=64K", module[1])
    assert max(max(d.transfer.ring, d.transfer.ahead) for d in wide.planned.spilled) > 1
    assert wide.timing.waiting < 0.5 * wide.timing.transferring
    again = build_problem(wide.network, io="resident").operators  # the network's nodes say what the planner decided
    assert again == tuple(
        replace(operator, scratch_bytes=0, cycles=0, flash_bytes=0, kernel="") for operator in wide.problem.operators
    )
    run(wide, tmp_path / "out")


def test_the_module_of_a_build_shows_what_is_generated(module, tmp_path):
    factory = relay.build(module[0], f"{TARGET.replace('rows', 'columns')} -storage=psram -max-recompute=30", module[1])
    assert factory.planned.spilled
    network = to_network(factory.module, factory.name)
    assert_same_network(network, factory.network)
    assert list(network.tensors) == list(factory.network.tensors)
    found = liveness.analyse(network)
    record = factory.module["main"].attrs["tinyseg.liveness"]
    assert (int(record["steps"]), int(record["peak"]["bytes"])) == (found.steps, found.peak_bytes)
    assert all(found.lives[name].line_bytes == 0 for name in network.stored())
    with tarfile.open(factory.export_library_format(tmp_path / "model.tar")) as tar:
        member = tar.extractfile("src/relax.txt")
        assert member is not None
        shown = member.read().decode()
    spills = [node.name for node in network.nodes if node.operator.kind == "spill"]
    assert shown.count("tinyseg.spill(") == len(spills) == len(factory.planned.spilled)
    assert shown.count("tinyseg.fetch(") == sum(len(decision.late) for decision in factory.planned.spilled)
    assert "tinyseg.liveness" in shown


def test_tensors_without_many_zeros_are_not_coded():
    network = small_unet()
    plain = small_unet().nodes[0]
    assert isinstance(plain.operator, Conv2d)
    assert isinstance(plain.operator.arithmetic, onnx.WeightedSum)
    arithmetic = replace(plain.operator.arithmetic, output_zero_point=0)
    unbounded = replace(plain, operator=replace(plain.operator, arithmetic=arithmetic))
    mixed = replace(network, nodes=(unbounded, *network.nodes[1:]))
    medium = Medium("sd", codec="mask", expected_ratio=0.5)
    assert medium_for(network, "skip0", medium).codec == medium_for(network, "pool0", medium).codec == "mask"
    assert medium_for(mixed, "skip0", medium).codec == medium_for(mixed, "pool0", medium).codec == "none"
    of = transfers(mixed, medium)
    size = {name: mixed.tensors[name].type.line_bytes for name in mixed.tensors}
    ways = [of(Tensor(name, 16, size[name])) for name in ("skip0", "skip1", "x")]
    assert [way and way.codec for way in ways] == ["none", "mask", "none"]


@pytest.mark.parametrize(
    ("shape", "stays"), [((1, 65536, 1, 1), True), ((1, 4, 65535, 1), True), ((1, 65535, 1, 8), False)]
)
def test_tensors_whose_records_have_no_numbers_or_lengths_stay_in_memory(shape, stays):
    assert (transfer_of(TensorType(shape, "int8"), Medium("sd")) is None) == stays


@pytest.mark.parametrize(
    ("block", "width", "coded"),
    [(4, 12, True), (64, 12, False), (64, 48, True), (512, 48, False)],
    ids=["short lines of words", "one block either way", "fewer blocks", "less than a block"],
)
def test_lines_are_coded_where_records_take_fewer_blocks(block, width, coded):
    network = small_unet(16, width)  # lines of skip0 have 4 bytes per pixel
    medium = Medium("sd", block=block, codec="mask", expected_ratio=0.6, coding_price=0.1)
    assert (medium_for(network, "skip0", medium).codec == "mask") == coded


@pytest.mark.parametrize(("name", "coded"), [("sd", True), ("file", False)])
def test_slow_storages_are_coded_where_that_pays(name, coded):
    board = load_board("lm3s6965evb")
    storage = next(storage for storage in board.storages if storage.name == name)
    medium = replace(medium_of(storage, BuildOptions(codec="auto"), board.clock_hz), block=4)
    assert (medium_for(small_unet(), "skip0", medium).codec != "none") == coded
    plain = medium_of(storage, BuildOptions(), board.clock_hz)
    assert medium_for(small_unet(), "skip0", plain).codec == "none"


def test_what_auto_codes_is_exact_and_transfers_less(tmp_path):
    """A flat image, so that whole lines are equal."""
    network = small_unet(16, 48)
    auto = Medium("file", block=16, codec="delta", expected_ratio=0.6, coding_price=0.1)
    flat = [np.zeros(network.tensors[port.tensor].type.shape, np.int8) for port in network.inputs]
    (expected,) = reference.run(network, flat, layout="device")
    runs = {}
    for name, medium in {"none": replace(auto, codec="none"), "auto": auto}.items():
        way = transfer_of(network.tensors["skip0"].type, medium_for(network, "skip0", medium))
        assert way is not None
        both = with_spills(network, [SpillDecision("skip0", (("join0",),), way)])
        runs[name] = project(both, "host", tmp_path / name).run([flat], layout="device")
        assert runs[name].status == 0
        assert runs[name].outputs[0][0].tobytes() == expected.tobytes()
    assert runs["auto"].storage.written_physical < 0.5 * runs["none"].storage.written_physical
