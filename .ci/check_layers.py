"""Checks that each part of the package imports only what the architecture lets it know."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tinyseg_tvm"
FOLDERS = {"relay_passes": "relay_passes", "codegen": "codegen"}

# part -> the parts and libraries it may not import
FORBIDDEN = {
    part: set(names.split())
    for part, names in {
        "operators": "tvm onnx network planner codegen relay_passes frontend micro compiler relay tune cli",
        "planner": "tvm onnx network operators codegen relay_passes frontend micro compiler relay tune cli",
        "network": "tvm onnx codegen relay_passes frontend micro compiler relay tune cli",
        "frontend": "network planner codegen relay_passes micro compiler relay tune cli",
        "relay_passes": "planner codegen micro compiler relay tune cli",
        "codegen": "onnx relay_passes frontend micro compiler relay tune cli",
        "boards": "tvm onnx network operators planner codegen relay_passes frontend micro compiler relay tune cli",
        "micro": "tvm onnx relay_passes frontend compiler relay tune cli",
        "report": "tvm onnx codegen relay_passes frontend micro compiler relay tune cli",
        "compiler": "tvm onnx relay tune cli",
        "relay": "tune cli",
        "tune": "tvm onnx relay_passes frontend cli",
    }.items()
}


# The reference of a long-tail operator is TVM's own. The yardstick of other planners reads the file as they would.
ALLOWED = {
    ("tinyseg_tvm/operators/opaque.py", "tvm"),
    ("tinyseg_tvm/report/layerwise.py", "onnx"),
    ("relay_passes/insert_spill_fetch.py", "planner"),  # reads the planner's decisions
    ("relay_passes/split_channels.py", "planner"),  # the same
}


def imported(path: Path) -> list[tuple[int, str]]:
    """Line and part (or library) of every import in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            found.append((node.lineno, parts[1] if parts[0] == PACKAGE and len(parts) > 1 else parts[0]))
    return found


def main() -> int:
    """Prints every forbidden import; returns 1 where there is one."""
    faults = []
    for part, forbidden in FORBIDDEN.items():
        folder = ROOT / part if part in FOLDERS else ROOT / PACKAGE / part
        for path in sorted(folder.rglob("*.py")):
            for line, name in imported(path):
                place = path.relative_to(ROOT)
                if name in forbidden and (place.as_posix(), name) not in ALLOWED:
                    faults.append(f"{place}:{line}: {part} may not import {name}")
    print("\n".join(faults) or "layers: ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
