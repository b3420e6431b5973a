"""Runs cppcheck over all C: the runtime, the planner's inner loops and one generated project (the example network).

The project's weights are left out: half a megabyte of numbers, no code, over which cppcheck takes minutes. Projects of
each sort of storage, with their drivers, are compiled by GCC's analyser, too, and projects of each sort of core are
checked against MISRA C:2012 by cppcheck's add-on, where that is installed. docs/misra.md lists the rules that they do
not follow, and where: what it does not list fails.
"""

from __future__ import annotations

import re
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
# Of each set of kernels and each sort of driver, one.
BY_MISRA = (("mps2_an386", "nor"), ("lm3s6965evb", "sd"), ("mps3_an547", ""))
DEVIATIONS = ROOT / "docs" / "misra.md"
MISRA = [
    "--addon=misra",
    "--std=c99",
    "--quiet",
    "--inline-suppr",
    "--max-configs=1",
    "-j2",
    "-UTINYSEG_SUMS",
    "--template={file}:{line}: {id}",
    "--suppress=missingIncludeSystem",
    "--suppress=toomanyconfigs",
]
MISRA_VERSION = "Cppcheck 2.10"  # whose findings the list is of
NOT_FOR_MISRA = ("*_weights.c", "startup.c")  # numbers; what the add-on of that version ends at


def generate(board: str, storage: str, folder: Path) -> Path:
    """The example's project for a board, with tensors in a storage unless that is empty."""
    mod, params = frontend.from_onnx(EXAMPLE)
    spilled = f" -storage={storage} -max-written=75K" if storage else ""
    factory = build(mod, f"c -tinyseg -board={board}{spilled}", params, name="example")
    project = folder / f"{board}-{storage}"
    generate_project(board, factory, project, storages=factory.storages)
    return project


def analyse(project: Path) -> int:
    """Make's exit code for a project that is compiled with ``-fanalyzer``."""
    return subprocess.run(["make", "-s", "-C", project, "CFLAGS=-fanalyzer -Werror"], check=False).returncode


def deviations(text: str) -> list[tuple[str, str]]:
    """Rules of MISRA C:2012 that a table lists, each with a pattern of files in which it is not followed."""
    rows = re.findall(r"^\| (\d+\.\d+) \| `([^`]+)` \|", text, re.MULTILINE)
    return [(rule, pattern) for rule, patterns in rows for pattern in patterns.split(",")]


def check_misra(projects: list[Path]) -> int:
    """1 where the add-on finds what is not listed, or does not work; what other versions find is printed, and is 0."""
    version = subprocess.run(["cppcheck", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    suppressed = [f"--suppress=misra-c2012-{rule}:{files}" for rule, files in deviations(DEVIATIONS.read_text())]
    assert suppressed, DEVIATIONS
    result = 0
    for project in projects:
        board = project.name.partition("-")[0]
        folders = [project / folder for folder in ("src", "runtime", "port", f"port/{board}")]
        files = [file for folder in folders for file in sorted(folder.glob("*.c"))]
        files = [file for file in files if not any(file.match(pattern) for pattern in NOT_FOR_MISRA)]
        includes = [f"-I{folder}" for folder in (project / "include", *folders)]
        command = ["cppcheck", *MISRA, *suppressed, *includes, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if said := (done.stdout + done.stderr).strip():
            print(f"MISRA, {project.name}, {version}:\n{said[-6000:]}")
            result = 1
    if version != MISRA_VERSION:
        print(f"MISRA: the list in {DEVIATIONS.name} is for {MISRA_VERSION}, this is {version}: nothing fails")
        return 0
    return result


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = generate("mps2_an386", "", folder)
        result |= check(
            [project / "src", project / "port"], [project / "include", project / "runtime", project / "port"]
        )
        projects = {(board, storage): generate(board, storage, folder) for board, storage in ANALYSED}
        for project in projects.values():
            result |= analyse(project)
        result |= check_misra([projects.get(each) or generate(*each, folder) for each in BY_MISRA])
    print("C: found problems" if result else "C: ok")
    return result


if __name__ == "__main__":
    sys.exit(main())
