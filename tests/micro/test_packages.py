"""Packages for ecosystems: every file that a manifest names is there, and the example computes the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import generate_package
from tinyseg_tvm.micro.packages import FORMS
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import build, frontend
from tinyseg_tvm.relay.factory import Factory

MEDIUM = (
    'name = "medium"\nkind = "file"\ncapacity = 100_000\nblock_bytes = 1\n'
    "read_bytes_per_second = 1_000_000_000\nwrite_bytes_per_second = 1_000_000_000\n"
)
ARDUINO = "-mcpu=cortex-m4 -mthumb -Os -nostdlib -ffunction-sections -fdata-sections -Wall -Wextra -Werror -Isrc"
SERIAL = """
#define HEX 16
struct Port { void begin(long); template <class T> void print(T); template <class T> void println(T, int); };
extern Port Serial;
void delay(unsigned long);
"""


@pytest.fixture(scope="module")
def factories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Factory]:
    """A segmenter with I/O in the arena, by line, with a storage, and for a core with kernels of its own."""
    medium = tmp_path_factory.mktemp("storage") / "medium.toml"
    medium.write_text(MEDIUM)
    options = {"resident": "", "line": "-io=line", "storage": f"-storage={medium}", "core": "-mcpu=cortex-m4"}
    module, params = frontend.from_onnx(segmenter())
    return {key: build(module, f"c -tinyseg {words}", params, name="net") for key, words in options.items()}


def expected_checksum(factory: Factory) -> int:
    """What the example prints: the network's reference on the example's pattern."""
    network = factory.network
    shape = network.tensors[network.inputs[0].tensor].type.shape
    pattern = (np.arange(shape[1])[:, None] + np.arange(np.prod(shape[2:]))) & 127
    (output,) = reference.run(network, [pattern.astype(np.int8).reshape(shape)], layout="device")
    checksum = 0
    for value in output.reshape(-1).view(np.uint8):
        checksum = ((checksum << 5 | checksum >> 27) + int(value)) & 0xFFFFFFFF
    return checksum


def run(*words: str | Path, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("key", ["resident", "line", "storage"])
def test_the_example_computes_the_network(factories: dict[str, Factory], key: str, tmp_path: Path) -> None:
    folder = generate_package("cmake", factories[key], tmp_path / "net")
    sources = sorted(path for part in ("example", "src", "runtime") for path in folder.glob(f"{part}/*.c"))
    run("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Iinclude", *sources, "-o", "example.elf", folder=folder)
    stated = f"net: status 0, checksum {expected_checksum(factories[key]):08x}\n"
    assert run(folder / "example.elf", folder=folder) == stated


@pytest.mark.parametrize("form", FORMS)
def test_what_a_package_names_is_in_it(factories: dict[str, Factory], form: str, tmp_path: Path) -> None:
    folder = generate_package(form, factories["core"], tmp_path / "net")
    sources = {path for path in folder.rglob("*.c") if path.parent.name in ("src", "runtime")}
    texts = {path: path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix not in ".c.h.S"}
    assert not [path for path, text in texts.items() if "{{" in text or "{%" in text or str(tmp_path) in text]
    listed = re.compile(r"(?:LIST_DIR}/(?:\.\./)?|name=\"|^ {4})((?:src|runtime)/\w+\.c)", re.MULTILINE)
    named = {found for text in texts.values() for found in listed.findall(text)}
    if form in ("arduino", "platformio"):
        assert not named  # they take what is there
    else:
        assert named == {f"{path.parent.name}/{path.name}" for path in sources if "samples" not in path.parts}
    readme = (folder / "README.md").read_text()
    header = re.search(r"API: `([^`]+)`", readme)
    assert header is not None
    assert (folder / header[1]).is_file()
    assert json.loads((folder / "tinyseg_package.json").read_text())["form"] == form


def test_the_pack_description_is_well_formed(factories: dict[str, Factory], tmp_path: Path) -> None:
    folder = generate_package("cmsis-pack", factories["core"], tmp_path / "net")
    described = ElementTree.fromstring((folder / "TinySegTVM.net.pdsc").read_text())
    assert [each.attrib for each in described.iter("require")] == [{"Dcore": "Cortex-M4"}]
    assert all((folder / each.attrib["name"]).exists() for each in described.iter("file"))


def test_the_arduino_library_compiles_with_its_flags(factories: dict[str, Factory], tmp_path: Path) -> None:
    folder = generate_package("arduino", factories["core"], tmp_path / "net")
    for path in [*folder.glob("src/**/*.c"), *folder.glob("examples/net/*.c")]:
        run("arm-none-eabi-gcc", *ARDUINO.split(), "-std=gnu11", "-c", path, "-o", "out.o", folder=folder)
    sketch = folder / "examples" / "net" / "net.cpp"
    sketch.write_text(SERIAL + (sketch.parent / "net.ino").read_text())
    run("arm-none-eabi-g++", *ARDUINO.split(), "-std=gnu++17", "-c", sketch, "-o", "out.o", folder=folder)


@pytest.mark.release
@pytest.mark.parametrize("form", ["cmake", "stm32cube", "zephyr"])
def test_the_cmake_files_build_the_library(factories: dict[str, Factory], form: str, tmp_path: Path) -> None:
    """As a CMake project does: an application of this computer, with Zephyr's functions said in CMake's own."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder = generate_package(form, factories["resident"], tmp_path / "net")
    app = tmp_path / "app"
    app.mkdir()
    example = "samples/net/src" if form == "zephyr" else "example"
    main = f"../net/{example}/main.c"
    if form == "stm32cube":
        main = "main.c"
        (app / main).write_text(
            '#include <stdio.h>\n#include "net_application.h"\nint main(void)\n{\n'
            "    const net_result r = net_application();\n"
            '    printf("net: status %d, checksum %08lx\\n", r.status, (unsigned long)r.checksum);\n}\n'
        )
    own = "" if form == "stm32cube" else f"../net/{example}/net_application.c"
    how = {
        "cmake": "add_subdirectory(../net net)\ntarget_link_libraries(app tinyseg::net)",
        "stm32cube": "include(../net/cubemx.cmake)",
        "zephyr": """set(CONFIG_TINYSEG_NET y)
macro(zephyr_include_directories)
  target_include_directories(app PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_named name)
  set(current ${name})
  add_library(${name} OBJECT)
  target_include_directories(${name} PRIVATE ../net/include)
  target_link_libraries(app $<TARGET_OBJECTS:${name}>)
endmacro()
macro(zephyr_library_sources)
  target_sources(${current} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${current} PRIVATE ${ARGN})
endmacro()
include(../net/zephyr/CMakeLists.txt)""",
    }[form]
    (app / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.16)\nproject(app C)\nadd_executable(app {main} {own})\n{how}\n"
    )
    run("cmake", "-S", ".", "-B", "build", folder=app)
    run("cmake", "--build", "build", folder=app)
    stated = f"net: status 0, checksum {expected_checksum(factories['resident']):08x}\n"
    assert run(app / "build" / "app", folder=folder) == stated


@pytest.mark.release
def test_platformio_takes_the_library(factories: dict[str, Factory], tmp_path: Path) -> None:
    if shutil.which("pio") is None:
        pytest.skip("PlatformIO is not installed")
    folder = generate_package("platformio", factories["core"], tmp_path / "net")
    run("pio", "pkg", "pack", folder, folder=tmp_path)
    assert list(tmp_path.glob("net-*.tar.gz"))


def test_only_an_earlier_package_is_replaced(factories: dict[str, Factory], tmp_path: Path) -> None:
    folder = generate_package("zephyr", factories["resident"], tmp_path / "net")
    generate_package("cmake", factories["resident"], folder)
    assert not (folder / "zephyr").exists()
    (folder / "tinyseg_package.json").unlink()
    with pytest.raises(TinySegError, match="holds files that are not a generated"):
        generate_package("cmake", factories["resident"], folder)
    with pytest.raises(UsageError, match="no package form 'ardunio': there are arduino, cmake"):
        generate_package("ardunio", factories["resident"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_command_line_writes_a_package_and_names_all_forms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "net.onnx"
    model.write_bytes(segmenter().SerializeToString())
    assert main(["compile", str(model), "-o", str(tmp_path / "net"), "--package", "zephyr", "--layerwise"]) == 0
    assert "Package (zephyr)" in capsys.readouterr().out
    assert (tmp_path / "net" / "zephyr" / "module.yml").is_file()
    assert main(["compile", str(model), "-o", str(tmp_path / "other"), "--package", "zypher"]) == 2
    assert "there are arduino, cmake" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compile", "--help"])
    said = "".join(capsys.readouterr().out.split())  # which argparse breaks at hyphens
    assert not [form for form in FORMS if form not in said]
