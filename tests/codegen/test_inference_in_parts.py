"""An inference may be run in parts of so many steps, and gives what it gives as a whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import Program, assert_equal_to_reference, build, problem_of, random_inputs
from tests.storage.spilled_networks import small_unet
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.optimiser import plan


def program(directory: Path, steps: int, io: IoMode) -> Program:
    network = small_unet(32, 24)
    problem = problem_of(network, io)
    return build(network, problem, plan(problem), directory, io=io, flags=[f"-DSTEPS={steps}u"])


@pytest.mark.parametrize(("steps", "io"), [(1, "line"), (7, "resident"), (1_000_000, "line")])
def test_parts_make_the_same_lines(steps: int, io: IoMode, tmp_path: Path) -> None:
    """In as many calls as there are parts, which the program checks."""
    made = program(tmp_path, steps, io)
    assert b"loops[" in made.files["include/net.h"]
    assert_equal_to_reference(made, random_inputs(made.network, np.random.default_rng(3)))


def test_what_failed_goes_on_only_when_begun_anew(tmp_path: Path) -> None:
    made = program(tmp_path, 5, "line")
    (image,) = random_inputs(made.network, np.random.default_rng(3))
    (tmp_path / "input0.bin").write_bytes(image.tobytes()[: image.nbytes // 2])  # the second half cannot be read
    assert subprocess.run(["./program"], cwd=tmp_path, check=False).returncode == 2
