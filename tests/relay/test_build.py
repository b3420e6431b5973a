"""``relay.build``: parameters, promises, budgets, and what it returns."""

from __future__ import annotations

import json
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.end_to_end.small_models import image, save, segmenter
from tinyseg_tvm import relay
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference


@pytest.fixture(scope="module")
def module():
    return relay.frontend.from_onnx(segmenter())


@pytest.fixture(scope="module")
def factory(module) -> relay.Factory:
    return relay.build(module[0], "c -tinyseg -board=mps2_an386", module[1], name="Seg menter-2!")


def test_the_names_of_the_library_are_identifiers(factory) -> None:
    assert factory.name == "seg_menter_2"
    assert "include/seg_menter_2.h" in factory.files


def test_targets_are_strings_options_or_tvm_targets(module) -> None:
    import tvm

    from tinyseg_tvm.target_tags import register_target_tags

    register_target_tags()
    targets = ["c -tinyseg -mcpu=cortex-m4", relay.BuildOptions(mcpu="cortex-m4")]
    targets.append(tvm.target.Target("c -tinyseg -mcpu=cortex-m4"))
    built = [relay.build(module[0], target, module[1]) for target in targets]
    assert built[0].files == built[1].files == built[2].files


def test_a_module_with_parameters_computes_as_one_with_constants() -> None:
    """TVM's own importer keeps weights as parameters if told so; they may be given by name or as TVM detaches them."""
    from tvm import relax
    from tvm.relax.frontend import detach_params
    from tvm.script import ir as I
    from tvm.script import relax as R

    @I.ir_module
    class Scaled:
        @R.function
        def main(x: R.Tensor((1, 4, 4, 2), "float32"), w: R.Tensor((1, 1, 1, 2), "float32")) -> R.Tensor(
            (1, 4, 4, 2), "float32"
        ):
            R.func_attr({"num_input": 1})
            with R.dataflow():
                y = R.multiply(x, w)
                R.output(y)
            return y

    weights = np.array([2.0, -3.0], np.float32).reshape(1, 1, 1, 2)
    x = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    module: Any = Scaled
    assert isinstance(module["main"], relax.Function)
    assert callable(detach_params)
    for params in ({"w": weights}, {"main": [weights]}):
        built = relay.build(Scaled, "c -tinyseg", params)
        assert [port.name for port in built.network.inputs] == ["x"]
        np.testing.assert_allclose(reference.run(built.network, [x])[0], x * weights, rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"nonsense": np.zeros(3, np.float32)}, "no parameter 'nonsense'"),
        ({"main": [np.zeros(3, np.float32)] * 5}, "5 arrays for the 1 parameters"),
        ({"main": [np.zeros(3, np.int8)]}, r"has the shape \(3,\)"),
    ],
)
def test_wrong_parameters_are_refused(module, params, message: str) -> None:
    with pytest.raises(TinySegError, match=message):
        relay.build(module[0], "c -tinyseg", params)


def test_the_promise_holds_on_the_firmware(factory, tmp_path: Path) -> None:
    measured = generate_project(factory.board, factory, tmp_path / "project").run().as_dict()
    promised = factory.figures
    assert measured["ram"]["arena"] == promised["ram"]["arena"]
    assert promised["ram"]["banks"] == measured["ram"]["banks"] == {}
    assert all(measured["ram"][key] <= value for key, value in promised["ram"].items() if key != "banks")
    assert promised["ram"]["total"] - measured["ram"]["total"] < 1024
    assert factory.macs > 0
    assert promised["recomputed_macs"] == 0
    assert measured["storage"] == promised["storage"] == dict.fromkeys(measured["storage"], 0)


def test_reports_name_the_peak(factory) -> None:
    text = factory.report()
    assert "arena" in text.lower()
    assert f"{factory.memory.total:,}" in text


def test_the_limit_holds_for_the_whole_program_and_the_smallest_that_works_is_named(module) -> None:
    least = relay.build(module[0], "c -tinyseg -board=mps2_an386 -objective=ram", module[1]).memory.total
    fits = relay.build(module[0], f"c -tinyseg -board=mps2_an386 -ram={least}", module[1])
    assert fits.memory.total <= least
    with pytest.raises(DoesNotFitError, match="does not fit") as error:
        relay.build(module[0], f"c -tinyseg -board=mps2_an386 -ram={least - 64}", module[1])
    assert any(node.name in str(error.value) for node in fits.network.nodes)
    assert "--io line" in str(error.value)


def test_line_io_and_columns_change_the_ports(module) -> None:
    built = relay.build(module[0], "c -tinyseg -io=line -stream-axis=columns", module[1])
    assert built.axis == "columns"
    assert built.network.tensors[built.network.inputs[0].tensor].type.shape == (1, 12, 16, 3)
    x = image(segmenter())
    rows = relay.build(module[0], "c -tinyseg -stream-axis=rows", module[1])
    np.testing.assert_array_equal(reference.run(built.network, [x])[0], reference.run(rows.network, [x])[0])


@pytest.fixture(scope="module")
def wide():
    """A U-Net that needs less RAM by columns."""
    return relay.frontend.from_onnx(segmenter(12, 24), name="wide")


def test_lines_are_rows_unless_columns_are_asked_for(wide) -> None:
    by_rows = relay.build(wide, "c -tinyseg -io=line -stream-axis=rows")
    by_columns = relay.build(wide, "c -tinyseg -io=line -stream-axis=columns")
    assert by_columns.memory.total < by_rows.memory.total
    chosen = relay.build(wide, "c -tinyseg -io=line")
    assert chosen.axis == "rows"
    assert chosen.memory == by_rows.memory
    assert chosen.remarks == ()
    (remark,) = by_columns.remarks
    assert remark.endswith("are columns of the image, as --stream-axis columns asks for")


def test_ports_by_columns_are_said_with_what_rows_cost(wide) -> None:
    chosen = relay.build(wide, "c -tinyseg -objective=ram")
    by_rows = relay.build(wide, "c -tinyseg -objective=ram -stream-axis=rows")
    assert chosen.axis == "columns"
    (remark,) = chosen.remarks
    assert "lie in the arena column by column: wide_write_image() and wide_read_image() take images by rows" in remark
    assert f"; --stream-axis rows takes {by_rows.memory.total / 1024:.1f} KiB or more" in remark
    assert remark in chosen.report()
    assert remark.encode() in chosen.report_files["reports/report.html"]
    assert by_rows.remarks == ()


def test_rows_that_do_not_fit_cost_what_they_would_need(wide) -> None:
    least = relay.build(wide, "c -tinyseg -board=mps2_an386 -objective=ram -stream-axis=columns").memory.total
    rows = relay.build(wide, "c -tinyseg -board=mps2_an386 -objective=ram -stream-axis=rows").memory.total
    assert rows > least
    (remark,) = relay.build(wide, f"c -tinyseg -board=mps2_an386 -ram={least}").remarks
    assert f"--stream-axis rows takes {rows / 1024:.1f} KiB or more" in remark


@pytest.mark.parametrize(("axis", "row", "pixel"), [("rows", 24 * 3, 3), ("columns", 3, 12 * 3)])
def test_the_header_says_where_pixels_are(wide, axis: str, row: int, pixel: int) -> None:
    built = relay.build(wide, f"c -tinyseg -layerwise -stream-axis={axis}")
    header = built.files["include/wide.h"].decode()
    for macro, value in {
        "HEIGHT": "12u",
        "WIDTH": "24u",
        "CHANNELS": "3u",
        "AXIS": f"WIDE_{axis.upper()}",
        "ROW_STRIDE": f"{row}u",
        "PIXEL_STRIDE": f"{pixel}u",
    }.items():
        assert f"#define WIDE_INPUT0_{macro} {value}" in header
    lines = relay.build(wide, f"c -tinyseg -layerwise -io=line -stream-axis={axis}").files
    assert f"#define WIDE_INPUT0_AXIS WIDE_{axis.upper()}" in lines["include/wide.h"].decode()
    assert "STRIDE" not in lines["include/wide.h"].decode()
    assert "src/wide_images.c" not in lines


def test_objectives_trade_speed_for_memory(module) -> None:
    small, both, fast = (
        relay.build(module[0], f"c -tinyseg -board=mps2_an386 -objective={objective}", module[1])
        for objective in ("ram", "balanced", "speed")
    )
    assert small.memory.arena < both.memory.arena < fast.memory.arena
    assert small.timing.seconds > both.timing.seconds > fast.timing.seconds
    assert relay.build(module[0], "c -tinyseg -board=mps2_an386", module[1]).plan == both.plan


@pytest.mark.parametrize("target", ["c -tinyseg -board=commodore64", "c -tinyseg -storage=tape"])
def test_what_does_not_exist_is_refused(module, target: str) -> None:
    with pytest.raises(TinySegError, match=r"commodore64|tape"):
        relay.build(module[0], target, module[1])


def test_wrong_targets_are_usage_errors(module) -> None:
    with pytest.raises(UsageError):
        relay.build(module[0], "llvm", module[1])


def test_progress_is_told_from_0_to_1(module) -> None:
    seen: list[float] = []
    relay.build(module[0], "c -tinyseg", module[1], progress=lambda what, done: seen.append(done))
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] <= 1


@pytest.fixture(scope="module")
def archive(factory, tmp_path_factory) -> Path:
    path: Path = factory.export_library_format(tmp_path_factory.mktemp("mlf") / "model.tar")
    return path


def text_of(tar: tarfile.TarFile, name: str) -> str:
    member = tar.extractfile(name)
    assert member is not None
    return member.read().decode()


def test_the_archive_has_the_layout_of_the_format(archive, factory) -> None:
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        assert all(not name.startswith("/") and ".." not in name for name in names)
        metadata = json.loads(text_of(tar, "metadata.json"))
        relax = text_of(tar, "src/relax.txt")
    expected = {
        "codegen/host/include/seg_menter_2.h",
        "codegen/host/src/seg_menter_2.c",
        "parameters/seg_menter_2.bin",
    }
    assert expected <= names
    assert metadata["version"] == 7
    assert metadata["model_name"] == "seg_menter_2"
    main = metadata["memory"]["functions"]["main"][0]
    assert main["workspace_size_bytes"] == factory.memory.arena
    assert main["constants_size_bytes"] > 0
    assert main["io_size_bytes"] == 16 * 12 * (3 + 1)
    assert len(metadata["memory"]["functions"]["operator_functions"]) == len(factory.network.nodes)
    assert "tinyseg.conv2d" in relax
    assert metadata["tinyseg"]["figures"] == json.loads(json.dumps(factory.figures))


def test_equal_builds_export_equal_bytes(archive, module, tmp_path) -> None:
    again = relay.build(module[0], "c -tinyseg -board=mps2_an386", module[1], name="Seg menter-2!")
    assert again.export_library_format(tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_the_library_in_the_archive_compiles_by_itself(archive, tmp_path) -> None:
    import subprocess

    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    host = tmp_path / "codegen" / "host"
    sources = sorted(str(path) for path in host.rglob("*.c"))
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O0", "-fsyntax-only"]
    folders = [f"-I{host / name}" for name in ("include", "src", "runtime")]
    subprocess.run(["gcc", *flags, *folders, *sources], check=True)


def test_an_archive_that_cannot_be_written_is_an_error(factory, tmp_path) -> None:
    with pytest.raises(TinySegError, match="cannot write"):
        factory.export_library_format(tmp_path / "no" / "such" / "folder.tar")


def test_models_come_from_paths_bytes_and_protos(tmp_path: Path) -> None:
    model = segmenter()
    path = save(model, tmp_path / "model.onnx")
    hashes = set()
    for source in (model, path, str(path)):
        mod, params = relay.frontend.from_onnx(source)
        hashes.add(relay.build(mod, "c -tinyseg -layerwise", params, name="n").files["src/n_operators.c"])
    assert len(hashes) == 1


def test_the_library_is_named_after_the_file(tmp_path: Path) -> None:
    model = segmenter()
    model.graph.name = "main_graph"
    path = save(model, tmp_path / "street scenes.v2.onnx")
    assert relay.build(*_pair(relay.frontend.from_onnx(path))).name == "street_scenes_v2"
    assert relay.build(*_pair(relay.frontend.from_onnx(path, name="net"))).name == "net"
    assert relay.build(*_pair(relay.frontend.from_onnx(model))).name == "main_graph"


def _pair(imported: tuple[Any, Any]) -> tuple[Any, str, Any]:
    return imported[0], "c -tinyseg -layerwise", imported[1]


def test_the_pair_of_the_importer_is_built_as_it_is(module) -> None:
    whole = relay.build(module, "c -tinyseg -layerwise", name="n")
    assert whole.files == relay.build(module[0], "c -tinyseg -layerwise", module[1], name="n").files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.onnx",), r"build: a Relax module or the pair .* is needed, not str; import a model first"),
        ((segmenter(),), "not ModelProto; import a model first"),
        ((({}, {}, {}),), "a pair .* not 3 values"),
    ],
)
def test_what_is_no_module_is_refused_with_a_sentence(arguments, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        relay.build(*arguments)


def test_wrong_types_beside_the_module_are_refused_with_a_sentence(module) -> None:
    with pytest.raises(UsageError, match="params is a mapping from parameters to arrays, not list"):
        relay.build(module[0], "c -tinyseg", cast(Any, [1]))
    with pytest.raises(UsageError, match="given twice"):
        relay.build((module[0], {"w": np.zeros(1)}), "c -tinyseg", {"w": np.zeros(1)})
    with pytest.raises(UsageError, match="target of type int: not a tinyseg target; use a string"):
        relay.build(module, 7)


@pytest.fixture(scope="module")
def by_columns(module, tmp_path_factory):
    """A project whose device buffers are column by column."""
    built = relay.build(module, "c -tinyseg -stream-axis=columns -layerwise", name="n")
    return built, generate_project("host", built, tmp_path_factory.mktemp("columns") / "project")


def test_a_project_runs_arrays_of_the_models_layout(by_columns) -> None:
    built, project = by_columns
    x = image(segmenter())
    result = project.run([[x], [x[..., ::-1]]])
    for given, (got,) in zip((x, x[..., ::-1]), result.outputs, strict=True):
        np.testing.assert_array_equal(got, reference.run(built.network, [given])[0])


def test_a_project_runs_arrays_of_the_devices_layout_where_it_is_told(by_columns) -> None:
    built, project = by_columns
    x = image(segmenter())
    result = project.run([[reference.to_device(built.network, built.network.inputs[0], x)]], layout="device")
    expected = reference.to_device(built.network, built.network.outputs[0], reference.run(built.network, [x])[0])
    assert result.outputs[0][0].tobytes() == expected.tobytes()


def test_arrays_of_another_form_are_refused_with_what_is_needed(by_columns) -> None:
    _, project = by_columns
    x = image(segmenter())
    needed = (
        r"vector 0: port 'input_1' carries int8 of shape \(1, 3, 16, 12\), .* of shape \(1, 12, 16, 3\), pass layout='d"
    )
    for wrong in (x.transpose(0, 2, 3, 1), x.astype(np.float32), x.transpose(0, 3, 2, 1)):
        with pytest.raises(UsageError, match=needed):
            project.run([[wrong]])
    with pytest.raises(UsageError, match=r"vector 0 is of type ndarray: .* as in run\(\[\[image\]\]\)"):
        project.run([x])
    with pytest.raises(UsageError, match="input 0 is of type list"):
        project.run([[x.tolist()]])
    with pytest.raises(UsageError, match="layout is 'model' or 'device', not 'nhwc'"):
        project.run([[x]], layout="nhwc")


def test_predict_gives_the_output_of_one_image_with_or_without_its_first_dimension(by_columns) -> None:
    built, project = by_columns
    x = image(segmenter())
    expected = reference.run(built.network, [x])[0]
    for given in (x, x[0]):
        found = project.predict(given)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, expected)


def test_predict_refuses_other_arrays_with_what_is_needed(by_columns) -> None:
    _, project = by_columns
    x = image(segmenter())
    with pytest.raises(UsageError, match=r"port 'input_1' carries int8 of shape \(1, 3, 16, 12\)"):
        project.predict(x.transpose(0, 2, 3, 1)[0])
    for arrays in ((), (x, x)):
        with pytest.raises(UsageError, match=f"vector 0 has {len(arrays)} arrays, the network has 1"):
            project.predict(*arrays)


def test_what_a_notebook_shows_is_short_and_its_names_are_texts(by_columns) -> None:
    built, project = by_columns
    result = project.run()
    for shown, begin in (
        (built, "<Factory n for host: "),
        (project, "<Project n for host in "),
        (result, "<RunResult of host: "),
    ):
        assert repr(shown).startswith(begin)
        assert len(repr(shown)) < 200
        assert "<table>" in shown._repr_html_()
    assert "differing bytes 0" in repr(result)
    odd = replace(built, name="<script>x</script>")
    assert "<script>" not in odd._repr_html_()
    assert "&lt;script&gt;x" in odd._repr_html_()


def test_a_bar_shows_in_a_notebook_and_on_a_terminal_only(monkeypatch, capfd) -> None:
    with relay.ProgressBar() as progress:
        progress("planning", 0.5)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    with relay.ProgressBar() as progress:
        progress("planning", 0.5)
    assert "planning" in capfd.readouterr().err
    with relay.ProgressBar(quiet=True) as progress:
        progress("planning", 0.5)
    assert capfd.readouterr() == ("", "")


def test_schedule_and_addresses_take_little_flash(factory) -> None:
    """At most 4 bytes per step, both tables together."""
    metadata = json.loads(factory.files["metadata.json"])
    tables = metadata["schedule"]["bytes"] + metadata["placement"]["table_bytes"]
    assert 0 < tables <= 4 * metadata["schedule"]["steps"]
