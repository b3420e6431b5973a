"""From the trained network to verified firmware: ``make demo``.

Compiles tinyunet_int8.onnx for a board, builds the firmware, runs it in QEMU on test scenes, compares every output byte
with the reference executor, prints what it needs beside what others need, and writes pictures to build/demo/.

Twice: on a Cortex-M4 (mps2_an386), where nothing is written anywhere, and on a Cortex-M3 with 64 KiB of SRAM and an SD
card (lm3s6965evb), where the first skip connection waits on the card. ``--board`` picks one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from panels import intersection_over_union, segmentation_figure
from scenes import TEST_SEEDS, Scene, quantised, scene
from tflm_buffers import layerwise, rival_rows

from tinyseg_tvm import micro, relay
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import RunResult
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import Factory
from tinyseg_tvm.report.drawing import save
from tinyseg_tvm.report.points import Rival
from tinyseg_tvm.report.tables import kib, render
from tinyseg_tvm.report.text import ram_table
from tinyseg_tvm.report.write import write_reports

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
MODEL = FOLDER / "tinyunet_int8.onnx"

BOARDS = {"mps2_an386": "", "lm3s6965evb": "sd"}  # and the storage that each uses
MAX_WRITTEN = "75K"

# Measured by running these tools on a network of the same structure; activations only, without stack and tables.
MEASURED_RIVALS: tuple[Rival, ...] = (
    ("TiGrIS 0.12.1, best total", 191_283, "18.0 KiB fast + 168.8 KiB writable slow RAM, which is RAM too"),
    ("TinySeg's own planner", 172_800, "writes 75.0 KiB to storage per inference"),
)


def say(text: str, start: float) -> None:
    """A line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - start:5.1f} s] {text}", flush=True)


def device_masks(factory: Factory, result: RunResult) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Per scene the firmware's logits in the model's layout, and the mask: True where above the zero point."""
    port = factory.network.outputs[0]
    tensor = factory.network.tensors[port.tensor]
    raw = [outputs[0].reshape(tensor.type.shape) for outputs in result.outputs]
    logits = [reference.from_device(factory.network, port, array) for array in raw]
    return logits, [array[0, 0] > (tensor.zero_point or 0) for array in logits]


def differing_bytes(factory: Factory, scenes: list[Scene], logits: list[np.ndarray]) -> list[int]:
    """Per scene the number of output bytes that differ from the reference executor's."""
    expected = [reference.run(factory.network, [quantised(one.image)])[0] for one in scenes]
    return [int((ours != theirs).sum()) for ours, theirs in zip(logits, expected, strict=True)]


def comparison(result: RunResult) -> list[Rival]:
    """Peak RAM of other planners for this network, and ours as measured on the firmware."""
    written = f"writes {kib(result.storage.written)} per inference" if result.storage.written else "writes nothing"
    remark = f"measured: the whole program, stack included; {written}"
    ours = (f"this firmware on {result.board}", result.ram.total, remark)
    return rival_rows(layerwise(onnx.load(MODEL)), [*MEASURED_RIVALS, ours])


def print_tables(factory: Factory, result: RunResult, seeds: range, differing: list[int], ious: list[float]) -> None:
    """Everything measured, as tables."""
    counts = result.instructions_per_vector or (0,) * len(ious)
    scenes = list(zip(map(str, seeds), differing, ious, counts, strict=True))
    print("\n" + render(scenes, ("scene", "differing bytes", "IoU", "instructions")))
    trained = json.loads((FOLDER / "metrics.json").read_text())
    accuracy = f"{trained['int8']['iou']} ({trained['float']['iou']} in float)"
    print(f"\nIoU over {trained['test_scenes']} held-out scenes: {accuracy}")
    print("\n" + ram_table(result.as_dict()["ram"]))
    flash, macs = result.flash, factory.macs
    sizes = [("code and tables", flash.code, kib(flash.code)), ("weights", flash.weights, kib(flash.weights))]
    print("\n" + render(sizes, ("flash", "bytes", "")))
    work = [("instructions", result.instructions, f"{result.instructions / macs:.2f} per MAC"), ("MACs", macs, "")]
    storage = result.storage
    work += [("bytes written to storage", storage.written, f"{storage.written_physical:,} on the medium")]
    work += [("bytes read back", storage.read, f"{storage.read_physical:,} on the medium")]
    print("\n" + render(work, ("per inference", "", "")))
    rivals = comparison(result)
    planners = [(name, kib(size), "█" * round(30 * size / rivals[0][1]), remark) for name, size, remark in rivals]
    print("\n" + render(planners, ("planner", "RAM", "", "")))


def draw(output: Path, factory: Factory, result: RunResult, scenes: list[Scene], masks: list[np.ndarray]) -> list[Path]:
    """Panels of the scenes and the reports of the plan; returns the files."""
    title = f"Tiny U-Net on {result.board}, {result.ram.total:,} bytes of RAM"
    title += f", {kib(result.storage.written)} written to storage" if result.storage.written else ""
    panels = segmentation_figure([one.image for one in scenes], masks, [one.mask for one in scenes], title)
    figures = (result.ram.total, result.flash.total, result.instructions)
    facts = dict(zip(("bytes of RAM, measured", "bytes of flash", "instructions"), figures, strict=True))
    told = replace(factory.told, title=title, facts={**factory.told.facts, **facts}, rivals=comparison(result))
    reports = write_reports(output, told)
    return [save(panels, output / "segmentation.png"), *reports]


def run(board: str, storage: str, count: int, output: Path) -> int:
    """The demo; returns the number of differing bytes."""
    start = time.monotonic()
    mod, params = relay.frontend.from_onnx(MODEL)
    say(f"imported {MODEL.relative_to(ROOT)}", start)
    spilling = f" -storage={storage} -max-written={MAX_WRITTEN}" if storage else ""
    factory = relay.build(mod, target=f"c -tinyseg -objective=ram -board={board}{spilling}", params=params)
    say(f"planned: {factory.memory.arena:,} bytes of arena, {len(factory.plan.steps):,} steps", start)
    for spill in factory.planned.spilled:
        say(f"{spill.tensor} waits in storage {spill.transfer.storage} for {', '.join(sum(spill.late, ()))}", start)
    project = micro.generate_project(board, factory, output / "firmware", storages=factory.storages)
    program = project.build()
    say(f"built {program}", start)
    seeds = TEST_SEEDS[:count]
    scenes = [scene(seed) for seed in seeds]
    port = factory.network.inputs[0]
    result = project.run(
        [[reference.to_device(factory.network, port, quantised(one.image))] for one in scenes], layout="device"
    )
    if result.status:
        raise TinySegError(f"the network on {board} stopped with status {result.status}")
    say(f"ran {count} scenes on {board}", start)
    logits, masks = device_masks(factory, result)
    differing = differing_bytes(factory, scenes, logits)
    ious = [intersection_over_union(mask, one.mask) for mask, one in zip(masks, scenes, strict=True)]
    say(
        f"compared {sum(array.size for array in logits):,} output bytes with the reference: {sum(differing)} differ",
        start,
    )
    print_tables(factory, result, seeds, differing, ious)
    print("\npictures and reports:")
    for path in draw(output, factory, result, scenes, masks):
        print(f"  {path}")
    return sum(differing)


def main() -> int:
    """Reads the options; 0 where every byte is right."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--board", help=f"default: {' and '.join(BOARDS)}, one after the other")
    options.add_argument("--storage", help="of the board (default: sd on lm3s6965evb, else none)")
    options.add_argument("--scenes", type=int, default=6, choices=range(1, 33), metavar="1..32")
    options.add_argument("--output", type=Path, default=ROOT / "build" / "demo")
    given = options.parse_args()
    try:
        differing = 0
        for board in [given.board] if given.board else BOARDS:
            storage = BOARDS.get(board, "") if given.storage is None else given.storage
            output = given.output if given.board else given.output / board
            differing += run(board, storage, given.scenes, output)
            print(flush=True)
        return min(differing, 1)
    except TinySegError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
