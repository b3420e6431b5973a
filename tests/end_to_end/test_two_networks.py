"""Two networks in one program, from the sources of both projects' folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.end_to_end.small_models import one_convolution, segmenter
from tests.frontend.tflite_files import convolution
from tinyseg_tvm.codegen.library.own_names import exported_names
from tinyseg_tvm.codegen.text.runtime_files import RUNTIME
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.relay import build, frontend

MAIN = """
#include <string.h>
#include "first.h"
#include "second.h"
#include "port.h"
{networks}
int main(void)
{{
    port_exit(first_wrong() + 2 * second_wrong());
}}
"""
NETWORK = """
static uint8_t {name}_arena[{NAME}_ARENA_SIZE] PORT_ARENA({NAME}_ARENA_ALIGN);
static {name}_context {name}_of_main;
{storage}
static int {name}_wrong(void)
{{
    static const int8_t image[] = {{{image}}}, expected[] = {{{expected}}};
    static int8_t result[sizeof expected];
    {name}_context *context = &{name}_of_main;
    int failed = {name}_init(context, {name}_arena, sizeof {name}_arena, {io}) != {NAME}_OK;
    failed |= {name}_write_image(context, 0, image, sizeof image) != {NAME}_OK;
    failed |= {name}_run(context) != {NAME}_OK;
    failed |= {name}_read_image(context, 0, result, sizeof result) != {NAME}_OK;
    return failed || memcmp(result, expected, sizeof expected) != 0;
}}
"""
STORAGE = """
static uint8_t {name}_medium[{NAME}_STORAGE0_BYTES];
static tinyseg_storage_status {name}_read(void *user, uint32_t offset, void *data, uint32_t bytes)
{{
    (void)user;
    memcpy(data, {name}_medium + offset, bytes);
    return TINYSEG_STORAGE_OK;
}}
static tinyseg_storage_status {name}_write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{{
    (void)user;
    memcpy({name}_medium + offset, data, bytes);
    return TINYSEG_STORAGE_OK;
}}
static tinyseg_storage {name}_storage = {{
    .block_bytes = {NAME}_STORAGE0_BLOCK, .capacity = {NAME}_STORAGE0_BYTES, .read = {name}_read, .write = {name}_write,
}};
static const {name}_io {name}_of_storage = {{.storage = {{&{name}_storage}}}};
"""


def project(name: str, model: onnx.ModelProto | bytes, options: str, directory: Path) -> Project:
    """A project of a model of ONNX or TensorFlow Lite."""
    read = frontend.from_tflite(model) if isinstance(model, bytes) else frontend.from_onnx(model)
    factory = build(read[0], f"c -tinyseg -stream-axis=rows {options}", read[1], name=name)
    return generate_project(factory.board or "host", factory, directory / name, storages=factory.storages)


def network_of(made: Project, name: str, stored: bool) -> str:
    """C that runs a network on its project's first test vector."""
    tests = made.directory / "tests"
    image, expected = (np.fromfile(tests / f"{port}0_0.bin", np.int8) for port in ("input", "output"))
    names = {"name": name, "NAME": name.upper()}
    values = {"image": ",".join(map(str, image)), "expected": ",".join(map(str, expected))}
    storage, io = (STORAGE.format(**names), f"&{name}_of_storage") if stored else ("", "NULL")
    return NETWORK.format(**names, **values, storage=storage, io=io)


def run_both(first: Project, second: Project, words: tuple[str, ...] = (), *, stored: bool = False) -> None:
    """Builds the first project with the second's sources and a program that runs both, and runs it."""
    networks = network_of(first, "first", stored) + network_of(second, "second", stored)
    (first.directory / "port" / "main.c").write_text(MAIN.format(networks=networks))
    shutil.rmtree(first.directory / "port" / "storage", ignore_errors=True)
    own = [*first.directory.glob("port/*.c"), *first.directory.glob(f"port/{first.board.name}/*.c")]
    own = [path for path in own if not path.name.startswith("storage")]
    of_both = [
        path for made in (first, second) for part in ("src", "runtime") for path in made.directory.glob(f"{part}/*.c")
    ]
    names = [path.name for path in of_both]
    assert len(set(names)) < len(names)  # some of the runtime is in both
    sources = " ".join(os.path.relpath(path, first.directory) for path in (*own, *of_both))
    make = ["make", f"SOURCES={sources}", "WARNINGS=-Wall -Wextra -Werror", *words, "run"]
    environment = {**os.environ, "CPPFLAGS": "-I../second/include"}
    done = subprocess.run(make, cwd=first.directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=pytest.mark.release)])
def test_two_networks_are_one_program(tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    first, second = project("first", segmenter(), "", tmp_path), project("second", one_convolution(), "", tmp_path)
    run_both(first, second, (f"CC={compiler}",))


@pytest.mark.parametrize("board", [pytest.param("host", marks=pytest.mark.release), "mps2_an386"])
def test_networks_of_two_rules_are_one_program(tmp_path: Path, board: str) -> None:
    lite = convolution(np.random.default_rng(3))
    model = lite.to_bytes([0], [len(lite.tensors) - 1])
    options = f"-board={board}"
    first, second = project("first", model, options, tmp_path), project("second", segmenter(), options, tmp_path)
    texts = [(made.directory / "runtime" / "tinyseg_requantize.h").read_text() for made in (first, second)]
    assert ["TINYSEG_RULE_TFLITE\n" in text.partition("#include")[0] for text in texts] == [True, False]
    run_both(first, second)


@pytest.mark.release
def test_networks_with_storages_are_one_program(tmp_path: Path) -> None:
    medium = tmp_path / "medium.toml"
    medium.write_text(
        'name = "medium"\nkind = "file"\ncapacity = 100_000\nblock_bytes = 1\n'
        "read_bytes_per_second = 1_000_000_000\nwrite_bytes_per_second = 1_000_000_000\n"
    )
    options = f"-board=host -storage={medium}"
    first = project("first", segmenter(), options, tmp_path)
    run_both(first, project("second", segmenter(base=8), options, tmp_path), stored=True)


def test_a_projects_exported_names_begin_with_its_own(tmp_path: Path) -> None:
    made = project("first", segmenter(), "", tmp_path)
    made.build()
    objects = [path for part in ("src", "runtime") for path in (made.directory / "build/host" / part).glob("*.o")]
    shown = subprocess.run(["nm", "-g", "--defined-only", *objects], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in shown.splitlines() if len(line.split()) == 3}
    assert names
    assert not [name for name in names if not name.startswith("first_")]


def test_whatever_kernels_export_is_declared_in_a_header() -> None:
    definition = re.compile(
        r"^(?!static|TINYSEG_INLINE|TINYSEG_INNER)[a-zA-Z][\w *]*\b(tinyseg_\w+)(?:\([^;{}]*\)\n\{| = \{)", re.MULTILINE
    )
    texts = {path.name: path.read_text() for path in RUNTIME.glob("*/*.[ch]")}
    declared = {name for file, text in texts.items() if file.endswith(".h") for name in exported_names(text)}
    defined = {name for text in texts.values() for name in definition.findall(text)}
    assert defined
    assert defined <= declared
