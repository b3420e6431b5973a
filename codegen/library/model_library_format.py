"""Export in microTVM's Model Library Format: a tar file that other tools of that family unpack.

Layout (version 7 of the format, as TVM 0.8 to 0.19 wrote it)::

    metadata.json                      version, model_name, target, memory, ...
    codegen/host/include/<name>.h      the public header
    codegen/host/src/*.c, *.h          the library with the kernels it uses
    codegen/host/runtime/              the kernels' headers and sources
    parameters/<name>.bin              the constants, in the layout of src/<name>_weights.c
    src/relax.txt                      the Relax module after all passes
    tinyseg/                           metadata.json and whatever else this tool wrote

There is no timestamp: equal builds give equal bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.errors import TinySegError

FORMAT_VERSION = 7
_FOLDERS = {
    "include": "codegen/host/include",
    "src": "codegen/host/src",
    "runtime": "codegen/host/runtime",
    "weights": "parameters",
}


def library_format_files(
    name: str, files: Mapping[str, bytes], *, relax: str, figures: Mapping[str, Any]
) -> dict[str, bytes]:
    """Paths and contents of the archive.

    Args:
        name: the library's name.
        files: the library's files, as ``generate`` returned them.
        relax: the Relax module as text.
        figures: promised memory and MACs, as ``tinyseg analyze --json`` prints them.
    """
    described = json.loads(files["metadata.json"])
    result = {"src/relax.txt": relax.encode("utf-8")}
    for path, content in files.items():
        folder, _, rest = path.partition("/")
        result[f"{_FOLDERS[folder]}/{rest}" if rest and folder in _FOLDERS else f"tinyseg/{path}"] = content
    metadata = {
        "version": FORMAT_VERSION,
        "model_name": name,
        "export_datetime": None,
        "style": "full-model",
        "target": ["c -tinyseg"],
        "executors": ["aot"],
        "external_dependencies": [],
        "memory": _memory(described),
        "tinyseg": {"tool": described["tool"], "figures": dict(figures)},
    }
    result["metadata.json"] = (json.dumps(metadata, indent=2, sort_keys=True) + "\n").encode()
    return dict(sorted(result.items()))


def _memory(described: Mapping[str, Any]) -> dict[str, Any]:
    """The format's memory section: what the main function and each operator need, in bytes."""
    memory = described["memory"]
    resident = described["io"] == "resident"
    io_bytes = sum(port["bytes"] for port in (*described["inputs"], *described["outputs"])) if resident else 0
    main = {
        "device": 1,
        "io_size_bytes": io_bytes,
        "workspace_size_bytes": sum(pool["bytes"] for pool in memory["pools"]),
        "constants_size_bytes": memory["weights_bytes"],
    }
    operators = [
        {
            "function_name": operator["function"],
            "workspace": [{"device": 1, "workspace_size_bytes": operator["scratch_bytes"] + operator["state_bytes"]}],
        }
        for operator in described["operators"]
    ]
    return {"functions": {"main": [main], "operator_functions": operators}}


def export_library_format(
    path: Path, name: str, files: Mapping[str, bytes], *, relax: str, figures: Mapping[str, Any]
) -> Path:
    """Write the archive (see ``library_format_files`` for the arguments) and return its path.

    Raises:
        TinySegError: the file cannot be written.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in library_format_files(name, files, relax=relax, figures=figures).items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(content))
    try:
        path.write_bytes(archive.getvalue())
    except OSError as error:
        raise TinySegError(f"cannot write {path}: {error.strerror or error}") from None
    return path
