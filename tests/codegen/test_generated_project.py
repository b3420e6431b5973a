"""What a generated project promises beside its results: names, reproducibility, errors, weights, metadata."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import (
    FLAGS,
    HOST,
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    problem_of,
    random_inputs,
    spread_plan,
    write_project,
)
from tinyseg_tvm.codegen import Core, export_library_format, generate
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import Conv2d, Elementwise, Lookup, MaxPool2d, Pad, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

HOSTILE = [
    'quote" */ end',
    "line\nbreak",
    "../up",
    "trigraph ??/",
    "naïve ✓",
    "same",
    "same!",
    "9",
    "",
    "int",
    "a" * 500,
    "main",
]
ARM = shutil.which("arm-none-eabi-gcc")


def weights(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {
        "weight": rng.integers(-127, 128, shape).astype(np.int8),
        "bias": rng.integers(-500, 500, shape[0]).astype(np.int32),
        "multiplier": rng.uniform(0.0005, 0.002, shape[0]).astype(np.float32),
    }


def chain(names: list[str], name: str = "net") -> Network:
    """A residual chain whose nodes bear the given names."""
    rng = np.random.default_rng(0)
    b = NetworkBuilder(name)
    x = b.input("x", TensorType((1, 6, 5, 4), "int8"))
    for i, node in enumerate(names):
        y = b.node(
            f"{node}|{i}",
            Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(3, -2, -128, 127)),
            [x],
            **weights(rng, 4, 3, 3, 4),
        )
        x = b.node(f"{node}|{i}add", Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.25, 2, -128, 127)), [x, y])
    b.output(x)
    return b.build()


def test_hostile_names_compile_and_run(tmp_path):
    network = chain(HOSTILE, 'evil" */ \n name')
    problem = problem_of(network)
    program = build(network, problem, spread_plan(problem), tmp_path)
    assert_equal_to_reference(program, random_inputs(network, np.random.default_rng(0)))
    assert all(".." not in path and path.isascii() for path in program.files)


def test_equal_builds_give_equal_bytes():
    network = chain(["a", "b"])
    problem = problem_of(network)
    plan = spread_plan(problem)
    first, second = (
        generate(network, problem, plan, name="net", core=HOST, io="resident", metadata={"options": {}})
        for _ in range(2)
    )
    assert first == second
    assert list(first) == sorted(first)


def test_only_used_kernels_are_copied():
    network = chain(["a"])
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})
    runtime = {Path(path).name for path in files if path.startswith("runtime/")}
    assert {"tinyseg_tile_v7m.c", "tinyseg_elementwise.c", "tinyseg_platform.h"} <= runtime
    assert "tinyseg_softmax.c" not in runtime
    assert "tinyseg_conv2d_w16.c" not in runtime


def test_libraries_have_no_writable_data_and_need_only_memory_functions(tmp_path):
    network = chain(["a"])
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})
    write_project(files, tmp_path)
    for path in (p for p in files if p.endswith(".c")):
        command = ["gcc", *FLAGS, "-O2", "-fno-pie", "-Iinclude", "-Isrc", "-Iruntime", "-c", path, "-o", "object.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        symbols = subprocess.run(["nm", "object.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for line in symbols.splitlines():
            kind, name = line.split()[-2:]
            assert kind not in "DdBbC", f"{path}: {name} is writable"
            assert kind != "U" or name.startswith(("net_", "tinyseg_")) or name in ("memcpy", "memset", "memmove"), line


def test_the_binary_weights_are_those_of_the_c_arrays(tmp_path):
    network = chain(["a", "b"])
    problem = problem_of(network)
    program = build(network, problem, spread_plan(problem), tmp_path)
    inputs = random_inputs(network, np.random.default_rng(1))
    sources = sorted(p for p in program.files if p.endswith(".c") and not p.endswith("_weights.c"))
    command = ["gcc", *FLAGS, "-DTINYSEG_OBSERVE", "-Iinclude", "-Isrc", "-Iruntime", "-Iweights", "main.c", *sources]
    subprocess.run([*command, "weights/net.S", "-o", "program"], cwd=tmp_path, check=True)
    assert_equal_to_reference(program, inputs)
    binary = tmp_path / "weights" / "net.bin"
    image = bytearray(binary.read_bytes())
    image[0] ^= 0x40
    binary.write_bytes(image)
    subprocess.run([*command, "weights/net.S", "-o", "program"], cwd=tmp_path, check=True)
    with pytest.raises(AssertionError):
        assert_equal_to_reference(program, inputs)


def test_metadata_tells_sizes_and_operators():
    network = chain(["a"])
    problem = problem_of(network)
    plan = spread_plan(problem)
    files = generate(network, problem, plan, name="net", core=HOST, io="resident", metadata={"options": {"ram": 1}})
    described = json.loads(files["metadata.json"])
    assert described["version"] == 1
    assert described["options"] == {"ram": 1}
    assert described["memory"]["arena_bytes"] == plan.pool_bytes[0]
    assert described["memory"]["weights_bytes"] == len(files["weights/net.bin"])
    conv = described["operators"][0]
    assert conv["name"] == "a|0"
    assert conv["macs"] == 6 * 5 * 4 * 4 * 9
    assert conv["kernel"].startswith("conv2d tiles v7m")


def test_equal_constants_are_stored_once():
    rng = np.random.default_rng(0)
    b = NetworkBuilder()
    x = b.input("x", TensorType((1, 2, 3, 4), "int8"))
    table = rng.permutation(256).astype(np.uint8).view(np.int8)
    for i in range(3):
        x = b.node(f"table{i}", Lookup("int8"), [x], table=table)
    b.output(x)
    network = b.build()
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})
    assert len(files["weights/net.bin"]) == 256


def test_a_failing_callback_is_reported(tmp_path):
    network = chain(["a"])
    problem = problem_of(network, "line")
    build(network, problem, spread_plan(problem), tmp_path, io="line")
    (tmp_path / "input0.bin").write_bytes(b"too short")
    assert subprocess.run(["./program"], cwd=tmp_path, check=False).returncode == 2  # NET_ERROR_INPUT


def test_operators_of_too_many_steps_are_refused():
    b = NetworkBuilder()
    x = b.input("x", TensorType((1, 70_000, 1), "int8"))
    b.output(b.node("table", Lookup("int8"), [x], table=np.zeros(256, np.int8)))
    network = b.build()
    problem = problem_of(network)
    with pytest.raises(TinySegError, match=r"'table' runs in 70000 steps.*65535"):
        generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})


def test_maps_too_wide_for_a_kernel_are_refused_by_name():
    b = NetworkBuilder()
    x = b.input("x", TensorType((1, 1, 70_000, 1), "int8"))
    b.output(b.node("wide", MaxPool2d((1, 2), (1, 2), (0, 0, 0, 0), (1, 1)), [x]))
    network = b.build()
    problem = problem_of(network)
    with pytest.raises(TinySegError, match=r"'wide'.*70000"):
        generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})


def test_the_library_format_holds_library_parameters_and_relax(tmp_path):
    import tarfile

    network = chain(["a"])
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})
    for path in ("one.tar", "two.tar"):
        export_library_format(tmp_path / path, "net", files, relax="# relax", figures={"macs": 1})
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        names = tar.getnames()
        member = tar.extractfile("metadata.json")
        assert member is not None
        metadata = json.loads(member.read())
    assert {"codegen/host/src/net.c", "codegen/host/include/net.h", "parameters/net.bin", "src/relax.txt"} <= set(names)
    assert metadata["version"] == 7
    assert metadata["memory"]["functions"]["main"][0]["workspace_size_bytes"] > 0


@pytest.mark.skipif(ARM is None, reason="no Arm compiler")
@pytest.mark.parametrize(
    "cpu", ["cortex-m0", "cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard", "cortex-m55 -mfloat-abi=hard"]
)
def test_projects_compile_for_arm(cpu, tmp_path):
    network = chain(["a"])
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=Core(cpu), io="resident", metadata={})
    write_project(files, tmp_path)
    sources = sorted(p for p in files if p.endswith(".c"))
    command = [
        str(ARM),
        f"-mcpu={cpu.split()[0]}",
        *cpu.split()[1:],
        "-mthumb",
        *FLAGS,
        "-Os",
        "-Iinclude",
        "-Isrc",
        "-Iruntime",
        "-Iweights",
    ]
    subprocess.run([*command, "-c", *sources, "weights/net.S"], cwd=tmp_path, check=True)


def test_padding_of_other_values_than_zero_is_written(tmp_path):
    b = NetworkBuilder()
    x = b.input("x", TensorType((1, 3, 2, 2), "int8"))
    b.output(b.node("pad", Pad((0, 1, 2, 0), (0, 2, 1, 0), -7.0), [x]))
    network = b.build()
    problem = problem_of(network)
    program = build(network, problem, spread_plan(problem), tmp_path)
    assert_equal_to_reference(program, random_inputs(network, np.random.default_rng(0)))
