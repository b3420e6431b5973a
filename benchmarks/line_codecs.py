"""Codecs for spilled lines: how short they make the long skips of segmentation networks, and what they cost.

Prints, per tensor that has to wait for a late reader, the part of the raw bytes that is stored: by the two codecs of
the runtime, by rivals that were not kept (a mask of two levels, Rice codes of the same differences), and the order-0
entropy of the bytes; then instructions per byte of the C codecs on a Cortex-M3, counted in QEMU.

    python benchmarks/line_codecs.py [MODEL.onnx ...]

The activations are those of a rendered scene (examples/segmentation/scenes.py) in the example network, or in the models
given, which must take an image. Without --no-count the instruction counter is used.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyseg_tvm import relay, relay_passes
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_path
from tinyseg_tvm.micro.cortex_m.machine import CortexM
from tinyseg_tvm.micro.emulator import build_plugin, emulator_command
from tinyseg_tvm.micro.port_files import PORT_FOLDER
from tinyseg_tvm.micro.tools import call
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.operators.line_codecs import coded_line_bytes, pixel_bytes
from tinyseg_tvm.relay_passes.to_network import to_network
from tinyseg_tvm.report.tables import render

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
SCENE = 3
LONG_WAIT = 4  # nodes between the maker of a tensor and its last reader
CODECS = ("mask", "delta")
BOARD = "mps2_an385"


@dataclass(frozen=True)
class Spilled:
    """A tensor worth spilling: its lines, and the bytes of a pixel."""

    name: str
    lines: np.ndarray
    pitch: int


def scene_image(height: int, width: int, dtype: str) -> np.ndarray:
    """A rendered scene, resampled, as a device input (1, H, W, 3)."""
    sys.path.insert(0, str(EXAMPLE.parent))
    import scenes

    image = np.asarray(scenes.scene(SCENE).image)
    rows, columns = (
        np.arange(size) * extent // size for size, extent in zip((height, width), image.shape, strict=False)
    )
    picked: np.ndarray = image[rows][:, columns][np.newaxis].astype(np.uint8)
    return picked if dtype == "uint8" else (picked.astype(np.int16) - 128).astype(np.int8)


def lowered(path: Path) -> Network:
    """The model's network with quantised ports."""
    module, _params = relay.frontend.from_onnx(path)
    passes = (relay_passes.integer_pipeline(), relay_passes.layout_pipeline("quantized"))
    for step in passes:
        module = step(module)
    return to_network(module, path.stem)


def spilled_tensors(network: Network) -> Iterator[Spilled]:
    """Tensors that wait for a late reader, with their values on a scene."""
    kind = network.tensors[network.inputs[0].tensor].type
    trace: dict[str, np.ndarray] = {}
    reference.run(network, [scene_image(kind.shape[1], kind.shape[2], kind.dtype)], layout="device", trace=trace)
    for number, node in enumerate(network.nodes):
        for name in node.outputs:
            last = max((i for i, other in enumerate(network.nodes) if name in other.inputs), default=number)
            result = network.tensors[name].type
            if last - number >= LONG_WAIT and result.dtype == "int8" and result.lines >= LONG_WAIT:
                yield Spilled(name, trace[name].reshape(result.lines, -1), pixel_bytes(result))


def entropy(lines: np.ndarray) -> float:
    """Order-0 entropy, as a part of eight bits."""
    share = np.bincount(lines.view(np.uint8).ravel(), minlength=256) / lines.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum() / 8)


def two_level_mask(lines: np.ndarray) -> int:
    """Bytes of a mask whose empty bytes are left out by a mask of their own."""
    differs = lines != lines.min(axis=1, keepdims=True)
    blocks = -(-lines.shape[1] // 8)
    padded = np.zeros((len(lines), blocks * 8), bool)
    padded[:, : lines.shape[1]] = differs
    used = padded.reshape(len(lines), blocks, 8).any(axis=2).sum(axis=1)
    sizes = 2 + -(-blocks // 8) + used + differs.sum(axis=1)
    return int(np.minimum(sizes, 1 + lines.shape[1]).sum())


def rice(lines: np.ndarray, pitch: int) -> int:
    """Bytes of Rice codes of the differences to the pixel before, with the best parameter per line."""
    values = lines.view(np.uint8).astype(np.int64)
    before = np.zeros_like(values)
    before[:, 1:pitch] = values[:, : pitch - 1]
    before[:, pitch:] = values[:, :-pitch]
    difference = (values - before + 128) % 256 - 128
    folded = np.where(difference >= 0, 2 * difference, -2 * difference - 1)
    bits = np.stack([((folded >> k) + 1 + k).sum(axis=1) for k in range(8)]).min(axis=0)
    return int(np.minimum(2 + -(-bits // 8), 1 + lines.shape[1]).sum())


def ratios(label: str, tensor: Spilled) -> list[str]:
    """A row of the table."""
    raw = tensor.lines.size
    stored = [int(coded_line_bytes(codec, tensor.lines, tensor.pitch).sum()) for codec in CODECS]
    rivals = [two_level_mask(tensor.lines), rice(tensor.lines, tensor.pitch)]
    shares = [f"{size / raw:.3f}" for size in (*stored, *rivals)]
    return [label, tensor.name, f"{raw:,}", *shares, f"{entropy(tensor.lines):.3f}"]


PROGRAM = """
#include "port.h"
#include "tinyseg_codec_delta.h"
#include "tinyseg_codec_mask.h"
#include "tinyseg_crc32.h"

#define LINES {lines}u
#define BYTES {size}u
static const uint8_t lines[LINES][BYTES] = {{ {data} }};
static uint8_t code[BYTES + 8], line[BYTES];
volatile uint32_t sink;

static void count(const tinyseg_codec *codec)
{{
    for (uint32_t i = 0; i < LINES; ++i) {{
        perf_begin();
        const uint32_t length = codec->encode(lines[i], BYTES, {pitch}u, code);
        perf_end();
        if (length == 0u) {{
            continue;
        }}
        perf_begin();
        (void)codec->decode(code, code + length, line, BYTES, {pitch}u);
        perf_end();
        for (uint32_t k = 0; k < BYTES; ++k) {{
            if (line[k] != lines[i][k]) {{
                port_exit(1);
            }}
        }}
    }}
}}

int main(void)
{{
    perf_begin();
    perf_end();
    count(&tinyseg_codec_mask);
    count(&tinyseg_codec_delta);
    perf_begin();
    sink = tinyseg_crc32(0, lines[0], BYTES);
    perf_end();
    port_exit(0);
}}
"""


def instructions(tensor: Spilled, folder: Path) -> list[str]:
    """Instructions per byte: encode and decode of each codec, then of the check sum."""
    board = load_board(BOARD)
    lines = tensor.lines[:: max(1, len(tensor.lines) // 8)]
    data = ", ".join("{" + ",".join(map(str, line)) + "}" for line in lines.view(np.uint8).tolist())
    text = PROGRAM.format(lines=len(lines), size=lines.shape[1], data=data, pitch=tensor.pitch)
    (folder / "main.c").write_text(text)
    cortex = PORT_FOLDER / "cortex_m"
    sources = [folder / "main.c", *sorted(cortex.glob("*.c"))]
    sources += [runtime_path(f"tinyseg_{module}.c") for module in ("codec_delta", "codec_mask", "crc32")]
    script = folder / "board.ld"
    script.write_text(_linker_script())
    command = ["arm-none-eabi-gcc", *board.core.flags, "-std=gnu99", "-O2", "-nostartfiles", "--specs=nano.specs"]
    includes = [*include_options(), *(f"-I{path}" for path in (PORT_FOLDER, cortex))]
    elf = folder / "codecs.elf"
    subprocess.run([*command, *includes, f"-T{script}", *map(str, sources), "-o", str(elf)], check=True)
    markers = _markers(elf)
    emulator = CortexM.emulator
    plugin = build_plugin(emulator, ROOT / "build" / "plugin")
    options = [f"out={folder / 'counts.txt'}", *(f"{key}={address}" for key, address in markers.items())]
    command = [*emulator_command(emulator, board, elf), "-plugin", ",".join([str(plugin), *options])]
    result = call(command, remedy=emulator.remedy, timeout=120)
    if result.status != 0:
        raise SystemExit(f"the codecs' program ended with status {result.status}: {result.stderr}")
    counts = [int(words[3]) for words in map(str.split, (folder / "counts.txt").read_text().splitlines())]
    empty, *runs = counts
    per_byte = [(run - empty) / lines.shape[1] for run in runs]
    return _by_codec(per_byte, len(lines), tensor, lines)


def _by_codec(per_byte: list[float], count: int, tensor: Spilled, lines: np.ndarray) -> list[str]:
    figures = []
    place = 0
    for codec in CODECS:
        coded = coded_line_bytes(codec, lines, tensor.pitch) < lines.shape[1] + 1
        encode, decode = [], []
        for index in range(count):
            encode.append(per_byte[place])
            place += 1
            if coded[index]:
                decode.append(per_byte[place])
                place += 1
        figures += [f"{np.mean(encode):.1f}", f"{np.mean(decode):.1f}" if decode else "-"]
    return [*figures, f"{per_byte[place]:.1f}"]


def _markers(elf: Path) -> dict[str, str]:
    symbols = subprocess.run(["arm-none-eabi-nm", str(elf)], capture_output=True, text=True, check=True).stdout
    addresses = {words[2]: int(words[0], 16) for words in map(str.split, symbols.splitlines()) if len(words) == 3}
    return {key: f"{addresses[f'perf_{key}'] & ~1:x}" for key in ("begin", "end", "pause", "resume")}


def _linker_script() -> str:
    """The project's linker script for a program without a network."""
    import jinja2

    board = load_board(BOARD)
    template = jinja2.Template((PORT_FOLDER / "cortex_m" / "board.ld.jinja").read_text(), trim_blocks=True)
    ram, flash = board.memory("ram"), board.memory("flash")
    assert ram is not None
    assert flash is not None
    text: str = template.render(
        board=board,
        name="codecs",
        memories=[vars(memory) for memory in board.memories],
        ram=ram,
        flash=flash,
        weights=flash.name,
        slow=None,
        ram_limit=None,
        stack_bytes=4096,
        guard_end=ram.end,
    )
    return text


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=[EXAMPLE])
    parser.add_argument("--no-count", action="store_true", help="ratios only")
    arguments = parser.parse_args()
    tensors = [(path.stem, tensor) for path in arguments.models for tensor in spilled_tensors(lowered(path))]
    rows = [ratios(label, tensor) for label, tensor in tensors]
    print(render(rows, ["model", "tensor", "bytes", *CODECS, "two-level mask", "Rice", "entropy"]))
    if arguments.no_count:
        return
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for label, tensor in tensors:
            costs.append([label, tensor.name, *instructions(tensor, Path(folder))])
    heads = [f"{codec} {way}" for codec in CODECS for way in ("encode", "decode")]
    print(f"\nInstructions per byte of the line, {load_board(BOARD).core.name}\n")
    print(render(costs, ["model", "tensor", *heads, "CRC-32"]))


if __name__ == "__main__":
    main()
