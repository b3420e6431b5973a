"""Runs cppcheck over all C: the runtime, the planner's inner loops and one generated project (the example network).

The project's weights are left out: half a megabyte of numbers, no code, over which cppcheck takes minutes. Projects of
each sort of storage, with their drivers, are compiled by GCC's analyser, too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import build, frontend

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
OPTIONS = [
    "--std=c99",
    "--enable=warning,portability,performance",
    "--inline-suppr",
    "--error-exitcode=1",
    "--quiet",
    "-j2",
    "--max-configs=4",
    "-UTINYSEG_SUMS",  # files that want it define it; in others it would be another function than is declared
    "--suppress=missingIncludeSystem",
    "--suppress=toomanyconfigs",
]

# Board, and a storage that it has.
ANALYSED = (("mps2_an386", "nor"), ("mps2_an386", "eeprom"), ("mps2_an386", "uart"), ("lm3s6965evb", "sd"))


def analyse(board: str, storage: str) -> int:
    """Make's exit code for the example with tensors in a storage, compiled with ``-fanalyzer``."""
    mod, params = frontend.from_onnx(EXAMPLE)
    factory = build(mod, f"c -tinyseg -board={board} -storage={storage} -max-written=75K", params, name="example")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        generate_project(board, factory, project, storages=factory.storages)
        return subprocess.run(["make", "-s", "-C", project, "CFLAGS=-fanalyzer -Werror"], check=False).returncode


def check(folders: list[Path], includes: list[Path]) -> int:
    """Cppcheck's exit code for the C files of some folders, weights left out."""
    files = [path for folder in folders for path in sorted(folder.rglob("*.c")) if not path.stem.endswith("_weights")]
    command = ["cppcheck", *OPTIONS, *(f"-I{path}" for path in includes), *map(str, files)]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Checks all; 0 where nothing was found."""
    runtime = ROOT / "codegen" / "runtime"
    families = [folder for folder in sorted(runtime.iterdir()) if folder.is_dir()]
    result = check([runtime, ROOT / "tinyseg_tvm" / "planner" / "native", ROOT / "benchmarks"], families)
    mod, params = frontend.from_onnx(EXAMPLE)
    factory = build(mod, "c -tinyseg -board=mps2_an386", params, name="example")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        generate_project("mps2_an386", factory, project)
        result |= check(
            [project / "src", project / "port"], [project / "include", project / "runtime", project / "port"]
        )
    for board, storage in ANALYSED:
        result |= analyse(board, storage)
    print("C: found problems" if result else "C: ok")
    return result


if __name__ == "__main__":
    sys.exit(main())
