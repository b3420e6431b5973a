"""Many generated libraries in one host program, built with sanitizers: compiling is what takes time.

The libraries share the runtime's kernels, as they would in a product with several networks.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.codegen.harness import FLAGS, HOST, MAIN, SANITIZE, Observation, _observations, write_project
from tinyseg_tvm.codegen import generate
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem


@dataclass(frozen=True)
class Entry:
    """A planned network and the way it takes its inputs."""

    network: Network
    problem: Problem
    plan: Plan
    io: str


@dataclass(frozen=True)
class Member:
    """One network of a program: runs as ``harness.Program`` does."""

    directory: Path
    number: int
    network: Network

    def run(self, inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[Observation]]:
        """Outputs in device layout, and every line observed."""
        folder = self.directory / f"run{self.number}"
        folder.mkdir(exist_ok=True)
        for port, array in enumerate(inputs):
            (folder / f"input{port}.bin").write_bytes(np.ascontiguousarray(array).tobytes())
        command = [str(self.directory / "program"), str(self.number)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{self.network.name}: exit status {done.returncode}: {done.stderr[-3000:]}"
        outputs = []
        for port, value in enumerate(self.network.outputs):
            kind = self.network.tensors[value.tensor].type
            data = (folder / f"output{port}.bin").read_bytes()
            outputs.append(np.frombuffer(data, kind.dtype).reshape(kind.shape))
        return outputs, _observations((folder / "observed0.bin").read_bytes())


def build_program(entries: Sequence[Entry], directory: Path) -> list[Member]:
    """Generates all libraries, compiles them into one program, and returns its networks in order."""
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    for number, entry in enumerate(entries):
        made = generate(
            entry.network, entry.problem, entry.plan, name=f"n{number}", core=HOST, io=entry.io, metadata={}
        )
        made[f"src/main{number}.c"] = _main(number, entry.network).encode()
        for path, content in made.items():
            assert files.setdefault(path, content) == content or path == "metadata.json", f"{path} differs"
    files["src/main.c"] = _dispatcher(len(entries)).encode()
    files["Makefile"] = _MAKEFILE.format(flags=" ".join([*FLAGS, *SANITIZE, "-g0"])).encode()
    write_project(files, directory)
    done = subprocess.run(["make", "-s"], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return [Member(directory, number, entry.network) for number, entry in enumerate(entries)]


_MAKEFILE = """\
OBJECTS := $(patsubst %.c,%.o,$(wildcard src/*.c runtime/*.c))
program: $(OBJECTS)
\tgcc {flags} $^ -lm -o $@
%.o: %.c
\tgcc {flags} -DTINYSEG_OBSERVE -Iinclude -Isrc -Iruntime -c $< -o $@
"""


def _main(number: int, network: Network) -> str:
    """The harness's ``main`` for one network, under a name of its own."""

    def table(kind: str, ports: int) -> str:
        return "".join(f"{{N{number}_{kind}{k}_OFFSET, N{number}_{kind}{k}_BYTES}}, " for k in range(ports))

    return (
        MAIN.replace("INPUT_TABLE", table("INPUT", len(network.inputs)))
        .replace("OUTPUT_TABLE", table("OUTPUT", len(network.outputs)))
        .replace("UPPER", f"N{number}")
        .replace("NAME", f"n{number}")
        .replace("int main(void)", f"int main{number}(void);\nint main{number}(void)")
    )


def _dispatcher(count: int) -> str:
    declarations = "".join(f"int main{number}(void);\n" for number in range(count))
    table = ", ".join(f"main{number}" for number in range(count))
    return (
        f"#include <stdlib.h>\n{declarations}static int (*const mains[])(void) = {{{table}}};\n"
        "int main(int argc, char **argv)\n{\n    return argc == 2 ? mains[atoi(argv[1])]() : 98;\n}\n"
    )
