"""Packages of the development environment with versions and hashes, and their installation.

python lock.py write     # .ci/locks/<this Python and machine>.txt, by what pip would install now (make lock)
python lock.py install   # by that file, with --require-hashes (make setup LOCKED=1)
python lock.py try       # the same; where it is not possible, says so and leaves it to what follows (LOCKED=try)

A lock is of one Python and machine, whose files its hashes are of. The project's own build (setuptools) is in it, too.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = Path(__file__).with_name("locks")
OWN = "tinyseg-tvm"


def lock_file() -> Path:
    """The lock of the Python that runs this, there or not."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return LOCKS / f"{python}-{platform.system().lower()}-{platform.machine()}.txt"


def lines(report: dict[str, Any]) -> list[str]:
    """A line of a requirements file for each package that pip's report names, but for this project.

    Raises:
        ValueError: pip knows no hash of a package.
    """
    found = []
    for each in report["install"]:
        name, version = each["metadata"]["name"], each["metadata"]["version"]
        if name == OWN:
            continue
        digest = each["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if not digest:
            raise ValueError(f"pip gives no hash of {name} {version}")
        found.append(f"{name}=={version} --hash=sha256:{digest}")
    return sorted(found, key=str.lower)


def write() -> int:
    """Writes the lock."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    done = subprocess.run([*command, ".[dev]", "setuptools"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    file = lock_file()
    file.parent.mkdir(exist_ok=True)
    head = f"# {file.stem}, by 'make lock': python {platform.python_version()}\n"
    file.write_text(head + "\n".join(lines(json.loads(done.stdout))) + "\n")
    print(f"lock: {file.relative_to(ROOT)}")
    return 0


def install(must: bool) -> int:
    """Installs what the lock says. Returns 1 where that was not possible and ``must`` be."""
    file = lock_file()
    if file.is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        if subprocess.run([*command, "-r", file], check=False).returncode == 0:
            print(f"lock: installed by {file.name}, hashes compared")
            return 0
        why = f"pip could not install by {file.name} (above)"
    else:
        known = ", ".join(sorted(path.stem for path in LOCKS.glob("*.txt"))) or "none"
        why = f"there is no lock for {file.stem} (there is: {known}); 'make lock' writes one"
    print(
        f"lock: {why}" + ("" if must else "; installing the newest versions that setup.cfg allows, hashes not compared")
    )
    return int(must)


def main() -> int:
    """Does what the word says."""
    words = sys.argv[1:]
    if words == ["write"]:
        return write()
    if words in (["install"], ["try"]):
        return install(words == ["install"])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
