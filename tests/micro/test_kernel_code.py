"""The kernels' machine code: inner loops fit small caches and prefetch buffers, and sizes are what is reckoned with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.kernels.test_kernels import network_of
from tinyseg_tvm.boards import load_core
from tinyseg_tvm.codegen.library.code_bytes import code_bytes, program_bytes
from tinyseg_tvm.codegen.operators import FunctionWriter, NodeView, emitter_for
from tinyseg_tvm.codegen.programs.long_tail import function_names, long_tail_files
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.codegen.text.runtime_files import RUNTIME, header_of, include_options, runtime_path
from tinyseg_tvm.compiler.situation import generator_core

LARGEST_LOOP = 1024
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4+nofp", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
HOT = {
    "cortex-m3": ("conv2d", "depthwise"),
    "cortex-m4": (
        "conv2d_dsp",
        "conv2d_direct_dsp_plain",
        "conv2d_winograd",
        "columns_dsp",
        "dense_dsp",
        "conv2d_f32",
    ),
    "cortex-m55": ("conv2d_mve", "conv2d_direct_mve", "depthwise_block_mve", "planes_mve", "dense_mve"),
}
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\t[0-9a-f ]+\t(\S+)\s*(.*)")
BRANCH = re.compile(r"(b|le|letp|cbn?z|b(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le))(\.[nw])?")
FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:")
TARGET = re.compile(r"\b([0-9a-f]+) <([^>+]+)")


@dataclass(frozen=True)
class Loop:
    """Addresses from the target of a backward branch to behind that branch, within one function."""

    function: str
    start: int
    end: int

    @property
    def bytes(self) -> int:
        return self.end - self.start


RULES = {"onnx": (), "tflite": ("-DTINYSEG_RULE_TFLITE",)}


def compiled(source: Path, core: str, folder: Path, rule: str = "onnx") -> Path:
    """The object file of a C file as the generated Makefile compiles it."""
    result = folder / f"{source.stem}_{rule}.o"
    options = [
        "-std=c99",
        "-O2",
        "-ffp-contract=off",
        "-ffunction-sections",
        *include_options(),
        *load_core(core).flags,
        *RULES[rule],
    ]
    subprocess.run(["arm-none-eabi-gcc", *options, "-c", str(source), "-o", str(result)], check=True, timeout=100)
    return result


def innermost_loops(program: Path) -> list[Loop]:
    """Loops that hold no other, by the backward branches of the disassembly."""
    command = ["arm-none-eabi-objdump", "-d", str(program)]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100).stdout
    loops: dict[str, list[Loop]] = {}
    function = ""
    for line in text.splitlines():
        if header := FUNCTION.fullmatch(line):
            function = header[1]
        elif (instruction := INSTRUCTION.match(line)) and BRANCH.fullmatch(instruction[2]):
            address, target = int(instruction[1], 16), TARGET.search(instruction[3])
            if target and target[2] == function and int(target[1], 16) <= address:
                loops.setdefault(function, []).append(Loop(function, int(target[1], 16), address + 4))
    return [
        loop
        for others in loops.values()
        for loop in others
        if not any(other != loop and loop.start <= other.start and other.end <= loop.end for other in others)
    ]


def text_sections(program: Path) -> dict[str, int]:
    """Bytes of each section of code."""
    with program.open("rb") as stream:
        return {s.name: s["sh_size"] for s in ELFFile(stream).iter_sections() if s.name.startswith(".text")}


def text_bytes(program: Path) -> int:
    return sum(text_sections(program).values())


def modules_of(core: str) -> list[str]:
    """Runtime modules that networks for a core may use."""
    facts = load_core(core)
    names = sorted(path.stem.removeprefix("tinyseg_") for path in RUNTIME.glob("*/tinyseg_*.c"))
    return [
        name
        for name in names
        if (not any(part in name for part in ("_mve", "_vectors")) or facts.mve)
        and ("_v6m" not in name or facts.version == 6)
        and ("_v7m" not in name or facts.version > 6)
        and (not any(part in name for part in ("_dsp", "_pairs", "winograd")) or facts.dsp)
    ]


def objects_of(module: str, core: str, folder: Path) -> list[Path]:
    """A module's object files, by the rules that it may be compiled for."""
    source = runtime_path(f"tinyseg_{module}.c")
    return [compiled(source, core, folder, rule) for rule in RULES if rule == "tflite" or "_tflite" not in module]


def check(program: Path, core: str) -> int:
    """The kernel's largest inner loop in bytes."""
    loops = innermost_loops(program)
    for loop in loops:
        assert loop.bytes < LARGEST_LOOP, f"{program.stem} on {core}: the loop at {loop.start:#x} in {loop.function}"
    return max((loop.bytes for loop in loops), default=0)


@pytest.mark.parametrize("core", HOT)
def test_inner_loops_of_the_hottest_kernels_are_under_1_kib(core: str, tmp_path: Path) -> None:
    programs = [compiled(runtime_path(f"tinyseg_{module}.c"), core, tmp_path) for module in HOT[core]]
    assert all(check(program, core) > 0 for program in programs)


@pytest.mark.slow
@pytest.mark.parametrize("core", CORES)
def test_inner_loops_of_all_kernels_are_under_1_kib_and_their_code_is_as_reckoned(core: str, tmp_path: Path) -> None:
    objects = {module: objects_of(module, core, tmp_path) for module in modules_of(core)}
    assert len(objects) > 30
    assert max(check(program, core) for programs in objects.values() for program in programs) > 300
    facts = generator_core(load_core(core))
    sizes = {module: max(map(text_bytes, programs)) for module, programs in objects.items()}
    larger = {module: size for module, size in sizes.items() if size > code_bytes(f"tinyseg_{module}", facts)}
    assert not larger, "measure them anew for codegen/library/code_bytes.py"


@pytest.mark.parametrize(
    ("core", "seeds"),
    [
        ("cortex-m4", (9,)),
        ("cortex-m4+nofp", (9,)),
        *(pytest.param(core, range(20, 24), marks=pytest.mark.slow) for core in CORES),
    ],
)
def test_functions_that_operators_have_to_themselves_compile_to_what_is_reckoned(
    core: str, seeds: Sequence[int], tmp_path: Path
) -> None:
    facts = generator_core(load_core(core))
    functions: dict[str, tuple[tuple[str, ...], int]] = {}
    sources, modules = [], set()
    for seed in seeds:
        network, _ = network_of(["conv2d", "dense", "conv2d_transpose", "depthwise"], 4, seed)
        for node in network.nodes:
            view = NodeView.of(node, network, facts)
            for number, variant in enumerate(emitter_for(node.operator.kind)):
                if variant.supports(view) and variant.code(view):
                    reads, symbol = tuple("line" for _ in node.inputs), f"{node.name}_{seed}_{number}"
                    out = FunctionWriter(view, symbol, reads, ("out",), "state", "scratch", ConstantPool(Names()))
                    variant.emit(view, out)
                    names = tuple(name for source in out.sources for name in function_names(source))
                    functions[f"{symbol} {variant.name}"] = names, program_bytes(variant.code(view), facts)
                    sources += out.sources
                    modules |= out.modules
    files = long_tail_files("net", sources, sorted({header_of(module) for module in modules}))
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text.replace("../runtime/", ""))
    if facts.has_dsp and not facts.has_mve:
        assert len(functions) > 10
    if not functions:
        return
    sections = text_sections(compiled(tmp_path / "net_tvm.c", core, tmp_path))
    for name, (names, reckoned) in functions.items():
        own = [section for section in sections for part in names if f"{section}.".startswith(f".text.{part}.")]
        assert own, name
        assert sum(sections.pop(section) for section in own) <= reckoned, name
    assert not [section for section in sections if "_tvm" in section]


def test_a_loop_of_more_than_1_kib_is_found(tmp_path: Path) -> None:
    source = tmp_path / "large.c"
    loop = 'void {0}(int n);\nvoid {0}(int n)\n{{\n    do {{\n        __asm__ volatile(".rept {1}\\n nop\\n .endr");\n'
    loop += "    } while (--n);\n}\n".replace("}", "}}")
    source.write_text(loop.format("small", 500) + loop.format("large", 520))
    for core in ("cortex-m4", "cortex-m55"):
        found = {loop.function: loop.bytes for loop in innermost_loops(compiled(source, core, tmp_path))}
        assert 1000 < found["small"] < LARGEST_LOOP < found["large"] < 1060
