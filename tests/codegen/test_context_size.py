"""The size of a context is stated as its C has it on a 32-bit core, or the library does not compile."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from tests.codegen.harness import FLAGS, problem_of, spread_plan, write_project
from tests.storage.spilled_networks import small_unet, spilled
from tinyseg_tvm.codegen import Core, generate
from tinyseg_tvm.planner.problem import Pool

ARM = shutil.which("arm-none-eabi-gcc")
NETWORKS = {
    "plain": small_unet(),
    "a storage": spilled(small_unet(), "skip0", ("join0",)),
    "two storages": spilled(
        spilled(small_unet(), "skip0", ("join0",), ahead=5), "skip1", ("join1",), storage="other", slot=1
    ),
}


def library(network, io, pools=1):
    problem = problem_of(network, io)
    plan = spread_plan(problem)
    further = tuple(Pool(f"pool{number}") for number in range(1, pools))
    problem = replace(problem, pools=(*problem.pools, *further))
    plan = replace(plan, pool_bytes=(*plan.pool_bytes, *(0 for _ in further)))
    return generate(network, problem, plan, name="net", core=Core("cortex-m3"), io=io, metadata={})


def compiles(folder):
    command = [str(ARM), "-mcpu=cortex-m3", "-mthumb", *FLAGS, "-fsyntax-only", "-Iinclude", "-Isrc", "-Iruntime"]
    result = subprocess.run([*command, "src/net.c"], cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or "context_size_is_stated" in result.stderr, result.stderr
    return result.returncode == 0


@pytest.mark.skipif(ARM is None, reason="no Arm compiler")
@pytest.mark.parametrize("io", ["resident", "line"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pools", [1, 3])
def test_the_compiler_agrees_with_the_stated_size_and_with_no_other(tmp_path, network, io, pools):
    files = library(NETWORKS[network], io, pools)
    size = json.loads(files["metadata.json"])["memory"]["context_bytes"]
    write_project(files, tmp_path)
    assert compiles(tmp_path)
    source = tmp_path / "src" / "net.c"
    text = source.read_text()
    for other in (size - 4, size + 4):
        source.write_text(text.replace(f"== {size}u", f"== {other}u"))
        assert not compiles(tmp_path)
