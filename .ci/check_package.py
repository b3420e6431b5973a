"""Builds the source distribution and the wheel, and uses the wheel where nothing else of the project is.

Both are built from the files that git knows, as a clean checkout has them: the wheel once from the source distribution
and once from the files. Both must hold every file of the package and nothing else. The wheel is installed into a new
environment with the dependencies that it names; there it compiles, builds and runs the example network, from an empty
folder. The distributions stay in build/dist/, beside a bill of materials (CycloneDX) of what that environment has.
"""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from bill_of_materials import INSPECTION, bill_of_materials

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = ROOT / "build" / "dist"
EXAMPLE = ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
BOARDS = ("host", "mps2_an386")
BESIDE_THE_PACKAGE = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml", "setup.cfg"}


def run(*command: str | Path, folder: Path) -> str:
    """What a command printed to stdout.

    Raises:
        SystemExit: it failed; what it printed is on stderr.
    """
    result = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        print(result.stdout, result.stderr, sep="\n", file=sys.stderr)
        raise SystemExit(f"package: failed: {' '.join(map(str, command))}")
    return result.stdout


def package_files(tracked: list[str]) -> set[str]:
    """Where the tracked files of the package are when it is installed."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    folders = dict(line.split(" = ") for line in settings["options"]["package_dir"].strip().splitlines())
    return {
        f"{package.replace('.', '/')}{name.removeprefix(folder)}"
        for name in tracked
        for package, folder in folders.items()
        if name.startswith(f"{folder}/")
    }


def difference(what: str, found: set[str], expected: set[str]) -> list[str]:
    """A line for each file that is missing or too much."""
    return [
        *(f"{what} lacks {name}" for name in sorted(expected - found)),
        *(f"{what} holds {name}, which is not of the package" for name in sorted(found - expected)),
    ]


def wheel_files(wheel: Path) -> set[str]:
    """The files of a wheel but for those about it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def source_files(distribution: Path) -> set[str]:
    """The files of a source distribution, from its top folder."""
    with tarfile.open(distribution) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def build(tracked: list[str], folder: Path) -> tuple[Path, list[str]]:
    """The wheel that was built from the source distribution, and what is wrong with the distributions."""
    checkout = folder / "checkout"
    for name in tracked:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, checkout / name)
    shutil.rmtree(DISTRIBUTIONS, ignore_errors=True)
    builder = (sys.executable, "-m", "build", "--outdir")
    run(*builder, DISTRIBUTIONS, checkout, folder=folder)
    run(*builder, folder / "direct", "--wheel", checkout, folder=folder)
    (wheel,), (source,), (direct,) = (
        list(place.glob(pattern))
        for place, pattern in ((DISTRIBUTIONS, "*.whl"), (DISTRIBUTIONS, "*.tar.gz"), (folder / "direct", "*.whl"))
    )
    expected = package_files(tracked)
    missing = BESIDE_THE_PACKAGE - source_files(source)
    return wheel, [
        *difference("the wheel of the source distribution", wheel_files(wheel), expected),
        *difference("the wheel of the checkout", wheel_files(direct), expected),
        *(f"the source distribution lacks {name}" for name in sorted(missing)),
    ]


def install(wheel: Path, folder: Path) -> Path:
    """The folder of programs of a new environment with the wheel and its dependencies."""
    run(sys.executable, "-m", "venv", folder, folder=ROOT)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, folder=folder)
    return folder / "bin"


def use(programs: Path, folder: Path) -> list[str]:
    """What is wrong with the installed package; runs in ``folder``, which is empty."""
    place = run(programs / "python", "-c", "import tinyseg_tvm; print(tinyseg_tvm.__file__)", folder=folder)
    if not Path(place.strip()).is_relative_to(programs.parent):
        return [f"the package that runs is not the one that was installed: {place}"]
    tinyseg = programs / "tinyseg"
    faults = []
    known = run(tinyseg, "boards", folder=folder)
    for board in BOARDS:
        if board not in known:
            faults.append(f"tinyseg boards does not name {board}")
        run(tinyseg, "compile", EXAMPLE, "-o", board, "--board", board, "--quiet", folder=folder)
        run(tinyseg, "build", board, folder=folder)
        figures = json.loads(run(tinyseg, "run", board, "--json", folder=folder))
        if figures["mismatches"] != 0:
            faults.append(f"{board}: {figures['mismatches']} values differ from the reference")
        print(f"package: {board} ran in {figures['ram']['total']} bytes of RAM", flush=True)
    return faults


def state(programs: Path, wheel: Path, folder: Path) -> None:
    """Writes the bill of materials beside the wheel."""
    bill = bill_of_materials(json.loads(run(programs / "python", "-c", INSPECTION, folder=folder)), wheel)
    wheel.with_suffix(".cdx.json").write_text(json.dumps(bill, indent=2) + "\n")
    print(f"package: {len(bill['components'])} packages in {wheel.stem}.cdx.json", flush=True)


def main() -> int:
    """Builds, installs, uses and states; 0 where all is well."""
    tracked = [name for name in run("git", "ls-files", folder=ROOT).splitlines() if (ROOT / name).is_file()]
    with tempfile.TemporaryDirectory(prefix="tinyseg-package-") as name:
        folder = Path(name)
        wheel, faults = build(tracked, folder)
        if not faults:
            (folder / "empty").mkdir()
            programs = install(wheel, folder / "environment")
            faults = use(programs, folder / "empty")
            state(programs, wheel, folder / "empty")
    print("\n".join(faults) or f"package: ok ({wheel.name})")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
