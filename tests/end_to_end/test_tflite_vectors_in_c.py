"""Files of TensorFlow Lite as C: the values of the reference kernels, on the host and on each family of cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import problem_of, spread_plan
from tests.end_to_end.shared_program import Entry, Member, build_program
from tests.kernels.test_kernels import problem_of as problem_on
from tests.kernels.test_v6m_kernels import armv6m_board
from tests.passes.test_tflite_vectors import FILES as ALL_FILES
from tests.passes.test_tflite_vectors import FOLDER, lowered, wanted
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen import generate
from tinyseg_tvm.codegen.library.rules import rule_macros
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.network import Network, Node, Port, Tensor
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.optimiser import plan as optimise

FILES = sorted(FOLDER.glob("*_int16*.tflite"))
SAMPLE = (
    "conv_int16_b32",
    "conv_int16_pc_34",
    "dw_int16_47",
    "add_int16_pot",
    "mean_int16_5",
    "resb_int16_4",
    "tanh_int16_2",
    "softmax_int16_1",
    "softmax_int8_int16",
    "quantize_int32_int16_0",
    "leaky_relu_int16_1",
)


def programs(files: Sequence[Path], directory: Path) -> list[tuple[Path, Member]]:
    """Planned and compiled, as few programs as the runtime's copies allow."""
    groups: dict[tuple[str, ...], list[tuple[Path, Entry]]] = {}
    for number, path in enumerate(files):
        network = lowered(path)
        io: IoMode = "line" if number % 2 else "resident"
        problem = problem_of(network, io)
        entry = Entry(network, problem, optimise(problem, effort=0.01), io)
        groups.setdefault(rule_macros(network), []).append((path, entry))
    made = []
    for number, group in enumerate(groups.values()):
        members = build_program([entry for _, entry in group], directory / f"program{number}")
        made += [(path, member) for (path, _), member in zip(group, members, strict=True)]
    return made


def differing(path: Path, member: Member) -> int:
    """Values of the results that are not those of the file's vectors."""
    network, vectors, count = member.network, np.load(path.with_suffix(".npz")), 0
    for case in (0, 1):
        given = [vectors[f"in{case}_{number}"] for number in range(len(network.inputs))]
        inputs = [reference.to_device(network, port, array) for port, array in zip(network.inputs, given, strict=True)]
        outputs, _ = member.run(inputs)
        for number, (port, output) in enumerate(zip(network.outputs, outputs, strict=True)):
            expected = vectors[f"out{case}_{number}"]
            got = reference.from_device(network, port, output)
            assert got.shape == expected.shape
            assert got.dtype == expected.dtype
            count += int((got != expected).sum())
    return count


def check(files: Sequence[Path], directory: Path) -> int:
    made = programs(files, directory)
    found = {path.name: differing(path, member) for path, member in made}
    assert {name: count for name, count in found.items() if count} == {}
    return len(found)


@pytest.mark.release
@pytest.mark.skipif(not FILES, reason="the folder of files is absent")
def test_a_sample_equals_the_reference_kernels(tmp_path: Path):
    assert check([path for path in FILES if path.stem in SAMPLE], tmp_path) == len(SAMPLE)


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the folder of files is absent")
def test_every_file_equals_the_reference_kernels(tmp_path: Path):
    assert check(FILES, tmp_path) == len(FILES)


ON_BOARDS = 100
"""Files of the sample that runs on each core."""


def joined(files: Sequence[Path]) -> tuple[Network, list[tuple[Path, Network]]]:
    """One network of all that keep no state: building takes what time there is."""
    members: list[tuple[Path, Network]] = []
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    inputs: list[Port] = []
    outputs: list[Port] = []
    for path in files:
        network = lowered(path)
        if network.states:
            continue
        number = len(members)
        members.append((path, network))

        def own(name: str, number: int = number) -> str:
            return f"n{number}_{name}"

        tensors |= {
            own(name): replace(tensor, name=own(name), derived_from="") for name, tensor in network.tensors.items()
        }
        nodes += [
            replace(
                node, name=own(node.name), inputs=tuple(map(own, node.inputs)), outputs=tuple(map(own, node.outputs))
            )
            for node in network.nodes
        ]
        inputs += [replace(port, name=own(port.name), tensor=own(port.tensor)) for port in network.inputs]
        outputs += [replace(port, name=own(port.name), tensor=own(port.tensor)) for port in network.outputs]
    return Network("sample", tensors, tuple(nodes), tuple(inputs), tuple(outputs)), members


@pytest.mark.slow
@pytest.mark.skipif(not ALL_FILES, reason="the folder of files is absent")
@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an385", "mps3_an547", "armv6m"])
def test_a_sample_equals_the_reference_kernels_on_each_family_of_cores(board: str, tmp_path: Path):
    network, members = joined(ALL_FILES[:: len(ALL_FILES) // ON_BOARDS])
    assert len(members) >= ON_BOARDS
    vectors = [np.load(path.with_suffix(".npz")) for path, _ in members]
    given = [
        [
            reference.to_device(each, port, found[f"in{case}_{number}"])
            for (_, each), found in zip(members, vectors, strict=True)
            for number, port in enumerate(each.inputs)
        ]
        for case in (0, 1)
    ]
    loaded = load_board(armv6m_board(tmp_path) if board == "armv6m" else board)
    problem = problem_on(network, generator_core(loaded.core))
    files = generate(
        network,
        problem,
        spread_plan(problem),
        name="sample",
        core=generator_core(loaded.core),
        io="resident",
        metadata={},
    )
    result = generate_project(loaded, files, tmp_path / "project").run(given, layout="device", count="none")
    assert result.status == 0
    different = []
    for case, outputs in enumerate(result.outputs):
        remaining = iter(outputs)
        for (path, each), found in zip(members, vectors, strict=True):
            for number, port in enumerate(each.outputs):
                kind = each.tensors[port.tensor].type
                got = np.frombuffer(next(remaining).tobytes(), kind.dtype).reshape(kind.shape)
                if not np.array_equal(
                    reference.from_device(each, port, got), wanted(path, found, f"out{case}_{number}")
                ):
                    different.append(f"{path.name} {case}")
    assert different == []
