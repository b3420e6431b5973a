"""A network's library in the form that an ecosystem expects, with an example application.

Every form holds the same C files, in include/, src/ and runtime/ as a project has them, weights as C. What differs is
the text around them: port/packages/<form>/ has a template for each file that the form asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tinyseg_tvm import __version__
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.micro.library import ProjectSource, library_files, read_library, read_metadata
from tinyseg_tvm.micro.port_files import render
from tinyseg_tvm.micro.write import write_folder

PACKAGE_FILE = "tinyseg_package.json"
"""In every package: which network and form it is, so that a later one may replace it."""
_LIBRARY = ("include", "src", "runtime")
_STACK_ROOM = 1024  # bytes beside the network's own, for printing
_FORM_FILES = "packages/"


@dataclass(frozen=True)
class Form:
    """What an ecosystem expects of a library.

    Attributes:
        article: what the package is, in words.
        use: how it gets into an application.
        example: how the example is built and run.
        folder: where the library is in the package; ``{name}`` is the network's.
        examples: where the example's sources are.
        files: further files by path, with their templates.
        entry: the example's main function; None where a template has it.
        includes, first, last: headers, and lines before and behind the call in it.
        drivers: for storages, by the ecosystem's own interfaces: templates of port/packages/storages.
        driver_folder: where they are, which the ecosystem does not build by itself.
    """

    article: str
    use: str
    example: str
    examples: str
    files: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    entry: str | None = "int main(void)"
    includes: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ("return result.status;",)
    drivers: tuple[str, ...] = ()
    driver_folder: str = "storages"


_FATFS = ("fatfs_storage.c", "fatfs_storage.h")
_SD = ("arduino_sd_storage.cpp", "arduino_sd_storage.h")
_ZEPHYR = ("zephyr_disk_storage.c", "zephyr_disk_storage.h")
_FOREVER = ("for (;;) {", "}")
FORMS: dict[str, Form] = {
    "arduino": Form(
        "an Arduino library",
        "Copy this folder to the sketchbook's `libraries/`, or pack it as a zip and choose Sketch > Include Library.",
        "File > Examples > {name}, with the serial monitor at 115200 baud",
        "examples/{name}",
        {
            "library.properties": "arduino/library.properties.jinja",
            "src/{name}.h": "arduino/forward.h.jinja",
            "examples/{name}/{name}.ino": "arduino/example.ino.jinja",
        },
        folder="src",
        entry=None,
        drivers=_SD,
        driver_folder="extras/storages",
    ),
    "cmake": Form(
        "a CMake library",
        "`add_subdirectory(<this folder>)`, or FetchContent, then `target_link_libraries(app tinyseg::{name})`.",
        "`cmake -S example -B build && cmake --build build && build/{name}_example`",
        "example",
        {"CMakeLists.txt": "cmake/CMakeLists.txt.jinja", "example/CMakeLists.txt": "cmake/example.cmake.jinja"},
        drivers=_FATFS,
    ),
    "cmsis-pack": Form(
        "a CMSIS-Pack",
        "`cpackget add TinySegTVM.{name}.pdsc`, then choose Machine Learning:{name} in the project's components.",
        "the component's template, which calls `{name}_application()` from your `main`",
        "example",
        {"TinySegTVM.{name}.pdsc": "cmsis-pack/pack.pdsc.jinja"},
        entry=None,
        drivers=_FATFS,
    ),
    "esp-idf": Form(
        "an ESP-IDF component",
        "Copy `tinyseg_{name}/` to the project's `components/` and name it under REQUIRES.",
        "`idf.py -C example set-target esp32s3 build flash monitor`",
        "example/main",
        {
            "tinyseg_{name}/CMakeLists.txt": "esp-idf/CMakeLists.txt.jinja",
            "tinyseg_{name}/idf_component.yml": "esp-idf/idf_component.yml.jinja",
            "example/CMakeLists.txt": "esp-idf/example.cmake.jinja",
            "example/main/CMakeLists.txt": "esp-idf/main.cmake.jinja",
        },
        folder="tinyseg_{name}",
        entry="void app_main(void)",
        last=(),
        drivers=_FATFS,
    ),
    "pico-sdk": Form(
        "a library for the Raspberry Pi Pico SDK",
        "`add_subdirectory(<this folder>)`, then `target_link_libraries(app tinyseg::{name})`.",
        "`PICO_SDK_PATH=... cmake -S example -B build -DPICO_BOARD=pico && cmake --build build` makes the .uf2",
        "example",
        {"CMakeLists.txt": "cmake/CMakeLists.txt.jinja", "example/CMakeLists.txt": "pico-sdk/example.cmake.jinja"},
        includes=('"pico/stdlib.h"',),
        first=("stdio_init_all();", "sleep_ms(2000); /* until a terminal listens */"),
        last=_FOREVER,
        drivers=_FATFS,
    ),
    "platformio": Form(
        "a PlatformIO library",
        "Copy this folder to the project's `lib/`, or name it in `lib_deps = file://...`.",
        "`examples/{name}`, for any framework with `printf`",
        "examples/{name}",
        drivers=(*_SD, *_FATFS),
    ),
    "stm32cube": Form(
        "sources for a CMake project of STM32CubeMX",
        "At the end of the project's CMakeLists.txt: `include(<this folder>/cubemx.cmake)`.",
        "call `{name}_application()` of `example/{name}_application.h` from `main.c`; `arena.ld` puts its memory into "
        "DTCM or CCM",
        "example",
        {
            "{name}.cmake": "library.cmake.jinja",
            "cubemx.cmake": "stm32cube/cubemx.cmake.jinja",
            "arena.ld": "stm32cube/arena.ld.jinja",
        },
        entry=None,
        drivers=_FATFS,
    ),
    "zephyr": Form(
        "a Zephyr module",
        "Name this folder in the manifest or in ZEPHYR_EXTRA_MODULES, and set `CONFIG_TINYSEG_{upper}=y`.",
        "`west build -b <board> samples/{name}`",
        "samples/{name}/src",
        {
            "zephyr/module.yml": "zephyr/module.yml.jinja",
            "zephyr/Kconfig": "zephyr/Kconfig.jinja",
            "zephyr/CMakeLists.txt": "zephyr/CMakeLists.txt.jinja",
            "samples/{name}/CMakeLists.txt": "zephyr/sample.cmake.jinja",
            "samples/{name}/prj.conf": "zephyr/prj.conf.jinja",
            "samples/{name}/sample.yaml": "zephyr/sample.yaml.jinja",
        },
        drivers=_ZEPHYR,
    ),
}
"""By the name that ``--package`` takes."""


def expect_form(form: str) -> Form:
    """The form of that name.

    Raises:
        UsageError: there is none; says which there are.
    """
    if form not in FORMS:
        raise UsageError(f"there is no package form {form!r}: there are {', '.join(FORMS)}")
    return FORMS[form]


def generate_package(form: str, source: ProjectSource | Mapping[str, bytes], directory: str | Path) -> Path:
    """Writes a network's library as a package and returns its folder.

    Args:
        form: a key of ``FORMS``.
        source: what ``relay.build`` returned, or the library's files.
        directory: replaced if it is an earlier package; written as a whole or not at all.

    Raises:
        UsageError: there is no such form.
        TinySegError: the folder cannot be written or holds something else.
    """
    made = expect_form(form)
    folder = Path(directory)
    write_folder(folder, package_files(form, made, library_files(source)), PACKAGE_FILE)
    return folder


def package_files(form: str, made: Form, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A package's files by path.

    Raises:
        TinySegError: the files are no network's library.
    """
    values = _values(files)
    names = {"name": values["name"], "upper": values["upper"]}
    folder = made.folder.format(**names)
    library = {path: data for path, data in files.items() if PurePosixPath(path).parts[0] in _LIBRARY}
    sources = sorted(path for path in library if path.endswith(".c"))
    values |= {"sources": sources, "article": made.article, "use": made.use.format(**names)}
    values["drivers"] = [f"{made.driver_folder}/{file}" for file in made.drivers if not file.endswith(".h")]
    values |= {"example": made.example.format(**names), "header": f"{folder}/include/{names['name']}.h".lstrip("/")}
    package = {f"{folder}/{path}".lstrip("/"): data for path, data in library.items()}
    package |= {path.format(**names): render(_FORM_FILES + file, values) for path, file in made.files.items()}
    package |= {f"{made.examples.format(**names)}/{file}": data for file, data in _example(made, values).items()}
    if values["storages"]:
        package |= {f"{made.driver_folder}/{file}": data for file, data in _drivers(made, values).items()}
    if form == "platformio":
        package["library.json"] = _library_json(values)
    package["README.md"] = render(f"{_FORM_FILES}README.md.jinja", values)
    stated = {"form": form, "network": names["name"], "tool": {"name": "tinyseg-tvm", "version": __version__}}
    package[PACKAGE_FILE] = (json.dumps(stated, indent=2) + "\n").encode()
    return dict(sorted(package.items()))


def _example(made: Form, values: Mapping[str, Any]) -> dict[str, bytes]:
    """The example's sources, by file name."""
    application = values["application"]
    sources = {f"{application}.{end}": render(f"{_FORM_FILES}application.{end}.jinja", values) for end in ("c", "h")}
    if made.entry is not None:
        around = {"entry": made.entry, "includes": made.includes, "first": made.first, "last": made.last}
        sources["main.c"] = render(f"{_FORM_FILES}main.c.jinja", {**values, **around})
    return sources


def _drivers(made: Form, values: Mapping[str, Any]) -> dict[str, bytes]:
    """Drivers for the network's storages, by file name; they include the network's header alone."""
    return {file: render(f"{_FORM_FILES}storages/{file}.jinja", values) for file in made.drivers}


def _values(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the templates are filled in with."""
    library, metadata = read_library(files), read_metadata(files)
    promised, memory = metadata.get("promised", {}), metadata.get("memory", {})
    ram, core = promised.get("ram", {}), metadata.get("core", "host")
    return {
        "name": library.name,
        "upper": library.name.upper(),
        "application": f"{library.name}_application",
        "version": __version__,
        "core": core,
        "pack_core": re.sub("^cortex-m", "Cortex-M", core).replace("plus", "+"),
        "arena": library.arena_bytes,
        "ram": ram.get("total", library.arena_bytes),
        "stack": _rounded(ram.get("stack", 2048) + _STACK_ROOM),
        "weights": memory.get("weights_bytes", 0),
        "macs": promised.get("macs", 0),
        "inputs": len(library.inputs),
        "masks": [1 if each.get("dtype") == "bool" else 127 for each in metadata.get("inputs", ())],
        "outputs": len(library.outputs),
        "pools": library.pools,
        "line_io": library.line_io,
        "storages": library.storages,
    }


def _rounded(stack: int) -> int:
    """To whole eights, as Arm's procedure call standard aligns a stack."""
    return -(-stack // 8) * 8


def _library_json(values: Mapping[str, Any]) -> bytes:
    """PlatformIO's manifest."""
    stated = {
        "name": values["name"],
        "version": values["version"],
        "description": f"Neural network {values['name']}, generated by TinySeg-TVM for {values['core']}",
        "keywords": "neural network, inference",
        "authors": [{"name": "TinySeg-TVM"}],
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{values['name']}.h",
        "build": {"includeDir": "include", "srcFilter": ["+<*.c>", "+<../runtime/*.c>"], "flags": "-ffp-contract=off"},
        "examples": [
            {
                "name": values["name"],
                "base": f"examples/{values['name']}",
                "files": ["main.c", f"{values['application']}.c", f"{values['application']}.h"],
            }
        ],
    }
    return (json.dumps(stated, indent=2) + "\n").encode()
