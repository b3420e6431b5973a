"""Drivers for storages by the ecosystems' own interfaces: compiled by their signatures, run over media in memory."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.micro import generate_package
from tinyseg_tvm.micro.packages import FORMS
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import build, frontend
from tinyseg_tvm.relay.factory import Factory, random_inputs

ECOSYSTEMS = Path(__file__).parent / "ecosystems"
MEDIUM = (
    'name = "medium"\nkind = "file"\ncapacity = 500_000\nblock_bytes = {}\n'
    "read_bytes_per_second = 1_000_000_000\nwrite_bytes_per_second = 1_000_000_000\n"
)
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
MAIN = """
#include <stdio.h>
#include <string.h>
#include "{header}"
#ifdef __cplusplus
extern "C"
#else
extern
#endif
uint32_t fake_bytes;
#ifdef __cplusplus
extern "C"
#else
extern
#endif
int fake_missing;
static {kind} driver;
static uint8_t arena[NET_ARENA_SIZE] __attribute__((aligned(NET_ARENA_ALIGN)));
static net_context context;
static net_io io;
static const int8_t image[] = {{{image}}}, expected[] = {{{expected}}};
static int8_t result[sizeof expected];
static int infer(void)
{{
    int status = net_write_image(&context, 0, image, sizeof image);
    if (status == 0) status = net_run(&context);
    if (status == 0) status = net_read_image(&context, 0, result, sizeof result);
    return status == 0 && memcmp(result, expected, sizeof expected) != 0 ? -1 : status;
}}
int main(int count, char **words)
{{
    (void)words;
    if (count > 1) fake_bytes = 1024;
    const uint32_t region = count > 1 ? {little} : 500000u;
    (void)region;
    tinyseg_storage *const storage = {init};
    if (storage == NULL) {{
        puts("refused");
        return 0;
    }}
    io.storage[0] = storage;
    if (net_init(&context, arena, sizeof arena, &io) != NET_OK) return 1;
    printf("%d ", infer());
    if (count > 1) return 0;
    printf("%d ", infer());
    fake_missing = 1;
    printf("%d ", infer() > 0);
    fake_missing = 0;
    printf("%d ", infer());
    printf("%d", storage->traffic.read > 0 && storage->traffic.written > 0);
    return 0;
}}
"""


@dataclass(frozen=True)
class Case:
    """A driver, the form of package that has it, and how it is begun."""

    form: str
    driver: str
    kind: str
    init: str
    block: int
    removable: int = 1
    little: str = "500000u"

    @property
    def header(self) -> str:
        return f"{self.driver}.h"


CASES = {
    "zephyr_disk": Case(
        "zephyr",
        "zephyr_disk_storage",
        "zephyr_disk_storage",
        'zephyr_disk_storage_init(&driver, "SD", 8, region)',
        512,
    ),
    "fatfs": Case(
        "stm32cube", "fatfs_storage", "fatfs_storage", 'fatfs_storage_init(&driver, "0:/net.bin", region)', 512
    ),
    "arduino_sd": Case(
        "arduino", "arduino_sd_storage", "tinyseg_storage", 'arduino_sd_storage_init(&driver, "net.bin", region)', 512
    ),
}


@pytest.fixture(scope="module")
def factories(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Factory]:
    """A segmenter that spills, by the storage's block."""
    folder = tmp_path_factory.mktemp("media")
    module, params = frontend.from_onnx(segmenter(32, 24, 8))
    made = {}
    for block in {case.block for case in CASES.values()}:
        (medium := folder / f"medium{block}.toml").write_text(MEDIUM.format(block))
        options = f"c -tinyseg -storage={medium} -stream-axis=rows -objective=ram -max-written=100K"
        made[block] = build(module, options, params, name="net")
    return made


def program(case: Case, factory: Factory, folder: Path) -> Path:
    """A program of the network with the driver over a medium in memory."""
    package = generate_package(case.form, factory, folder / "net")
    inputs = random_inputs(factory.network, seed=0)
    (output,) = reference.run(factory.network, inputs, layout="device")
    values = {"image": inputs[0], "expected": output}
    texts = {name: ",".join(map(str, array.view(np.int8).reshape(-1))) for name, array in values.items()}
    drivers = package / FORMS[case.form].driver_folder
    language = "c++" if case.form == "arduino" else "c"
    main = folder / ("main.cpp" if language == "c++" else "main.c")
    main.write_text(MAIN.format(header=case.header, kind=case.kind, init=case.init, little=case.little, **texts))
    root = package / FORMS[case.form].folder.format(name="net")
    includes = [f"-I{path}" for path in (root, root / "include", drivers, ECOSYSTEMS)]
    own = [path for path in drivers.glob("*.c*") if path.stem == case.driver]
    assert own
    objects = []
    for path in [main, *own, *root.glob("src/*.c"), *root.glob("runtime/*.c"), ECOSYSTEMS / "ecosystem.c"]:
        compiler = ["g++", "-std=gnu++17"] if path.suffix == ".cpp" else ["gcc", "-std=c99"]
        objects.append(folder / f"{path.name}.o")
        command = [*compiler, *WARNINGS, *includes, "-c", str(path), "-o", str(objects[-1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    subprocess.run(["g++", *map(str, objects), "-lm", "-o", str(folder / "program")], check=True)
    return folder / "program"


@pytest.mark.release
@pytest.mark.parametrize("name", CASES)
def test_a_network_spills_by_the_ecosystems_interface(name: str, factories: dict[int, Factory], tmp_path: Path) -> None:
    case = CASES[name]
    built = program(case, factories[case.block], tmp_path)
    done = subprocess.run([built], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"0 0 {case.removable} 0 1"
    small = subprocess.run([built, "small"], capture_output=True, text=True, check=False)
    assert small.returncode == 0, small.stderr
    full = "10 "  # NET_ERROR_STORAGE_FULL
    assert small.stdout == full


@pytest.mark.parametrize("form", FORMS)
def test_packages_name_their_drivers(form: str, factories: dict[int, Factory], tmp_path: Path) -> None:
    folder = generate_package(form, factories[512], tmp_path / "net")
    readme = (folder / "README.md").read_text()
    drivers = [path for path in (folder / FORMS[form].driver_folder).iterdir() if path.suffix != ".h"]
    assert {path.name for path in drivers} == {name for name in FORMS[form].drivers if not name.endswith(".h")}
    assert drivers
    assert all(f"`{path.relative_to(folder)}`" in readme for path in drivers)
    if form == "zephyr":
        stated = (folder / "zephyr" / "CMakeLists.txt").read_text()
        assert all(f"/../{path.relative_to(folder)}" in stated for path in drivers)
        assert "config TINYSEG_NET_DISK" in (folder / "zephyr" / "Kconfig").read_text()
