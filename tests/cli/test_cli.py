"""Every verb through ``main``: exit codes, output, JSON, and errors of one line."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.small_models import image, one_convolution, save, segmenter, with_float_ports, with_hostile_names
from tinyseg_tvm.boards import board_names
from tinyseg_tvm.cli.arguments import build_options, compile_command
from tinyseg_tvm.cli.main import VERBS, main, parser
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, build
from tinyseg_tvm.report.page import page
from tinyseg_tvm.report.page_document import read_document

FAST = ("--layerwise", "--stream-axis", "rows")  # the planner's search is tested elsewhere
PROMISED = {"board", "ram", "macs", "recomputed_macs", "storage"}
MEASURED = PROMISED | {"elf", "mismatches", "flash", "instructions"}
RAM = {"total", "arena", "io", "static", "stack", "slow"}
FLASH = {"total", "code", "weights"}
LISTS = ("order", "ends", "facts", "remarks", "rivals", "pools", "operators", "tensors", "owners", "stored", "choices")
STORAGE = {"written", "read", "written_physical", "erases"}


def found_tool(name: str) -> str:
    """Where a program of this computer is."""
    path = shutil.which(name, path="/usr/bin:/bin")
    assert path is not None
    return path


class Cli:
    """Runs ``main`` and keeps what it printed."""

    def __init__(self, capfd) -> None:
        self.capfd = capfd

    def __call__(self, *words: object) -> tuple[int, str, str]:
        self.capfd.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        out, err = self.capfd.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    def ok(self, *words: object) -> str:
        code, out, err = self(*words)
        assert code == 0, err
        return out

    def json(self, *words: object) -> Any:
        return json.loads(self.ok(*words, "--json"))

    def fails(self, code: int, *words: object) -> str:
        """The error, which is one line; nothing is on stdout."""
        got, out, err = self(*words)
        assert got == code, err
        assert out == ""
        lines = [line for line in err.splitlines() if line.startswith("tinyseg: error: ")]
        assert len(lines) == 1, err
        return lines[0]


@pytest.fixture
def cli(capfd) -> Cli:
    return Cli(capfd)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(segmenter(), tmp_path_factory.mktemp("model") / "small unet.onnx")


@pytest.fixture(scope="module")
def project(model, tmp_path_factory) -> Path:
    """A host project that has been built; copy it to change it."""
    folder: Path = tmp_path_factory.mktemp("project") / "out"
    assert main(["compile", str(model), "-o", str(folder), "--board", "host", *FAST]) == 0
    assert main(["run", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(cli: Cli, verb: str) -> None:
    text = cli.ok(verb, "--help")
    assert "examples:" in text
    assert f"tinyseg {verb}" in text.partition("examples:")[2]


def test_the_help_names_every_verb(cli: Cli) -> None:
    text = cli.ok("--help")
    assert all(re.search(rf"^\s+{verb}\s", text, re.MULTILINE) for verb in VERBS)
    assert cli.ok("--version").startswith("tinyseg ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("compile",),
        ("compile", "model.onnx"),
        ("compile", "model.onnx", "-o", "out", "--warp"),
        ("run", "out", "--timeout", "soon"),
        ("analyze", "MODEL", "--io", "usb"),
        ("analyze", "MODEL", "--stream-axis", "diagonal"),
        ("analyze", "MODEL", "--ram", "plenty"),
        ("analyze", "MODEL", "--ram", "9" * 400),
        ("analyze", "MODEL", "--effort", "0"),
        ("analyze", "MODEL", "--max-recompute", "inf"),
        ("analyze", "MODEL", "--shape", "1x3x4"),
        ("analyze", "MODEL", "--shape", "h="),
        ("analyze", "MODEL", "--shape", "h=²"),
        ("analyze", "MODEL", "--shape", "h=" + "9" * 5000),
        ("analyze", "MODEL", "--target", "llvm"),
        ("analyze", "MODEL", "--mcpu", "z80"),
        ("analyze", "MODEL", "--batch", "none"),
    ],
    ids=" ".join,
)
def test_wrong_usage_gives_2(cli: Cli, model: Path, words: tuple[str, ...]) -> None:
    code, out, err = cli(*(str(model) if word == "MODEL" else word for word in words))
    assert code == 2
    assert out == ""
    assert "error: " in err


def test_boards_and_ops_list_themselves(cli: Cli) -> None:
    assert set(cli.json("boards")) == set(board_names())
    assert all(name in cli.ok("boards") for name in board_names())
    names = {entry["name"] for entry in json.loads(cli.ok("ops", "--json"))}
    assert {"Conv", "ConvTranspose", "Resize", "QLinearConv"} <= names
    assert "ConvTranspose" in cli.ok("ops")


def test_analyze_promises_under_the_names_that_run_measures(cli: Cli, model: Path) -> None:
    figures = cli.json("analyze", model, "--brief", "--board", "mps2_an386", *FAST)
    assert figures.keys() >= PROMISED
    assert figures["ram"].keys() >= RAM
    assert figures["storage"].keys() >= STORAGE
    assert figures["ram"]["total"] == sum(figures["ram"][key] for key in RAM - {"total"})


def test_named_dimensions_and_shapes_are_given_alike(cli: Cli, tmp_path: Path) -> None:
    model = segmenter(8, 6, 2)
    for axis, symbol in ((2, "h"), (3, "w")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = symbol
    del model.graph.value_info[:]
    path = save(model, tmp_path / "open.onnx")
    words = ("analyze", path, "--brief", *FAST)
    assert "--shape h=96" in cli.fails(1, *words)
    shape = f"{model.graph.input[0].name}=1x3x8x6"
    assert cli.json(*words, "--shape", "h=8", "--shape", "w=6") == cli.json(*words, "--shape", shape)


def test_what_is_unexpectedly_dear_is_printed_and_among_the_figures(cli: Cli, tmp_path: Path) -> None:
    model = save(with_float_ports(segmenter(24, 32, 2)), tmp_path / "net.onnx")
    plan = (model, "--stream-axis", "columns")
    remarks = cli.json("analyze", *plan, "--brief")["remarks"]
    assert [remark.split(":")[0] for remark in remarks] == [
        "image, logits lie in the arena column by column",
        "image, logits carry float32",
    ]
    for printed in (cli.ok("analyze", *plan, "--brief"), cli.ok("compile", *plan, "-o", tmp_path / "out")):
        assert all(remark in printed for remark in remarks)
    assert "by columns, resident I/O, quantized ports" in cli.ok("analyze", *plan)


def test_analyze_explains_itself(cli: Cli, tmp_path: Path) -> None:
    tiny = save(segmenter(8, 6, 2), tmp_path / "tiny.onnx")
    text = cli.ok("analyze", tiny, "--board", "mps2_an386", *FAST).lower()
    for part in (
        "arena",
        "alive there",
        "kept waiting",
        "bytes of flash",
        "extra macs",
        "does not fit",
        "written",
        "by rows, i/o by line",
    ):
        assert part in text


def test_compile_build_run_verify_and_report(cli: Cli, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    board = ("--board", "mps2_an386")
    assert str(out) in cli.ok("compile", model, "-o", out, *board, *FAST)
    elf = Path(cli.ok("build", out).strip())
    assert elf.is_file()
    figures = cli.json("run", out)
    assert figures.keys() >= MEASURED
    assert figures["ram"].keys() >= RAM
    assert figures["flash"].keys() >= FLASH
    assert figures["storage"].keys() >= STORAGE
    assert Path(figures["elf"]) == elf
    assert figures["mismatches"] == 0
    assert figures["instructions"] > figures["macs"] > 0
    promised = cli.json("analyze", model, "--brief", *board, *FAST)
    assert figures["macs"] == promised["macs"]
    assert figures["ram"]["total"] <= promised["ram"]["total"]
    assert "instructions" in cli.ok("run", out)
    verified = cli.json("verify", out)
    assert verified["differing"] == 0
    assert {"down_conv", "head"} <= {row["name"] for row in verified["operators"]}
    tiny = save(segmenter(8, 6, 2), tmp_path / "tiny net.onnx")
    more = ("--against", out, "--trace", tmp_path / "trace.json")
    written = cli.ok("report", tiny, "-o", tmp_path / "reports", *board, *FAST, *more).split("\n")
    assert all(Path(path).is_file() for path in written if path)
    pictures = {"memory_map.svg", "memory_map.png", "pareto.svg", "pareto.png", "report.html", "trace.json"}
    assert pictures <= {Path(path).name for path in written}
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    shown = read_document(tmp_path / "reports")
    assert shown["against"]["title"] == f"small_unet on mps2_an386 ({out})"
    commands = {choice["command"]: choice["ram"] for choice in shown["choices"]}
    for command in commands:
        program, *words = shlex.split(command)
        options = build_options(parser("compile").parse_args(words))
        assert (program, words[1], options.board) == ("tinyseg", str(tiny), "mps2_an386")


def test_the_report_of_a_finished_project_needs_no_model(cli: Cli, tmp_path: Path) -> None:
    tiny = save(segmenter(8, 6, 2), tmp_path / "tiny.onnx")
    one, other, both = (tmp_path / name for name in ("one", "other", "both"))
    cli.ok("compile", tiny, "-o", one, *FAST)
    cli.ok("compile", tiny, "-o", other, *FAST, "--io", "line")
    tiny.unlink()
    printed = cli.ok("report", one)
    assert str(one / "reports" / "report.html") in printed
    assert re.search(r"bytes alive at most +[1-9]", printed)
    before = (one / "reports" / "report.html").read_bytes()
    written = cli.ok("report", one, "-o", both, "--against", other).split()
    assert {Path(path).name for path in written} >= {"report.html", "memory_map.svg", "operators.csv"}
    shown, alone = read_document(both), read_document(one)
    assert shown["against"]["title"].endswith(f"({other})")
    assert shown["against"]["operators"] != alone["operators"] or shown["against"]["pools"] != alone["pools"]
    assert (both / "operators.csv").read_bytes() == (one / "reports" / "operators.csv").read_bytes()
    assert cli.ok("report", both).startswith(alone["title"])
    assert (one / "reports" / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("empty",), "no report.html there"),
        (("made", "--ram", "64K"), "compiled already"),
        (("made", "--trace", "trace.json"), "compiled already"),
        (("made", "--against", "made"), "-o DIR"),
        (("made", "-o", "made/reports"), "name another folder"),
        (("net.onnx",), "-o DIR"),
    ],
)
def test_what_no_report_can_be_made_of(
    cli: Cli, tmp_path: Path, monkeypatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    document = {"format": 1, "title": "t", "steps": 0, "exact": True, **{name: [] for name in LISTS}}
    (tmp_path / "made" / "reports").mkdir(parents=True)
    (tmp_path / "made" / "reports" / "report.html").write_text(page(document))
    code, _, err = cli("report", *words)
    assert (code, said in err) == (2, True), err


def test_a_command_keeps_what_no_alternative_states(cli: Cli) -> None:
    words = [
        "a b.onnx",
        "--shape",
        "h=8",
        "--state",
        "y=x",
        "--batch",
        "2",
        "--target",
        "c -tinyseg -mcpu=cortex-m4 -ram=64K",
    ]
    words += ["--io-type", "quantized", "--keep-dead", "--effort", "3", "--layerwise", "--io", "line", "--name", "net"]
    command = compile_command(parser("compile").parse_args(["compile", *words, "-o", "there"]))
    assert command == (
        "tinyseg compile 'a b.onnx' --shape h=8 --state y=x --batch 2 --name net --mcpu cortex-m4 --io-type quantized "
        "--effort 3 --keep-dead -o out"
    )


def test_the_pareto_objective_shows_what_memory_costs(cli: Cli, tmp_path: Path) -> None:
    tiny = save(segmenter(8, 6, 2), tmp_path / "tiny.onnx")
    figures = cli.json("compile", tiny, "-o", tmp_path / "out", "--objective", "pareto", "--stream-axis", "rows")
    labels = {choice["label"] for choice in figures["alternatives"]}
    assert {"layer by layer", "by rows, I/O by line"} <= labels
    assert figures["ram"]["total"] == min(c["ram"] for c in figures["alternatives"] if "resident" in c["label"])
    assert (tmp_path / "out" / "reports" / "pareto.svg").is_file()


def test_compile_prints_one_json_object(cli: Cli, model: Path, tmp_path: Path) -> None:
    figures = cli.json("compile", model, "-o", tmp_path / "out", *FAST)
    assert figures.keys() >= PROMISED
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert metadata["promised"]["ram"] == figures["ram"]


def test_run_takes_and_gives_arrays_in_the_models_layout(cli: Cli, project: Path, tmp_path: Path) -> None:
    model = segmenter()
    x = image(model, seed=3)
    np.save(tmp_path / "x.npy", x)
    figures = cli.json("run", project, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert figures["mismatches"] == 0
    mod, params = from_onnx(model)
    network = build(mod, BuildOptions(layerwise=True, stream_axis="rows"), params).network
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), reference.run(network, [x])[0])


def test_wrong_arrays_are_refused(cli: Cli, project: Path, tmp_path: Path) -> None:
    x = image(segmenter())
    np.save(tmp_path / "shape.npy", x[:, :, :4])
    np.save(tmp_path / "dtype.npy", x.astype(np.float32))
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "several.npz", x, x)
    for name in ("shape.npy", "dtype.npy", "pickle.npy", "text.npy", "empty.npy", "several.npz", "missing.npy"):
        cli.fails(2, "run", project, "--input", tmp_path / name)
    np.save(tmp_path / "x.npy", x)
    two = ("--input", tmp_path / "x.npy", "--input", tmp_path / "x.npy")
    assert "1 inputs, 2 files" in cli.fails(2, "run", project, *two)
    assert "1 outputs, 2" in cli.fails(2, "run", project, "--output", "a.npy", "--output", "b.npy")
    cli.fails(1, "run", project, "--output", tmp_path / "no" / "such" / "folder.npy")


@pytest.mark.parametrize("verb", ["run", "verify", "build", "flash"])
def test_a_folder_that_is_no_project_is_refused(cli: Cli, verb: str, tmp_path: Path) -> None:
    assert str(tmp_path) in cli.fails(1, verb, tmp_path)
    cli.fails(1, verb, tmp_path / "missing")
    (tmp_path / "port").mkdir()
    (tmp_path / "port" / "project.json").write_text("[]")
    (tmp_path / "metadata.json").write_text("{")
    cli.fails(1, verb, tmp_path)


def test_broken_models_give_1_and_leave_nothing(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(model.read_bytes()[:500])
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty.onnx").write_bytes(b"")
    for name in ("cut.onnx", "text.onnx", "empty.onnx", "missing.onnx", "."):
        assert "tinyseg: error: " in cli.fails(1, "compile", tmp_path / name, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_budget_too_small_gives_3_with_blocker_and_the_smallest_that_works(cli: Cli, model: Path, tmp_path) -> None:
    words = ("compile", model, "-o", tmp_path / "out", "--board", "mps2_an386", "--stream-axis", "rows", "--io", "line")
    error = cli.fails(3, *words, "--ram", "2K")
    assert not (tmp_path / "out").exists()
    assert re.search(r"down_conv|up_concat|up_conv|bottom", error)
    found = re.search(r"smallest budget that works with these options: --ram (\d+)", error)
    assert found is not None
    budget = int(found[1])
    cli.fails(3, *words, "--ram", budget - 16)
    cli.ok(*words, "--ram", budget)
    figures = cli.json("run", tmp_path / "out")
    assert figures["mismatches"] == 0
    assert figures["ram"]["total"] <= budget


def test_hostile_names_stay_inert(cli: Cli, tmp_path: Path, monkeypatch) -> None:
    path = save(with_hostile_names(segmenter()), tmp_path / "evil$(touch owned)';.onnx")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.parent.iterdir())
    cli.ok("compile", path, "-o", tmp_path / "out", *FAST)
    assert cli.json("run", tmp_path / "out")["mismatches"] == 0
    assert cli.json("verify", tmp_path / "out")["differing"] == 0
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, "out"}
    assert sorted(tmp_path.parent.iterdir()) == before


def test_foreign_folders_are_not_touched_and_own_ones_replaced(cli: Cli, model: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.txt").write_text("years of work")
    assert "thesis" in cli.fails(1, "compile", model, "-o", foreign, *FAST)
    assert [entry.name for entry in foreign.iterdir()] == ["chapter1.txt"]
    (tmp_path / "file").write_text("")
    cli.fails(1, "compile", model, "-o", tmp_path / "file", *FAST)
    cli.fails(1, "compile", model, "-o", tmp_path / "file" / "below", *FAST)
    cli.ok("compile", model, "-o", tmp_path / "out", *FAST)
    (tmp_path / "out" / "stale.c").write_text("")
    cli.ok("compile", model, "-o", tmp_path / "out", *FAST)
    assert not (tmp_path / "out" / "stale.c").exists()


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "replaced"])
def test_a_full_disk_leaves_no_half_project(cli: Cli, model: Path, earlier: bool, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "out"
    if earlier:
        cli.ok("compile", model, "-o", out, *FAST)
    content = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write, left = Path.write_bytes, [5]

    def full(self: Path, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device", str(self))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    error = cli.fails(1, "compile", model, "-o", out, *FAST)
    monkeypatch.undo()
    assert "disk is full" in error
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == content
    assert [entry.name for entry in tmp_path.iterdir()] == (["out"] if earlier else [])


def test_missing_tools_are_named(cli: Cli, model: Path, project: Path, tmp_path: Path, monkeypatch) -> None:
    firmware = tmp_path / "firmware"
    cli.ok("compile", model, "-o", firmware, "--board", "mps2_an386", *FAST)
    cli.ok("build", firmware)
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    for verb in ("build", "run", "verify"):
        assert "'make' is not installed" in cli.fails(1, verb, project)
    for tool in ("make", "sh", "mkdir"):
        (tools / tool).symlink_to(found_tool(tool))
    assert "qemu-system-arm" in cli.fails(1, "run", firmware)
    shutil.rmtree(firmware / "build")
    for tool in ("rm", "cat", "touch"):
        (tools / tool).symlink_to(found_tool(tool))
    assert "arm-none-eabi-gcc" in cli.fails(1, "build", firmware)


@pytest.mark.parametrize("form", ["binary", "source"])
def test_verify_and_run_notice_a_corrupted_weight(cli: Cli, project: Path, form: str, tmp_path: Path) -> None:
    """One byte of the weights is changed, in the file that the build takes them from."""
    broken = tmp_path / "broken"
    shutil.copytree(project, broken)
    binary, source = next((broken / "weights").glob("*.bin")), next((broken / "src").glob("*_weights.c"))
    if form == "binary":
        image = bytearray(binary.read_bytes())
        image[0] ^= 0x40
        binary.write_bytes(image)
    else:
        for path in (broken / "weights").iterdir():
            path.unlink()
        source.write_text(re.sub(r"\{\s*-?\d+,", lambda found: "{ 77,", source.read_text(), count=1))
    code, out, err = cli("verify", broken, "--json")
    assert code == 1, err
    rows = json.loads(out)
    assert rows["differing"] > 0
    assert next(row for row in rows["operators"] if row["differing"])["largest"] > 0
    assert cli("verify", broken)[0] == 1
    code, out, _ = cli("run", broken, "--json")
    assert code == 1
    assert json.loads(out)["mismatches"] > 0


def test_flashing_what_is_no_board_is_refused(cli: Cli, project: Path) -> None:
    assert "host" in cli.fails(1, "flash", project)


def test_a_failing_firmware_is_an_error(cli: Cli, project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(project, broken)
    (broken / "tests" / "input0_0.bin").unlink()
    cli.fails(1, "run", broken)
    for path in (broken / "tests").glob("*.bin"):
        path.write_bytes(b"short")
    cli.fails(1, "run", broken)
    (broken / "tests" / "network.npz").write_bytes(b"damaged")
    assert "compile the model again" in cli.fails(1, "run", broken)


def test_an_unexpected_error_is_one_line_and_asks_for_a_report(cli: Cli, model: Path, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr("tinyseg_tvm.cli.compilation.build", fail)
    assert "internal error: ZeroDivisionError: a b" in cli.fails(1, "analyze", model)
    monkeypatch.setitem(sys.modules, "tvm", None)  # as where there is no wheel of it
    monkeypatch.setattr("tinyseg_tvm.cli.compilation.build", lambda *_, **__: importlib.import_module("tvm"))
    assert "Apache TVM is not installed: pip install" in cli.fails(1, "analyze", model)
    monkeypatch.undo()
    monkeypatch.setattr("tinyseg_tvm.cli.compilation.build", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert "interrupted" in cli.fails(130, "analyze", model)


def test_what_this_version_cannot_do_is_refused_not_ignored(cli: Cli, model: Path) -> None:
    assert "tape" in cli.fails(2, "analyze", model, "--storage", "tape")


def test_tuning_writes_records_that_compile_takes(cli: Cli, tmp_path: Path) -> None:
    model = save(one_convolution(), tmp_path / "one.onnx")
    records = tmp_path / "tuned.json"
    words = (model, "--board", "mps2_an386", "--stream-axis", "rows")
    text = cli.ok("tune", *words, "--trials", 1, "-o", records)
    assert re.search(r"1 kernels? measured", text)
    assert re.search(r"ms before, .* ms after", text)
    assert "1 kernel measured, 1 of them before" in cli.ok("tune", *words, "--trials", 1, "-o", records)
    project = tmp_path / "project"
    cli.ok("compile", *words, "--tuning", records, "-o", project)
    assert cli.json("run", project)["mismatches"] == 0
    error = cli.fails(2, "compile", model, "--board", "mps2_an385", "--tuning", records, "-o", project)
    assert "measured on 'cortex-m4'" in error
    assert "No such file" in cli.fails(1, "compile", *words, "--tuning", tmp_path / "none.json", "-o", project)
    assert "there is no folder" in cli.fails(2, "tune", *words, "-o", tmp_path / "missing" / "tuned.json")
    assert "neither an emulator" in cli.fails(2, "tune", model, "-o", records)
