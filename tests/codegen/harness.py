"""Builds generated projects on the host with sanitizers, runs them, and compares every observed line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from tinyseg_tvm.codegen import Core, generate, kernel_cost, project_identifier
from tinyseg_tvm.codegen.library import rules
from tinyseg_tvm.codegen.text.runtime_files import runtime_text
from tinyseg_tvm.network.network import Network, Node, Port, Tensor
from tinyseg_tvm.network.problem import IoMode, build_problem
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import Operator, TensorType
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Block, Placement, Plan
from tinyseg_tvm.planner.problem import Problem, Role
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import validate

HOST = Core()
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror", "-g1"]
SANITIZE = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
if os.environ.get("SANITIZERS") != "all":
    # A pointer that is null, outside its object or wraps is found by the address sanitizer where it is used; to find it
    # where it is made takes a third of the time to compile.
    SANITIZE.append("-fno-sanitize=null,object-size,pointer-overflow")
MUTATED = ["-O1"]  # in place of SANITIZE where the runtime has a mistake: the reference finds it, in less time

MAIN = r"""
#include <stdio.h>
#include <string.h>
#include "NAME.h"
static uint8_t arena[UPPER_ARENA_SIZE] __attribute__((aligned(16)));
static NAME_context context;
static FILE *inputs[UPPER_INPUTS + 1u], *outputs[UPPER_OUTPUTS + 1u], *observed;

static FILE *open_file(const char *kind, unsigned k, const char *mode)
{
    char name[32];
    FILE *file;
    (void)snprintf(name, sizeof name, "%s%u.bin", kind, k);
    file = fopen(name, mode);
    return file;
}

void NAME_observe(void *user, uint32_t node, uint32_t output, uint32_t line, const void *data, size_t bytes)
{
    const uint32_t header[4] = {node, output, line, (uint32_t)bytes};
    (void)user;
    fwrite(header, sizeof header, 1, observed);
    fwrite(data, 1, bytes, observed);
}

#if UPPER_IO_LINES
static int read_line(void *user, uint32_t input, uint32_t line, void *data, size_t bytes)
{
    (void)user;
    (void)line;
    return fread(data, 1, bytes, inputs[input]) != bytes;
}
static int write_line(void *user, uint32_t output, uint32_t line, const void *data, size_t bytes)
{
    (void)user;
    (void)line;
    return fwrite(data, 1, bytes, outputs[output]) != bytes;
}
static const NAME_io io = {read_line, write_line, NULL};
#else
static const NAME_io io;
static const uint32_t input_at[][2] = {INPUT_TABLE {0, 0}};
static const uint32_t output_at[][2] = {OUTPUT_TABLE {0, 0}};
#endif

int main(void)
{
    int status;
    memset(arena, 0xA5, sizeof arena);
    for (unsigned k = 0; k < UPPER_INPUTS; ++k) {
        inputs[k] = open_file("input", k, "rb");
    }
    for (unsigned k = 0; k < UPPER_OUTPUTS; ++k) {
        outputs[k] = open_file("output", k, "wb");
    }
    observed = open_file("observed", 0, "wb");
#if !UPPER_IO_LINES
    for (unsigned k = 0; k < UPPER_INPUTS; ++k) {
        if (fread(arena + input_at[k][0], 1, input_at[k][1], inputs[k]) != input_at[k][1]) {
            return 99;
        }
    }
#endif
    status = (int)NAME_init(&context, arena, sizeof arena, &io);
    if (status == 0) {
#ifndef STEPS
        status = (int)NAME_run(&context);
#else /* an inference in parts */
        NAME_progress progress;
        unsigned calls = 0;
        status = (int)NAME_begin(&context, &progress);
        for (; status == 0; ++calls) {
            const NAME_status after = NAME_step(&context, &progress, STEPS);
            status = (int)after;
            if (after != UPPER_PENDING) {
                break;
            }
            status = 0;
        }
        if (status == 0 && calls != (UPPER_STEPS - 1u) / STEPS) {
            return 98;
        }
        if ((status == 0) != (NAME_step(&context, &progress, STEPS) == UPPER_OK)) { /* what failed is begun anew */
            return 97;
        }
#endif
    }
#if !UPPER_IO_LINES
    for (unsigned k = 0; k < UPPER_OUTPUTS; ++k) {
        fwrite(arena + output_at[k][0], 1, output_at[k][1], outputs[k]);
    }
#endif
    for (unsigned k = 0; k < UPPER_INPUTS; ++k) {
        fclose(inputs[k]);
    }
    for (unsigned k = 0; k < UPPER_OUTPUTS; ++k) {
        fclose(outputs[k]);
    }
    fclose(observed);
    return status;
}
"""


@dataclass(frozen=True)
class Observation:
    """A line that a step wrote."""

    node: int
    output: int
    line: int
    data: bytes


@dataclass(frozen=True)
class Program:
    """A generated project, built for the host."""

    directory: Path
    network: Network
    files: dict[str, bytes]

    def run(self, inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[Observation]]:
        """Outputs in device layout, and every line observed."""
        for k, array in enumerate(inputs):
            (self.directory / f"input{k}.bin").write_bytes(np.ascontiguousarray(array).tobytes())
        done = subprocess.run(
            ["./program"], cwd=self.directory, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-3000:]}"
        outputs = []
        for k, port in enumerate(self.network.outputs):
            tensor = self.network.tensors[port.tensor].type
            data = (self.directory / f"output{k}.bin").read_bytes()
            outputs.append(np.frombuffer(data, tensor.dtype).reshape(tensor.shape))
        return outputs, _observations((self.directory / "observed0.bin").read_bytes())


def _observations(log: bytes) -> list[Observation]:
    result = []
    at = 0
    while at < len(log):
        node, output, line, size = np.frombuffer(log[at : at + 16], np.uint32).tolist()
        result.append(Observation(node, output, line, log[at + 16 : at + 16 + size]))
        at += 16 + size
    return result


def write_project(files: dict[str, bytes], directory: Path) -> None:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)


def mutate_runtime(monkeypatch: pytest.MonkeyPatch, *mutations: tuple[str, str, str]) -> None:
    """Makes projects with mistakes in the runtime: (file, text, another text); they are built without sanitizers."""
    true_text = runtime_text
    for file, before, _ in mutations:
        assert before in true_text(file)

    def mutated(name: str) -> str:
        text = true_text(name)
        for file, before, after in mutations:
            text = text.replace(before, after) if name == file else text
        return text

    monkeypatch.setattr(rules, "runtime_text", mutated)
    monkeypatch.setattr(f"{__name__}.SANITIZE", MUTATED)


def build(
    network: Network,
    problem: Problem,
    plan: Plan,
    directory: Path,
    *,
    io: IoMode = "resident",
    flags: Sequence[str] = (),
    core: Core = HOST,
    check: bool = True,
) -> Program:
    """Generate and compile, with sanitizers; the plan is validated first."""
    if check:
        validate(problem, plan)
    files = generate(network, problem, plan, name=network.name, core=core, io=io, metadata={})
    directory.mkdir(parents=True, exist_ok=True)
    write_project(files, directory)
    name = project_identifier(network.name)
    upper = name.upper()
    table = "".join
    main = (
        MAIN.replace("NAME", name)
        .replace("UPPER", upper)
        .replace(
            "INPUT_TABLE",
            table(f"{{{upper}_INPUT{k}_OFFSET, {upper}_INPUT{k}_BYTES}}, " for k in range(len(network.inputs))),
        )
        .replace(
            "OUTPUT_TABLE",
            table(f"{{{upper}_OUTPUT{k}_OFFSET, {upper}_OUTPUT{k}_BYTES}}, " for k in range(len(network.outputs))),
        )
    )
    (directory / "main.c").write_text(main)
    sources = sorted(p for p in files if p.endswith(".c"))
    command = [
        "gcc",
        *FLAGS,
        *SANITIZE,
        *flags,
        "-DTINYSEG_OBSERVE",
        "-Iinclude",
        "-Isrc",
        "-Iruntime",
        "main.c",
        *sources,
    ]
    done = subprocess.run(
        [*command, "-lm", "-o", "program"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Program(directory, network, files)


class Runnable(Protocol):
    """A network's compiled library."""

    @property
    def network(self) -> Network: ...

    def run(self, inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[Observation]]:
        """Outputs in device layout, and every line observed."""


def assert_equal_to_reference(program: Runnable, inputs: Sequence[np.ndarray]) -> None:
    """Every line of every node, and every output, bit for bit; within rounding where TVM wrote floating point C."""
    network = program.network
    trace: dict[str, np.ndarray] = {}
    expected = run_reference(network, inputs, layout="device", trace=trace)
    outputs, observations = program.run(inputs)
    floating = any(node.operator.kind == "opaque" for node in network.nodes)
    seen = set()
    for o in observations:
        name = network.nodes[o.node].outputs[o.output]
        array = trace[name]
        line_type = network.tensors[name].type
        want = np.ascontiguousarray(array).reshape(line_type.lines, -1)[o.line]
        if want.tobytes() != o.data:
            got = np.frombuffer(o.data, line_type.dtype)
            if floating and np.allclose(want, got, rtol=1e-4, atol=1e-5):
                seen.add((name, o.line))
                continue
            where = np.flatnonzero(want.view(np.uint8) != np.frombuffer(o.data, np.uint8))
            raise AssertionError(
                f"node {network.nodes[o.node]} line {o.line}: {len(where)} bytes differ, first at {where[:5]}: "
                f"want {want[:20]} got {got[:20]}"
            )
        seen.add((name, o.line))
    lines = {
        (name, line)
        for node in network.nodes
        for name in node.outputs
        for line in range(network.tensors[name].type.lines)
    }
    assert seen == lines, f"lines never observed: {sorted(lines - seen)[:5]}"
    for got, want in zip(outputs, expected, strict=True):
        if floating:
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(got, want)


def problem_of(network: Network, io: IoMode = "resident", core: Core = HOST) -> Problem:
    return build_problem(network, io=io, cost=lambda node: kernel_cost(node, network, core))


def spread_plan(problem: Problem) -> Plan:
    """Layer by layer, every tensor at an address of its own: the simplest plan there is."""
    end = 0

    def take(size: int) -> int:
        nonlocal end
        start = -(-end // 16) * 16
        end = start + size
        return start

    steps = tuple(i for i, operator in enumerate(problem.operators) for _ in range(operator.steps))
    placements = []
    for tensor in problem.tensors:
        start = take(tensor.lines * tensor.line_bytes)
        placements.append(Placement(0, tuple(start + i * tensor.line_bytes for i in range(tensor.lines))))
    states = tuple(Block(0, take(o.state_bytes)) if o.state_bytes else None for o in problem.operators)
    scratch = tuple(Block(0, take(o.scratch_bytes)) if o.scratch_bytes else None for o in problem.operators)
    return Plan(steps, tuple(placements), states, scratch, (end,))


def random_order(problem: Problem, rng: np.random.Generator) -> list[int]:
    """Any order of the steps that reads no line before it is written; now and then an operator runs on for a while."""
    resident = {i for i, t in enumerate(problem.tensors) if t.role is Role.RESIDENT_INPUT}
    written = [set(range(t.lines)) if i in resident else set() for i, t in enumerate(problem.tensors)]
    next_step = [0] * len(problem.operators)

    def ready(number: int) -> bool:
        operator, step = problem.operators[number], next_step[number]
        return step < operator.steps and all(written[r.tensor].issuperset(r.lines[step]) for r in operator.reads)

    steps: list[int] = []
    while len(steps) < sum(operator.steps for operator in problem.operators):
        number = int(rng.choice([i for i in range(len(problem.operators)) if ready(i)]))
        for _ in range(int(rng.integers(1, 4))):
            if ready(number):
                for write in problem.operators[number].writes:
                    written[write.tensor].update(write.lines[next_step[number]])
                next_step[number] += 1
                steps.append(number)
    return steps


def streamed_plan(problem: Problem, rng: np.random.Generator) -> Plan:
    """A random order of steps, packed line by line."""
    return pack(step_table(problem), random_order(problem, rng), tries=2)


class NetworkBuilder:
    """Networks by hand: inputs, nodes, outputs."""

    def __init__(self, name: str = "net") -> None:
        self.name = name
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []

    def input(self, name: str, type_: TensorType, scale: float | None = 0.1, zero_point: int | None = 0) -> str:
        self.tensors[name] = Tensor(name, type_, scale, zero_point)
        self.inputs.append(Port.of(self.tensors[name]))
        return name

    def node(self, name: str, operator: Operator, inputs: Sequence[str], **constants: np.ndarray) -> str:
        types = {key: TensorType(array.shape, str(array.dtype)) for key, array in constants.items()}
        results = operator.infer([self.tensors[i].type for i in inputs], types)
        names = [name if k == 0 else f"{name}:{k}" for k in range(len(results))]
        for result, type_ in zip(names, results, strict=True):
            self.tensors[result] = Tensor(result, type_)
        self.nodes.append(Node(name, operator, tuple(inputs), tuple(names), constants))
        return names[0]

    def output(self, tensor: str) -> None:
        self.outputs.append(Port.of(self.tensors[tensor]))

    def build(self) -> Network:
        return Network(self.name, self.tensors, tuple(self.nodes), tuple(self.inputs), tuple(self.outputs))


def random_inputs(network: Network, rng: np.random.Generator) -> list[np.ndarray]:
    result = []
    for port in network.inputs:
        type_ = network.tensors[port.tensor].type
        if type_.dtype == "float32":
            result.append(rng.normal(0, 3, type_.shape).astype(np.float32))
        else:
            info = np.iinfo(type_.dtype)
            low, high = max(info.min, -(2**31)), min(info.max, 2**31 - 1)
            result.append(rng.integers(low, high, type_.shape, endpoint=True).astype(type_.dtype))
    return result
