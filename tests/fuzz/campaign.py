"""Makes mutants of a fixed seed, tries them, and keeps those that end as they must not."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.meanings import ChangedTflite, changed_onnx
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import grown_onnx, grown_tflite, seeds, tflite_seeds
from tests.fuzz.structures import restructured_onnx
from tests.fuzz.tflite_structures import RestructuredTflite
from tests.fuzz.trial import Verdict

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
BROKEN = 0.15  # of the mutants are broken as files
RESTRUCTURED = 0.25  # hang together in another way; the others say something else
GROWN = 3  # every so many rounds of the seeds, one that is grown for it has its turn
BATCH = 50  # files of one process, which imports the compiler once


def mutants(suffix: str, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and files without end, the seeds in turn; the same for the same ``seed``."""
    chosen = {name: data for name, data in seeds().items() if name.endswith(suffix)}
    changed = {name: ChangedTflite(made.made, made.inputs, made.outputs) for name, made in tflite_seeds().items()}
    number = 0
    while True:
        sources: dict[str, bytes | ChangedTflite] = {name: changed.get(name, data) for name, data in chosen.items()}
        if number % GROWN == GROWN - 1:
            sources[f"grown{suffix}"] = (grown_onnx if suffix == ".onnx" else grown_tflite)(seed, number)
        for name, source in sources.items():
            rng = np.random.default_rng([seed, number, zlib.crc32(name.encode())])
            data = source if isinstance(source, bytes) else source.unchanged()
            made = _mutant(source, data, rng)
            if made != data:
                yield f"{seed}_{number}_{name}", made
        number += 1


def _mutant(source: bytes | ChangedTflite, data: bytes, rng: np.random.Generator) -> bytes:
    way = rng.random()
    if way < BROKEN:
        return mutant(data, rng)
    if way < BROKEN + RESTRUCTURED:
        return restructured_onnx(source, rng) if isinstance(source, bytes) else RestructuredTflite(source).mutated(rng)
    return changed_onnx(source, rng) if isinstance(source, bytes) else source.mutated(rng)


def verdicts(files: list[tuple[str, bytes]], keep: Path | None = None) -> list[Verdict]:
    """How the files end; those that end badly are written to ``keep``."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, data in files:
            paths.append(Path(folder, name))
            paths[-1].write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.trial", *map(str, paths)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(files), done.stderr
    for verdict, (name, data) in zip(found, files, strict=True):
        if keep is not None and verdict.bad:
            keep.mkdir(parents=True, exist_ok=True)
            Path(keep, name).write_bytes(data)
    return found


def campaign(
    suffix: str, count: int, seed: int, seconds: float = float("inf"), keep: Path | None = None
) -> list[Verdict]:
    """Verdicts of ``count`` mutants of one format, or of those that there is time for."""
    stream, ends = mutants(suffix, seed), time.monotonic() + seconds
    found: list[Verdict] = []
    while len(found) < count and time.monotonic() < ends:
        files = [next(stream) for _ in range(min(BATCH, count - len(found)))]
        found += verdicts(files, keep)
    return found
