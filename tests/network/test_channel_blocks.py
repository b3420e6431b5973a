"""Channels that are computed block by block: every value stays what it was, and less is there at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.codegen.harness import assert_equal_to_reference, build, problem_of, random_inputs, streamed_plan
from tests.codegen.test_generated_graphs import RandomGraph
from tests.network.block_models import dense_chain, gated, transformer
from tinyseg_tvm import relay
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network.channel_blocks import divided, region_of, regions
from tinyseg_tvm.network.decisions import ChannelBlocks
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.operators import Concat, Dense
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes import lower
from tinyseg_tvm.relay_passes.compute_in_blocks import compute_in_blocks
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def lowered(model: onnx.ModelProto) -> Network:
    return lower(from_onnx(model)[0])


def assert_equal_values(network: Network, parts: Network, seed: int) -> None:
    """Of the results, and of every tensor that both networks have."""
    inputs = random_inputs(network, np.random.default_rng(seed))
    old: dict[str, np.ndarray] = {}
    new: dict[str, np.ndarray] = {}
    results = run(network, inputs, layout="device", trace=old), run(parts, inputs, layout="device", trace=new)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in old.keys() & new.keys():
        np.testing.assert_array_equal(old[name], new[name])


def in_all_blocks(network: Network, most: int = 12) -> int:
    """Divides a network by all that its regions allow, and compares; how many ways there were."""
    found = regions(network)
    for most_blocks in range(2, most + 1):
        chosen = [(each, max((n for n in each.blocks if n <= most_blocks), default=1)) for each in found]
        chosen = [(each, count) for each, count in chosen if count > 1]
        assert_equal_values(network, divided(network, chosen), most_blocks)
    return sum(len(each.blocks) for each in found)


@pytest.mark.parametrize("heads", [3, 12])
def test_heads_of_attention_are_exact_and_hold_keys_and_values_of_one_head(heads: int) -> None:
    tokens, depth = 7, 2
    network = lowered(transformer(tokens, heads, depth))
    (region,) = (each for each in regions(network) if len(each.axes) > 4)
    assert region.blocks[-1] == heads
    assert region.held == 2 * tokens * heads * depth
    parts = divided(network, [(region, heads)])
    assert_equal_values(network, parts, heads)
    products = [node for node in parts.nodes if isinstance(node.operator, Matmul)]
    assert len(products) == 2 * heads
    assert all(parts.tensors[node.inputs[1]].type.elements == tokens * depth for node in products)
    assert parts.macs == network.macs


def test_gated_maps_are_exact_in_any_blocks() -> None:
    assert in_all_blocks(lowered(gated(6, 3, 12))) >= 4


def test_wide_vectors_are_summed_block_by_block() -> None:
    network = lowered(dense_chain(5, 96, 3))
    assert in_all_blocks(network) >= 8
    parts = divided(network, [(regions(network)[0], 8)])
    assert parts.nodes[-1].operator.kind == "dense"
    assert parts.input_types(parts.nodes[-1])[0].shape == (8, 12)
    assert [node.operator.flatten for node in parts.nodes if isinstance(node.operator, Dense)][-1]


def check(seed: int) -> int:
    """Divides a random graph at a tensor at a time; how many could be."""
    network = RandomGraph(seed).build(6 + seed % 8)
    count = 0
    for node in network.nodes:
        region = region_of(network, node.outputs[0], 3) if len(network.output_types(node)[0].shape) == 4 else None
        if region is None:
            continue
        for blocks in region.blocks:
            assert_equal_values(network, divided(network, [(region, blocks)]), seed)
            count += 1
    return count


def test_random_networks_are_exact_in_blocks() -> None:
    assert sum(check(seed) for seed in range(5)) > 6


@pytest.mark.release
def test_many_random_networks_are_exact_in_blocks() -> None:
    assert sum(check(seed) for seed in range(1000, 1300)) > 400
    rng = np.random.default_rng(5)
    for seed in range(60):
        heads, depth = int(rng.integers(2, 7)), int(rng.integers(1, 5))
        in_all_blocks(lowered(transformer(int(rng.integers(2, 12)), heads, depth, 1 + seed % 2, seed)))
        in_all_blocks(lowered(gated(int(rng.integers(3, 9)), int(rng.integers(1, 5)), int(rng.integers(2, 20)), seed)))


@pytest.mark.release
def test_the_generated_program_in_blocks_is_exact_in_any_order_of_lines(tmp_path: Path) -> None:
    network = lowered(transformer(6, 3, 4))
    parts = divided(network, [(each, each.blocks[-1]) for each in regions(network)])
    rng = np.random.default_rng(3)
    problem = problem_of(parts)
    program = build(parts, problem, streamed_plan(problem, rng), tmp_path)
    assert_equal_to_reference(program, random_inputs(parts, rng))


def test_attention_head_by_head_takes_less_where_the_objective_allows() -> None:
    model = from_onnx(transformer(48, 4, 8))
    target = relay.BuildOptions(board="mps2_an386", objective="ram")
    whole = relay.build(model, replace(target, whole_channels=True))
    parts = relay.build(model, target)
    assert parts.memory.arena <= 0.8 * whole.memory.arena
    assert parts.macs == whole.macs
    assert any("in 4 blocks" in remark for remark in parts.remarks)
    inputs = random_inputs(whole.network, np.random.default_rng(0))
    for one, other in zip(run(whole.network, inputs), run(parts.network, inputs), strict=True):
        np.testing.assert_array_equal(one, other)
    between = (parts.memory.total + whole.memory.total) // 2
    assert relay.build(model, replace(target, ram=between)).memory.total <= between
    with pytest.raises(DoesNotFitError):
        relay.build(model, replace(target, ram=between, whole_channels=True))


def test_what_reads_a_whole_tensor_reads_the_blocks_joined() -> None:
    network = lowered(transformer(5, 2, 4))
    parts = divided(network, [(regions(network)[0], 2)])
    (joined,) = (node for node in parts.nodes if isinstance(node.operator, Concat) and node.operator.axis == 2)
    assert joined.name in network.tensors


def test_a_decision_that_does_not_divide_is_refused() -> None:
    module = LoweredModule.of_network(lowered(transformer(5, 2, 4)))
    (product, *_) = (node for node in module.network.nodes if isinstance(node.operator, Matmul))
    for axis, blocks in ((2, 3), (1, 2), (3, 2)):
        with pytest.raises(TinySegError, match="does not divide"):
            module.after(compute_in_blocks([ChannelBlocks(product.name, axis, blocks)]))
