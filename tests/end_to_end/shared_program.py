"""Many generated libraries in one host program, built with sanitizers: compiling is what takes time.

The libraries share one copy of the runtime's kernels, which has therefore no project's names.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.codegen.harness import FLAGS, HOST, MAIN, SANITIZE, Observation, _observations, write_project
from tinyseg_tvm.codegen import generate
from tinyseg_tvm.codegen.memories.storage_layout import storage_regions
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem


@dataclass(frozen=True)
class Entry:
    """A planned network and the way it takes its inputs."""

    network: Network
    problem: Problem
    plan: Plan
    io: IoMode


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
        for path, text in made.items():
            content = text.replace(f" n{number}_tinyseg_".encode(), b" tinyseg_") if path.endswith(".h") else text
            assert files.setdefault(path, content) == content or path == "metadata.json", f"{path} differs"
    files["src/main.c"] = _dispatcher(len(entries)).encode()
    files["Makefile"] = _MAKEFILE.format(flags=" ".join([*FLAGS, *SANITIZE])).encode()
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
        _with_storages(MAIN, len(storage_regions(network)))
        .replace("INPUT_TABLE", table("INPUT", len(network.inputs)))
        .replace("OUTPUT_TABLE", table("OUTPUT", len(network.outputs)))
        .replace("UPPER", f"N{number}")
        .replace("NAME", f"n{number}")
        .replace("int main(void)", f"int main{number}(void);\nint main{number}(void)")
    )


_STORAGE = r"""
/* A storage in memory that takes a while: what is written is looked at late, what is read arrives late. */
typedef struct {
    uint8_t *medium, *data;
    uint32_t offset, bytes, delay, seed;
    bool write;
} late;

static tinyseg_storage_status begin(late *device, bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    device->seed = device->seed * 1664525u + 1013904223u;
    device->write = write;
    device->offset = offset;
    device->data = data;
    device->bytes = bytes;
    device->delay = device->seed >> 24;
    if (!write) {
        memset(data, 0xEE, bytes);
    }
    return TINYSEG_STORAGE_BUSY;
}

static tinyseg_storage_status late_read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    return begin(user, false, offset, data, bytes);
}

static tinyseg_storage_status late_write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    return begin(user, true, offset, (uint8_t *)(uintptr_t)data, bytes);
}

static tinyseg_storage_status late_poll(void *user)
{
    late *device = user;
    if (device->delay != 0u) {
        device->delay -= device->delay % 8u + 1u <= device->delay ? device->delay % 8u + 1u : device->delay;
        return TINYSEG_STORAGE_BUSY;
    }
    memcpy(device->write ? device->medium + device->offset : device->data,
           device->write ? device->data : device->medium + device->offset, device->bytes);
    return TINYSEG_STORAGE_OK;
}
"""

_DEVICE = r"""
static uint8_t medium#[UPPER_STORAGE#_BYTES];
static late device# = {medium#, NULL, 0, 0, 0, #u, false};
static tinyseg_storage storage# = {
    .block_bytes = UPPER_STORAGE#_BLOCK, .capacity = UPPER_STORAGE#_BYTES, .user = &device#, .read = late_read,
    .write = late_write, .poll = late_poll,
};
"""


def _with_storages(text: str, count: int) -> str:
    """The harness's program with so many storages in its ``io``."""
    if not count:
        return text
    devices = _STORAGE + "".join(_DEVICE.replace("#", str(number)) for number in range(count))
    pointers = "{" + ", ".join(f"&storage{number}" for number in range(count)) + "}"
    changed = text.replace("#if UPPER_IO_LINES\n", devices + "#if UPPER_IO_LINES\n", 1)
    changed = changed.replace("= {read_line, write_line, NULL};", f"= {{read_line, write_line, NULL, {pointers}}};")
    changed = changed.replace("static const NAME_io io;", f"static const NAME_io io = {{.storage = {pointers}}};")
    assert changed.count(pointers) == 2, "the harness's program has changed"
    return changed


def _dispatcher(count: int) -> str:
    declarations = "".join(f"int main{number}(void);\n" for number in range(count))
    table = ", ".join(f"main{number}" for number in range(count))
    return (
        f"#include <stdlib.h>\n{declarations}static int (*const mains[])(void) = {{{table}}};\n"
        "int main(int argc, char **argv)\n{\n    return argc == 2 ? mains[atoi(argv[1])]() : 98;\n}\n"
    )
