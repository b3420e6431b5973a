"""Kernels and weights in fast memory: what is chosen, that it is copied before main and used there, and counted."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm import codegen, relay
from tinyseg_tvm.boards import Board, load_board, parse_board
from tinyseg_tvm.codegen.library.code_bytes import code_bytes, program_bytes
from tinyseg_tvm.codegen.library.fast_memory import FastContents, HotConstant, HotKernel, fill_fast_memories
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.faults import DeviceFaultError

CORE = codegen.Core("cortex-m4", has_dsp=True)
KERNELS = [HotKernel("tinyseg_copy", 10), HotKernel("tinyseg_conv2d_dsp", 1000), HotKernel("tinyseg_lookup", 500)]
CONSTANTS = [
    HotConstant("bias", 16, 3.0),
    HotConstant("large", 800, 90.0),
    HotConstant("table", 256, 40.0),
    HotConstant("once", 64, 1.0),
    HotConstant("same", 64, 40.0),
]
CODE_ONLY, WEIGHTS_ONLY = 15 << 10, 1 << 10  # of the block RAM of the board "blocks"
SMALL = CODE_ONLY + WEIGHTS_ONLY


# ---- The choice ----------------------------------------------------------------------------------


def weights_in(size: int) -> FastContents:
    return fill_fast_memories([codegen.FastSpace("M", size, code=False, weights=True)], KERNELS, CONSTANTS, CORE)[0]


def test_constants_go_by_reads_per_byte_and_what_does_not_fit_is_passed_over() -> None:
    assert weights_in(4096).weights == ("large", "same", "table", "bias", "once")
    assert weights_in(1120).weights == ("large", "same", "table")
    assert weights_in(1000).weights == ("large", "same", "bias", "once")
    assert weights_in(400).weights == ("same", "table", "bias", "once")
    assert weights_in(15).weights == ()


def test_the_limit_is_kept_whatever_it_is() -> None:
    sizes = {constant.symbol: constant.bytes for constant in CONSTANTS}
    for size in range(0, 1400, 7):
        chosen = weights_in(size)
        assert sum(sizes[symbol] for symbol in chosen.weights) <= chosen.weights_bytes <= size
        assert chosen.modules == ()


def test_the_choice_does_not_depend_on_the_order_of_what_is_there() -> None:
    space = [codegen.FastSpace("M", 7000, code=True, weights=True)]
    expected = fill_fast_memories(space, KERNELS, CONSTANTS, CORE)
    random = np.random.default_rng(0)
    for _ in range(10):
        kernels = [KERNELS[i] for i in random.permutation(len(KERNELS))]
        constants = [CONSTANTS[i] for i in random.permutation(len(CONSTANTS))]
        assert fill_fast_memories(space, kernels, constants, CORE) == expected


def test_code_comes_first_and_by_cycles() -> None:
    conv, lookup, copy = (code_bytes(f"tinyseg_{name}", CORE) for name in ("conv2d_dsp", "lookup", "copy"))
    for size, modules in (
        (conv + lookup + copy, ("conv2d_dsp", "lookup", "copy")),
        (conv + lookup + copy - 16, ("conv2d_dsp", "lookup")),
        (conv - 16, ("lookup", "copy")),
    ):
        (contents,) = fill_fast_memories([codegen.FastSpace("M", size, True, True)], KERNELS, CONSTANTS, CORE)
        assert contents.modules == tuple(f"tinyseg_{module}" for module in modules)
        assert contents.bytes <= size
    (both,) = fill_fast_memories([codegen.FastSpace("M", 1 << 16, True, True)], KERNELS, CONSTANTS, CORE)
    assert both.weights == ("large", "same", "table", "bias", "once")


def test_functions_of_an_operator_go_by_cycles_among_the_kernels() -> None:
    own = HotKernel("net_conv", 700, ("net_conv_tvm_2x4", "net_conv_tvm"), 500)
    conv, lookup = (code_bytes(f"tinyseg_{name}", CORE) for name in ("conv2d_dsp", "lookup"))
    size = conv + program_bytes(500, CORE)
    (both,) = fill_fast_memories([codegen.FastSpace("M", size + lookup, True, False)], [*KERNELS, own], [], CORE)
    assert both.modules == ("tinyseg_conv2d_dsp", "tinyseg_lookup")
    assert both.functions == own.functions
    assert both.code_bytes == size + lookup
    (hot,) = fill_fast_memories([codegen.FastSpace("M", size, True, False)], [*KERNELS, own], [], CORE)
    assert (hot.modules, hot.functions) == (("tinyseg_conv2d_dsp",), own.functions)
    (rest,) = fill_fast_memories([codegen.FastSpace("M", size - 16, True, False)], [*KERNELS, own], [], CORE)
    assert rest.functions == ()
    assert rest.modules == ("tinyseg_conv2d_dsp", "tinyseg_lookup", "tinyseg_copy")


def test_memories_are_filled_in_their_order_and_nothing_twice() -> None:
    spaces = [codegen.FastSpace("A", 900, False, True), codegen.FastSpace("B", 1 << 16, True, True)]
    first, second = fill_fast_memories(spaces, KERNELS, CONSTANTS, CORE)
    assert (first.modules, first.weights) == ((), ("large", "same", "bias"))
    assert len(second.modules) == 3
    assert second.weights == ("table", "once")


# ---- The board says so ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("holds = []", "holds must name what 'BLOCKRAM' is for"),
        ('holds = ["code", "code"]', "holds must name"),
        ('holds = ["stack"]', "holds is 'stack', must be one of code, weights"),
        ('holds = ["code"]\ndefault_bytes = "17K"', "default_bytes must be between 0 and the length"),
    ],
)
def test_wrong_descriptions_are_refused(change: str, message: str) -> None:
    text = load_board("mps2_an386").toml
    wrong = text.replace('holds = ["code", "weights"]', change)
    assert wrong != text
    with pytest.raises(TinySegError, match=message):
        parse_board("board", wrong, "board.toml")


def test_only_fast_memories_hold_copies_and_none_lies_in_the_stack_guard() -> None:
    text = load_board("mps2_an386").toml
    with pytest.raises(TinySegError, match="are for memories of kind 'fast'"):
        parse_board("board", text.replace('kind = "slow"', 'kind = "slow"\nholds = ["code"]'), "board.toml")
    with pytest.raises(TinySegError, match="must end 65536 bytes below RAM"):
        parse_board("board", text.replace("0x0100_0000", "0x1FFF_8000"), "board.toml")


@pytest.fixture(scope="module")
def module():
    return relay.frontend.from_onnx(segmenter())


def test_more_than_the_board_has_is_refused(module) -> None:
    with pytest.raises(UsageError, match=r"-fast=16385: the board 'mps2_an386' has 16384 bytes of fast memory"):
        relay.build(module[0], "c -tinyseg -board=mps2_an386 -fast=16385", module[1])
    with pytest.raises(UsageError, match="declares no fast memory"):
        relay.build(module[0], "c -tinyseg -board=microbit -fast=1", module[1])
    with pytest.raises(UsageError, match="must be 0 bytes or more"):
        relay.BuildOptions(fast=-1)


def test_a_board_may_use_its_fast_memory_by_itself_and_0_switches_it_off(module, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(load_board("mps2_an386").toml.replace('"weights"]', '"weights"]\ndefault_bytes = "2K"'))
    target = f"c -tinyseg -board={path} -layerwise"
    by_itself = relay.build(module[0], target, module[1])
    asked = relay.build(module[0], "c -tinyseg -board=mps2_an386 -layerwise -fast=2K", module[1])
    off = relay.build(module[0], f"{target} -fast=0", module[1])
    never = relay.build(module[0], "c -tinyseg -board=mps2_an386 -layerwise", module[1])
    assert by_itself.fast_contents == asked.fast_contents != ()
    assert 0 < by_itself.figures["fast"]["total"] <= 2048
    assert by_itself.memory.total - off.memory.total == by_itself.figures["fast"]["total"]
    assert off.fast_contents == never.fast_contents == ()
    assert off.memory == never.memory
    code = {path: data for path, data in off.files.items() if path != "metadata.json"}
    assert code == {path: data for path, data in never.files.items() if path != "metadata.json"}
    assert "fast" not in json.loads(never.files["metadata.json"])


def test_a_stated_limit_covers_fast_memory(module) -> None:
    free = relay.build(module[0], "c -tinyseg -board=mps2_an386 -objective=ram -layerwise", module[1])
    limit = free.memory.total + 2048
    fits = relay.build(
        module[0], f"c -tinyseg -board=mps2_an386 -objective=ram -layerwise -ram={limit} -fast=2K", module[1]
    )
    assert free.memory.total < fits.memory.total <= limit
    with pytest.raises(DoesNotFitError, match="--fast 0"):
        relay.build(
            module[0], f"c -tinyseg -board=mps2_an386 -objective=ram -layerwise -ram={limit - 16} -fast=2064", module[1]
        )


# ---- On the board --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(module, tmp_path_factory):
    """Factories and projects by board and bytes of fast memory."""
    known: dict[tuple[str, int], tuple[relay.Factory, Project]] = {}
    blocks = tmp_path_factory.mktemp("boards") / "blocks.toml"
    text = load_board("mps2_an386").toml.replace('"16K"\nholds = ["code", "weights"]', f'{CODE_ONLY}\nholds = ["code"]')
    text += f'[[memories]]\nname = "BLOCKEND"\nkind = "fast"\norigin = {0x0100_0000 + CODE_ONLY}\n'
    blocks.write_text(text + f'length = {WEIGHTS_ONLY}\nholds = ["weights"]\n')

    def make(board: str, fast: int) -> tuple[relay.Factory, Project]:
        if (board, fast) not in known:
            target = f"c -tinyseg -board={blocks if board == 'blocks' else board} -layerwise -fast={fast}"
            factory = relay.build(module[0], target, module[1], name="net")
            folder = tmp_path_factory.mktemp(board) / "project"
            known[board, fast] = factory, generate_project(factory.board, factory, folder)
        return known[board, fast]

    return make


def within(image: Image, name: str, board: Board, content: str) -> bool:
    address = image.address(name)
    return any(m.origin <= address < m.end for m in board.fast_memories if content in m.holds)


def loaded_into(elf: Path, board: Board) -> int:
    """Bytes that the program's file would write to fast memory by itself, without the startup code."""
    with elf.open("rb") as stream:
        segments = [s for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_filesz"]]
    places = [(s["p_paddr"], s["p_filesz"]) for s in segments]
    return sum(size for place, size in places for m in board.fast_memories if m.origin <= place < m.end)


@pytest.mark.parametrize(("board", "fast"), [("blocks", SMALL), ("mps3_an547", 1000)])
def test_kernels_and_weights_are_used_where_the_startup_code_copied_them(made, board: str, fast: int) -> None:
    factory, project = made(board, fast)
    _, plain = made(board, 0)
    modules = {module for content in factory.fast_contents for module in content.modules}
    weights = {symbol for content in factory.fast_contents for symbol in content.weights}
    result, without = project.run(count="none"), plain.run(count="none")
    assert result.mismatches == without.mismatches == 0
    image = project.machine.read_image(Path(result.elf))
    constants = set(re.findall(r"\.globl (\w+)", factory.files["weights/net.S"].decode()))
    linked = {symbol for symbol in constants if image.symbol(symbol)}
    assert {symbol for symbol in linked if within(image, symbol, factory.board, "weights")} == linked & weights
    assert linked & weights
    assert linked - weights  # some stay in flash, or the limit meant nothing
    kernels = [s for s in image.symbols if s.function and re.fullmatch(r"net_tinyseg_\w+_line", s.name)]
    assert any(within(image, kernel.name, factory.board, "code") for kernel in kernels) == bool(modules)
    programs = {s.name for s in image.symbols if s.function and "_tvm" in s.name}
    functions = {function for content in factory.fast_contents for function in content.functions}
    inside = {name.partition(".")[0] for name in programs if within(image, name, factory.board, "code")}
    assert inside == {name.partition(".")[0] for name in programs} & functions  # of a clone of GCC's, too
    assert bool(programs & functions) == (board == "blocks")
    assert bool(modules) == (board == "blocks")
    assert loaded_into(Path(result.elf), factory.board) == 0
    # counted: as RAM, once, and not more than promised
    assert 0 < result.fast.weights <= factory.figures["fast"]["weights"]
    assert 0 <= result.fast.code <= factory.figures["fast"]["code"]
    assert result.fast.total <= fast
    assert result.ram.static - without.ram.static == result.fast.total
    assert result.ram.total <= factory.memory.total
    ram = result.as_dict()["ram"]
    parts = [size for part, size in ram.items() if part not in ("total", "banks")]
    assert ram["total"] == sum(parts) + sum(ram["banks"].values())
    assert abs(result.flash.weights - without.flash.weights) < 32
    assert 0 <= result.flash.code - without.flash.code < 512  # veneers, the copying, gaps


def built_copy(project: Project, folder: Path) -> Project:
    """A copy of a project with what has been built of it."""
    project.build()
    shutil.copytree(project.directory, folder)
    return Project(folder)


def with_startup(original: Project, board: str, folder: Path, copying: str) -> Project:
    """A project whose startup code does something else in place of copying a word."""
    project = built_copy(original, folder)
    startup = project.directory / "port" / board / "startup.c"
    text = startup.read_text()
    broken = text.replace("WORD(to + offset) = WORD(from + offset);", copying)
    assert broken != text
    startup.write_text(broken)
    return project


def test_a_startup_code_that_does_not_copy_gives_wrong_results(made, tmp_path: Path) -> None:
    _, project = made("mps3_an547", 1000)
    assert with_startup(project, "mps3_an547", tmp_path / "p", "(void)from, (void)to;").run(count="none").mismatches


def test_the_kernels_that_run_are_the_copies(made, tmp_path: Path) -> None:
    _, original = made("blocks", SMALL)
    undefined = "WORD(to + offset) = entry == (uintptr_t)fast_copies_start ? 0xDEFEDEFEu : WORD(from + offset);"
    project = with_startup(original, "blocks", tmp_path / "p", undefined)
    with pytest.raises(DeviceFaultError, match=r"UsageFault in \w+ \(pc 0x0100[0-3]"):
        project.run(count="none")


def test_weights_from_c_lie_where_those_from_the_binary_do(made, tmp_path: Path, monkeypatch) -> None:
    factory, project = made("blocks", SMALL)
    from_binary = project.machine.read_image(project.build())
    again = built_copy(project, tmp_path / "c")
    monkeypatch.setenv("WEIGHTS", "c")
    result = again.run(count="none")
    assert result.mismatches == 0
    assert result.fast == from_binary.fast
    image = project.machine.read_image(Path(result.elf))
    hot = [symbol for symbol in factory.fast_contents[1].weights if from_binary.symbol(symbol)]
    assert hot
    assert all(within(image, symbol, factory.board, "weights") for symbol in hot)


def test_kernels_that_are_larger_than_reckoned_with_are_an_error_that_says_what_to_do(made, tmp_path: Path) -> None:
    _, original = made("blocks", SMALL)
    project = built_copy(original, tmp_path / "p")
    script = project.directory / "port" / "blocks" / "board.ld"
    text = script.read_text()
    assert f"ORIGIN = 0x01000000, LENGTH = {CODE_ONLY}\n" in text
    script.write_text(text.replace(f"LENGTH = {CODE_ONLY}\n", "LENGTH = 64\n"))
    with pytest.raises(DoesNotFitError, match=r"the memory BLOCKRAM of blocks.*64 are there; .*--fast 0"):
        project.build()


def test_a_library_for_another_board_is_refused(made, tmp_path: Path) -> None:
    factory, _ = made("blocks", SMALL)
    with pytest.raises(TinySegError, match="fast memory 'BLOCKRAM', which the board 'mps2_an500' does not have"):
        generate_project("mps2_an500", factory, tmp_path / "p")
    generate_project("host", factory, tmp_path / "host")  # has no fast memory, and needs none


def test_the_limit_of_the_linker_is_what_fast_memory_leaves(made, tmp_path: Path) -> None:
    factory, _ = made("blocks", SMALL)
    limit = factory.memory.total + SMALL
    project = generate_project(factory.board, factory, tmp_path / "p", ram_limit=limit)
    script = (project.directory / "port" / "blocks" / "board.ld").read_text()
    assert f"RAM (rw) : ORIGIN = 0x20000000, LENGTH = {limit - SMALL}\n" in script
