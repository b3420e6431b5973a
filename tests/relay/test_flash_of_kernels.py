"""Faster kernels with larger constants are chosen only as far as the board's flash reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx as onnx_models
import pytest

from tests.codegen.harness import NetworkBuilder, spread_plan
from tests.end_to_end.small_models import segmenter
from tinyseg_tvm import relay
from tinyseg_tvm.boards import Memory, load_board
from tinyseg_tvm.codegen import Core, kernel_choices, kernel_cost, kernel_size, program_flash
from tinyseg_tvm.compiler.flash_room import AMPLE
from tinyseg_tvm.compiler.kernel_choice import with_fast_kernels
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.problem import Pool
from tinyseg_tvm.planner.validator import validate
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

DSP = Core("host", has_dsp=True)
ARENA = 1 << 20
MODELS = Path(__file__).parents[2].parent / "shared" / "models" / "onnx"


def two_convolutions():
    """The first over a map of four times the pixels, so that it gains more per byte."""
    rng = np.random.default_rng(0)
    builder = NetworkBuilder("flash")
    for name, extent in (("large", 32), ("small", 16)):
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(3, -5, -128, 127))
        constants: dict[str, np.ndarray] = {
            "weight": rng.integers(-127, 128, (16, 3, 3, 16)).astype(np.int8),
            "bias": np.zeros(16, np.int32),
            "multiplier": np.full(16, 0.001, np.float32),
        }
        x = builder.input(f"x_{name}", TensorType((1, extent, extent, 16), "int8"))
        builder.output(builder.node(name, operator, [x], **constants))
    return builder.build()


def planned_within(network: Network, flash: int) -> Planned:
    """The plan for a board of so many bytes of flash."""
    arena = (Pool("arena", ARENA),)
    problem = build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, DSP, 0), pools=arena)
    board = replace(load_board("host"), memories=(Memory("FLASH", "flash", 0, flash),))
    least = Planned("rows", LoweredModule.of_network(network), problem, spread_plan(problem))
    faster = with_fast_kernels(least, Situation(BuildOptions(ram=ARENA), board, DSP))
    validate(faster.problem, faster.plan)
    for operator, node in zip(faster.problem.operators, network.nodes, strict=True):
        cost = Cost(operator.scratch_bytes, operator.cycles, operator.flash_bytes, operator.kernel)
        assert cost in kernel_choices(node, network, DSP)  # the name is replaced with the figures
    return faster


def reckoned(planned: Planned) -> int:
    kernels = [operator.kernel for operator in planned.problem.operators]
    nodes = planned.network.nodes
    sizes = [kernel_size(node, planned.network, DSP, kernel) for node, kernel in zip(nodes, kernels, strict=True)]
    return sum(program_flash(sizes, DSP))


def cycles(planned: Planned) -> int:
    return sum(operator.cycles * operator.steps for operator in planned.problem.operators)


def test_kernels_are_given_up_until_the_program_fits_the_flash():
    network = two_convolutions()
    fastest, smallest = planned_within(network, AMPLE << 4), planned_within(network, 1)
    most, least = reckoned(fastest), reckoned(smallest)
    assert most - least > 10_000
    assert planned_within(network, most).problem == fastest.problem
    between = [planned_within(network, flash) for flash in range(most - 1, least, -3000)]
    for flash, planned in zip(range(most - 1, least, -3000), between, strict=True):
        assert least <= reckoned(planned) <= flash
        assert cycles(fastest) < cycles(planned) <= cycles(smallest)
    assert cycles(between[0]) < cycles(smallest)


def test_64_kib_of_flash_are_as_good_as_4_mib_for_a_small_program(tmp_path):
    model = segmenter()
    problems = []
    for flash in ("64K", "4M"):
        board = tmp_path / f"flash_{flash}.toml"
        text = load_board("mps2_an386").toml.replace("cortex-m4", "cortex-m0").replace('"4M"', f'"{flash}"', 1)
        board.write_text(text)
        problems.append(relay.build(relay.frontend.from_onnx(model), f"c -tinyseg -board={board}").planned.problem)
    assert problems[0] == problems[1]


@pytest.mark.release
@pytest.mark.skipif(not MODELS.is_dir(), reason="the shared models are not there")
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("name", ["fdt_mw_magic_wand_int8_qdq", "mlperf_kws_ref_model"])
def test_what_is_reckoned_is_more_than_what_is_linked(name, core, tmp_path):
    board = tmp_path / "small.toml"
    board.write_text(load_board("mps2_an386").toml.replace("cortex-m4", core).replace('"4M"', '"64K"', 1))
    factory = relay.build(
        relay.frontend.from_onnx(onnx_models.load(MODELS / f"{name}.onnx")), f"c -tinyseg -board={board}"
    )
    planned, facts = factory.planned, factory.situation.core
    kernels = [operator.kernel for operator in planned.problem.operators]
    nodes = planned.network.nodes
    sizes = [kernel_size(node, planned.network, facts, kernel) for node, kernel in zip(nodes, kernels, strict=True)]
    code, constants = program_flash(sizes, facts)
    project = generate_project(factory.situation.board, factory, tmp_path / "project")
    elf = project.build()
    linked = project.machine.flash(project.machine.read_image(elf), elf.parent, project.library.name)
    assert linked.code < code < 3 * linked.code
    assert linked.weights <= constants
