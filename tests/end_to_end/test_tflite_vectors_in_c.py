"""Files of TensorFlow Lite with 16 bit activations as C on the host: every value is that of the reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import problem_of
from tests.end_to_end.shared_program import Entry, Member, build_program
from tests.passes.test_tflite_vectors import FOLDER, lowered
from tinyseg_tvm.codegen.library.rules import rule_macros
from tinyseg_tvm.network import reference
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
