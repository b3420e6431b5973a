"""Networks that share the runtime's kernels: one copy in the program, the same results, and no mixing of versions."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.end_to_end.small_models import segmenter
from tests.end_to_end.test_two_networks import project, run_both
from tests.frontend.tflite_files import convolution
from tinyseg_tvm.codegen.library import rules, shared_names
from tinyseg_tvm.codegen.library.rules import runtime_copies
from tinyseg_tvm.codegen.library.shared_names import shared_name, under_shared_names
from tinyseg_tvm.codegen.text.runtime_files import runtime_names, runtime_text
from tinyseg_tvm.micro import Project, generate_package
from tinyseg_tvm.micro.elf import read_image
from tinyseg_tvm.micro.packages import FORMS
from tinyseg_tvm.relay import build, frontend

SHARED = re.compile(r"tinyseg_[0-9a-f]{8}_(\w+)")


def pair(
    folder: Path, options: str, first: onnx.ModelProto | bytes, second: onnx.ModelProto
) -> tuple[Project, Project]:
    folder.mkdir()
    return project("first", first, options, folder), project("second", second, options, folder)


def linked_bytes(made: Project) -> int:
    """Of code and constants of the program that a pair became; prints them, for the documentation."""
    size = read_image(made.directory / f"build/{made.board.name}/first.elf").loaded_bytes
    print(f"{made.directory.parent.name}: {size:,} bytes of flash")
    return size


@pytest.mark.release
def test_two_networks_have_one_copy_of_the_kernels(tmp_path: Path) -> None:
    apart = pair(tmp_path / "apart", "-board=mps2_an386 -layerwise", segmenter(), segmenter(base=8))
    shared = pair(tmp_path / "shared", "-board=mps2_an386 -layerwise -shared-runtime", segmenter(), segmenter(base=8))
    for first, second in (apart, shared):
        run_both(first, second)
    program = shared[0].directory / "build/mps2_an386/first.elf"
    kernels = [found[1] for s in read_image(program, marks=1).symbols if (found := SHARED.fullmatch(s.name))]
    assert kernels
    assert set(Counter(kernels).values()) == {1}
    sizes = [linked_bytes(made[0]) for made in (apart, shared)]
    assert sizes[1] < sizes[0]


@pytest.mark.release
def test_networks_of_two_rules_share_what_no_rule_changes(tmp_path: Path) -> None:
    lite = convolution(np.random.default_rng(3))
    model = lite.to_bytes([0], [len(lite.tensors) - 1])
    first, second = pair(tmp_path / "shared", "-shared-runtime", model, segmenter())
    run_both(first, second)
    names = [
        {name: shared_name(f"tinyseg_{name}", f"tinyseg_{name}.h", macros) for name in ("crc32", "dense")}
        for macros in ((), ("TINYSEG_RULE_TFLITE",))
    ]
    assert names[0]["crc32"] == names[1]["crc32"]
    assert names[0]["dense"] != names[1]["dense"]


def test_a_changed_kernel_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shared_name("tinyseg_conv2d_line", "tinyseg_conv2d.h", ())

    def changed(name: str) -> str:
        return runtime_text(name) + ("/* another version */\n" if name == "tinyseg_conv2d_body.h" else "")

    monkeypatch.setattr(rules, "runtime_text", changed)
    shared_names._digest_of.cache_clear()
    after = shared_name("tinyseg_conv2d_line", "tinyseg_conv2d.h", ())
    other = shared_name("tinyseg_crc32", "tinyseg_crc32.h", ())
    shared_names._digest_of.cache_clear()
    assert after != before
    assert other == shared_name("tinyseg_crc32", "tinyseg_crc32.h", ())


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Folders of the packages of two networks, by form."""
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, dict[str, Path]] = {form: {} for form in FORMS}
    for name, base in (("first", 4), ("second", 8)):
        module, params = frontend.from_onnx(segmenter(base=base))
        factory = build(module, "c -tinyseg -mcpu=cortex-m4 -layerwise -shared-runtime", params, name=name)
        for form in FORMS:
            made[form][name] = generate_package(form, factory, folder / form / name)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_packages_of_every_form_define_the_same_kernels(two: dict[str, dict[str, Path]], form: str) -> None:
    runtimes = [{p.name: p.read_bytes() for p in folder.rglob("runtime/*")} for folder in two[form].values()]
    common = runtimes[0].keys() & runtimes[1].keys()
    assert common
    assert all(runtimes[0][name] == runtimes[1][name] for name in common)


def test_another_version_of_the_runtime_stops_the_build(two: dict[str, dict[str, Path]], tmp_path: Path) -> None:
    for name, folder in two["cmake"].items():
        (tmp_path / f"{name}.h").write_bytes((folder / "include" / f"{name}.h").read_bytes())
    (tmp_path / "both.c").write_text('#include "first.h"\n#include "second.h"\n')
    words = ["gcc", "-fsyntax-only", "both.c"]
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 0
    second = tmp_path / "second.h"
    second.write_text(re.sub(r"0x[0-9a-f]{8}u", "0x00000001u", second.read_text()))
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "second and a network included before it have different runtimes" in done.stderr
    assert "generate both by one version" in done.stderr


@pytest.mark.release
@pytest.mark.parametrize(
    "kind",
    ["objects", pytest.param("archives", marks=pytest.mark.xfail(reason="archives stand before what needs them"))],
)
def test_a_linker_takes_one_copy_of_two_packages(two: dict[str, dict[str, Path]], kind: str, tmp_path: Path) -> None:
    """As ecosystems link: archives of which members are taken, or all objects and unused sections dropped."""
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-std=c99"]
    words: list[str | Path] = ["arm-none-eabi-gcc", *flags, "-nostdlib", "-Wl,--gc-sections", "-Wl,-e,main"]
    for name, folder in two["cmake"].items():
        paths = [*folder.glob("src/*.c"), *folder.glob("runtime/*.c"), folder / f"example/{name}_application.c"]
        objects = [tmp_path / f"{name}_{path.stem}.o" for path in paths]
        for path, made in zip(paths, objects, strict=True):
            command: list[str | Path] = ["arm-none-eabi-gcc", *flags, f"-I{folder}/include", "-c", path, "-o", made]
            subprocess.run(command, check=True)
        if kind == "archives":
            subprocess.run(["arm-none-eabi-ar", "rcs", tmp_path / f"lib{name}.a", *objects], check=True)
            objects = [tmp_path / f"lib{name}.a"]
        words += objects
    main = tmp_path / "main.c"
    main.write_text(
        "int first_application(void), second_application(void);\n"
        "int main(void) { return first_application() + second_application(); }\n"
    )
    elf = tmp_path / "both.elf"
    subprocess.run([*words, main, "-lc", "-lm", "-lgcc", "-lnosys", "-o", elf], check=True, capture_output=True)
    symbols = read_image(elf, marks=1).symbols
    kernels = Counter(found[1] for symbol in symbols if (found := SHARED.fullmatch(symbol.name)))
    assert kernels
    assert set(kernels.values()) == {1}


@pytest.mark.release
def test_whatever_kernels_export_is_weak_and_nothing_they_need_is(tmp_path: Path) -> None:
    modules = {name.removesuffix(".c") for name in runtime_names() if name.endswith(".c")}
    for file, text in under_shared_names(runtime_copies(modules, ()), ()).items():
        (tmp_path / file).write_text(text)
    flags = ["-mcpu=cortex-m55", "-mthumb", "-std=c99", "-O1", "-w"]
    for module in sorted(modules):
        subprocess.run(["arm-none-eabi-gcc", *flags, "-c", f"{module}.c"], cwd=tmp_path, check=True)
    names = ["arm-none-eabi-nm", "-g", *(f"{module}.o" for module in sorted(modules))]
    shown = subprocess.run(names, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    kinds = Counter(line.split()[-2] for line in shown.splitlines() if len(line.split()) > 1)
    assert kinds["W"] + kinds["V"] > len(modules)
    assert not kinds.keys() - {"U", "W", "V"}, os.linesep.join(shown.splitlines()[:20])
