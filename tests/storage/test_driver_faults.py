"""Drivers and their devices: each operation of a played SD card, NOR flash, EEPROM or serial line fails in every way.

A device refuses, is silent, loses, tears, misplaces or damages data, loses power, becomes another one, or answers twice
or late. A wrong output is never reported as right, nothing hangs, and the next inference is right.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.codegen.harness import FLAGS, SANITIZE, write_project
from tests.storage.spilled_networks import library_files, small_unet, spilled
from tinyseg_tvm.micro.port_files import PORT_FOLDER

DEVICES = Path(__file__).with_name("devices")
DRIVERS = PORT_FOLDER / "storage"
MUST_BE_NOTICED = {2: "silent", 3: "lost", 5: "elsewhere", 6: "a bit flipped"}


@dataclass(frozen=True)
class Medium:
    """A driver, how its tensors are spilled, and the byte that its medium is full of when it is new."""

    driver: str
    way: dict[str, Any] = field(default_factory=dict)
    blank: int = 0


CODED = {"block": 512, "codec": "delta", "ahead": 2, "ring": 2}
MEDIA = {
    "sd": Medium("sd", CODED),
    "sd-raw": Medium("sd", {"block": 512}, 255),
    "nor": Medium("nor", {}, 255),
    "nor-coded": Medium("nor", {"codec": "delta", "ahead": 2, "ring": 2}, 255),
    "eeprom": Medium("eeprom", {}, 255),
    "eeprom-coded": Medium("eeprom", {"codec": "mask", "ahead": 2, "ring": 2}, 255),
    "uart": Medium("uart"),
    "uart-coded": Medium("uart", {"codec": "delta", "ahead": 2, "ring": 2}),
}
FEW = ("nor", "eeprom")  # whose library other tests compile, too
STRIDE = 11  # in make test; odd, so that all kinds of operations have their turn
STRIDES = {"uart": 5}  # of all else; its driver waits millions of polls for what does not come


def build(medium: Medium, folder: Path) -> Path:
    """Compiles library, driver, device and the walk over its faults."""
    network = spilled(small_unet(), "skip0", ("join0",), **medium.way)
    network = spilled(network, "skip1", ("join1",), slot=1, **medium.way)
    files = library_files(network)
    write_project(files, folder)
    includes = ["-Iinclude", "-Isrc", "-Iruntime", f"-I{DEVICES}", f"-I{DRIVERS}", "-I."]
    sources = sorted(path for path in files if path.endswith(".c"))
    command = ["gcc", *FLAGS, *SANITIZE, *includes, str(DEVICES / "driver_faults.c"), *sources]
    if medium.driver == "uart":
        return _build_with_registers(command, includes, folder)
    command += [str(DEVICES / f"device_{medium.driver}.c"), str(DRIVERS / f"{medium.driver}_storage.c")]
    subprocess.run([*command, "-lm", "-o", "program"], cwd=folder, check=True)
    return folder


def _build_with_registers(command: list[str], includes: list[str], folder: Path) -> Path:
    """The driver's registers become objects of C++."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler, whose objects play the registers")
    driver = (DRIVERS / "uart_storage.c").read_text()
    text, count = re.subn(r"(?m)^#define WORD\(address\).*$", "#define WORD(address) Register(address)", driver)
    assert count == 1
    (folder / "uart_storage.inc").write_text(text)
    device = ["g++", "-fpermissive", "-w", *SANITIZE, *includes, "-c", str(DEVICES / "device_uart.cpp")]
    subprocess.run([*device, "-o", "device.o"], cwd=folder, check=True)
    subprocess.run([*command, "device.o", "-lstdc++", "-lm", "-o", "program"], cwd=folder, check=True)
    return folder


def walk(medium: Medium, folder: Path, mode: str, stride: int) -> None:
    """Runs the program, and looks whether faults are noticed at all."""
    command = ["./program", mode, str(stride), str(medium.blank)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {
        int(kind): (int(noticed), int(tried)) for kind, noticed, tried in map(str.split, done.stdout.splitlines())
    }
    assert len(counts) == 10
    for kind, name in MUST_BE_NOTICED.items():
        noticed, tried = counts[kind]
        assert noticed >= tried * 0.5, name  # the rest are retried, padding, or erased anyway


@pytest.mark.parametrize("name", FEW)
def test_faults_of_devices_are_noticed_or_harmless(name, tmp_path):
    build(MEDIA[name], tmp_path)
    walk(MEDIA[name], tmp_path, "slow", STRIDE)


@pytest.mark.release
@pytest.mark.parametrize("name", MEDIA)
def test_all_faults_of_operations_of_devices_are_noticed_or_harmless(name, tmp_path):
    build(MEDIA[name], tmp_path)
    for mode in ("fast", "slow"):
        walk(MEDIA[name], tmp_path, mode, STRIDES.get(MEDIA[name].driver, 1))
