"""Tiny U-Net with tensors in storage: what each budget of writing makes of its RAM, promised and measured.

The bars are whole-program KiB; the floors are live activation bytes of an exact line simulation.

    python benchmarks/spilling.py [MODEL] [--board mps2_an386] [--storage timed] [--promise-only] [--row N ...]
    python benchmarks/spilling.py --overhead   # instructions of spilling to an infinitely fast storage, its checks'
    python benchmarks/spilling.py --networks ../shared/models [--only PART]   # other networks, with and without storage
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from tinyseg_tvm.compiler.options import BuildOptions, options_from_text
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.relay import Factory, build, frontend
from tinyseg_tvm.report.tables import render

MODEL = Path(__file__).resolve().parents[1] / "examples" / "segmentation" / "tinyunet_int8.onnx"


@dataclass(frozen=True)
class Condition:
    """One row: options of ``tinyseg compile``, the floor and the bar in KiB."""

    name: str
    arguments: str
    floor: float
    bar: float


CONDITIONS = (
    Condition("rows, resident I/O, 75 KiB", "--stream-axis rows --max-written 75K", 52.7, 60),
    Condition("columns, resident I/O, 75 KiB", "--stream-axis columns --max-written 75K", 37.7, 46),
    Condition("columns, I/O by line, 75 KiB", "--stream-axis columns --io line --max-written 75K", 32.5, 40),
    Condition("rows, resident I/O, 113 KiB", "--stream-axis rows --max-written 113K", 31.2, 39),
    Condition("columns, I/O by line, 113 KiB", "--stream-axis columns --io line --max-written 113K", 18.4, 26),
    Condition("columns, I/O by line, any traffic", "--stream-axis columns --io line", 3.4, 14),
)
# Networks of a models folder: name, options, floors in KiB with one tensor spilled and with two (I/O by line).
NETWORKS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("mlperf_vww_96_int8", "--stream-axis rows", (6.7,)),
    ("mlperf_resnet8_int8", "--stream-axis rows", (6.2, 3.8)),
    ("gen_tinyunet_240x320_int8", "--stream-axis columns --ram 128K", ()),
    ("seg_coral_deeplabv3_mnv2_dm05_pascal_quant", "--stream-axis rows --io-type quantized", (178, 161)),
    ("fdt_pos_posenet_075_353_481_quant", "--stream-axis columns", (123, 103)),
    ("tinyengine_mcunetv2_large", "--stream-axis rows --io-type quantized", (48,)),
)
NETWORK_HEADERS = (
    "network, I/O by line",
    "floors",
    "without storage",
    "with",
    "measured",
    "written",
    "exact",
    "options",
)
ROOMY = 128 << 10  # bytes of RAM
AT_ONCE = 1 << 30  # bytes per second: a transfer is over before the next instruction

HEADERS = (
    "condition",
    "floor",
    "bar",
    "promised",
    "measured",
    "written",
    "physical",
    "exact",
    "frames of life",
    "command",
)


def measure(factory: Factory) -> RunResult:
    """The firmware's figures."""
    with tempfile.TemporaryDirectory() as folder:
        return generate_project(factory.board, factory, Path(folder) / "out", storages=factory.storages).run()


def row(condition: Condition, model: Path, base: BuildOptions, command: str, promise_only: bool) -> list[str]:
    """Builds, runs and tells one condition."""
    words = condition.arguments.split()
    given = {key.lstrip("-"): value for key, value in zip(words[::2], words[1::2], strict=True)}
    mod, params = frontend.from_onnx(model)
    factory = build(mod, options_from_text(given, base), params, name=model.stem)
    promised = factory.memory.total - factory.memory.slow
    cells = [condition.name, f"{condition.floor}", f"{condition.bar}", f"{promised / 1024:.1f}"]
    storage, life = factory.figures["storage"], factory.storage_use.cost.lifetime_frames
    written = [f"{storage['written'] / 1024:.1f}", f"{storage['written_physical'] / 1024:.1f}"]
    last = ["-" if life is None else f"{life / 1e6:.2f} M", f"{command} {condition.arguments}"]
    if promise_only:
        return [*cells, "-", *written, "-", *last]
    result = measure(factory)
    exact = result.status == 0 and result.mismatches == 0 and result.storage.written == storage["written"]
    used = result.ram.total - result.ram.slow
    verdict = "NO" if not exact else "yes" if used <= promised else "yes, but over the promise"
    return [*cells, f"{used / 1024:.1f}", *written, verdict, *last]


def _kib(cells: list[str]) -> float:
    """RAM of a row: as measured, or as promised where nothing was run."""
    return float(cells[3] if cells[4] == "-" else cells[4])


@dataclass(frozen=True)
class Ablation:
    """What is left out of ``runtime/tinyseg_spill.c``, to see what it costs: texts, and what stands in their place."""

    name: str
    texts: tuple[tuple[str, str], ...] = ()


COMPLETE = Ablation("complete")
# The check sum is of the record alone, as it was before records were bound to an inference, a tensor and a place.
UNBOUND = Ablation(
    "unbound", (("~(storage->run ^ tensor->identity)", "~0u"), ("if (!storage->numbered) {", "if (false) {"))
)
UNCHECKED = Ablation("unchecked", (*UNBOUND.texts, ("tinyseg_crc32(seed, data, bytes)", "seed ^ *data ^ bytes")))


def spilling_project(factory: Factory, folder: Path, ablation: Ablation = COMPLETE) -> RunResult:
    """Runs a project whose storages take no time; its results are right, or this raises."""
    fast = tuple(
        replace(s, read_bytes_per_second=AT_ONCE, write_bytes_per_second=AT_ONCE, latency_microseconds=0)
        for s in factory.board.storages
    )
    project = generate_project(replace(factory.board, storages=fast), factory, folder / ablation.name)
    for before, after in ablation.texts:
        file = folder / ablation.name / "runtime" / "tinyseg_spill.c"
        text = file.read_text()
        assert text.count(before) == 1, f"the runtime has changed: {before!r}"
        file.write_text(text.replace(before, after))
    result = project.run()
    if result.status or result.mismatches:
        raise SystemExit(f"{ablation.name}: the results are wrong")
    return result


def overhead(model: Path, base: BuildOptions) -> int:
    """Prints what spilling costs in instructions where the storage takes no time, and what of that its checks are.

    Returns:
        1 where spilling without codec costs 3 % or more, or what binds a record to its inference, tensor and place 1 %
        of spilling or more.
    """
    base = replace(base, ram=ROOMY, stream_axis="columns")  # all get their fastest kernels, which are the same
    mod, params = frontend.from_onnx(model)
    rows, missed = [], False
    with tempfile.TemporaryDirectory() as folder:
        factory = build(mod, replace(base, storage=""), params, name=model.stem)
        kept = spilling_project(factory, Path(folder) / "kept").instructions
        for codec in ("none", "delta"):
            factory = build(mod, replace(base, max_written=75 << 10, codec=codec), params, name=model.stem)
            complete, unbound, unchecked = (
                spilling_project(factory, Path(folder) / codec, ablation) for ablation in (COMPLETE, UNBOUND, UNCHECKED)
            )
            spilling, bound = complete.instructions - kept, complete.instructions - unbound.instructions
            check, share = complete.instructions - unchecked.instructions, 100 * spilling / kept
            flash = complete.flash.total - unbound.flash.total
            rows.append(
                (
                    codec,
                    kept,
                    complete.instructions,
                    f"{share:.2f} %",
                    check,
                    bound,
                    f"{100 * bound / spilling:.2f} %",
                    flash,
                )
            )
            missed |= (codec == "none" and share >= 3) or bound >= spilling / 100
    headers = (
        "codec",
        "kept",
        "spilled",
        "spilling",
        "check sums",
        "of that binding",
        "of spilling",
        "binding, flash B",
    )
    print(render(rows, headers))
    print("bars: spilling without codec 3 %, binding 1 % of spilling")
    return int(missed)


def network_row(folder: Path, name: str, words: str, floors: tuple[float, ...], base: BuildOptions) -> list[str] | None:
    """One network by line, without storage and with as much of it as helps; None where it is not there."""
    found = sorted(folder.rglob(f"{name}.onnx"))
    if not found:
        return None
    pairs = words.split()
    given = {key.lstrip("-"): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}
    spilling = options_from_text(given, replace(base, io="line"))
    plain = replace(spilling, storage="", ram=None)
    cells = []
    for options in (plain, spilling):
        mod, params = frontend.from_onnx(found[0])
        factory = build(mod, options, params, name=name)
        cells.append(f"{(factory.memory.total - factory.memory.slow) / 1024:.1f}")
    result = measure(factory)
    exact = "yes" if result.status == 0 and result.mismatches == 0 else "NO"
    measured = [f"{(result.ram.total - result.ram.slow) / 1024:.1f}", f"{result.storage.written / 1024:.1f}", exact]
    return [
        name,
        " / ".join(map(str, floors)) or "-",
        *cells,
        *measured,
        f"--objective ram --io line {words} --storage {base.storage}",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 1 where a bar is missed or a result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("--storage", default="timed", help="name on the board, or a TOML file")
    parser.add_argument("--promise-only", action="store_true", help="plan without running")
    parser.add_argument("--row", type=int, action="append", help="number of a condition, from 0; all by default")
    parser.add_argument("--overhead", action="store_true", help="instructions with a storage that takes no time")
    parser.add_argument("--networks", type=Path, metavar="FOLDER", help="other networks of a models folder (slow)")
    parser.add_argument("--only", action="append", default=[], help="with --networks: those whose name has this in it")
    chosen = parser.parse_args(arguments)
    base = BuildOptions(board=chosen.board, objective="ram", storage=chosen.storage)
    if chosen.overhead:
        return overhead(chosen.model, base)
    if chosen.networks:
        wanted = [n for n in NETWORKS if not chosen.only or any(part in n[0] for part in chosen.only)]
        found = [network_row(chosen.networks, name, words, floors, base) for name, words, floors in wanted]
        print(render([cells for cells in found if cells], NETWORK_HEADERS))
        return int(any(cells[6] == "NO" for cells in found if cells))
    command = f"tinyseg compile {chosen.model.name} --board {chosen.board} --objective ram --storage {chosen.storage}"
    picked = [CONDITIONS[number] for number in chosen.row] if chosen.row else CONDITIONS
    rows = [row(condition, chosen.model, base, command, chosen.promise_only) for condition in picked]
    print(render(rows, HEADERS))
    missed = [cells for cells in rows if cells[7] not in ("yes", "-") or _kib(cells) > float(cells[2])]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
