import hashlib

import numpy as np

from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.drawing import save, tensor_colour
from tinyseg_tvm.report.figures import pareto_figure
from tinyseg_tvm.report.memory import memory_map
from tinyseg_tvm.report.memory_picture import memory_figure
from tinyseg_tvm.report.points import Point
from tinyseg_tvm.report.write import write_reports

POINTS = (
    Point("TFLM", 300_000, 100, ours=False),
    Point("rows", 108_000, 100),
    Point("recompute", 64_000, 110),
    Point("spill", 38_000, 100, 76_800),
    Point("worse spill", 39_000, 100, 90_000),
)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_reports_are_written_and_the_same_twice(packed_unet, tmp_path):
    problem, plan = packed_unet.problem, packed_unet.plan
    written = [
        write_reports(tmp_path / name, Build(problem, plan, "<b>net</b> $x$", facts={"IoU": 0.9}), points=POINTS)
        for name in ("a", "b")
    ]
    assert [path.name for path in written[0]] == [
        "memory_map.json", "operators.csv", "report.html", "memory_map.svg", "memory_map.png", "pareto.svg",
        "pareto.png",
    ]  # fmt: skip
    assert [digest(path) for path in written[0]] == [digest(path) for path in written[1]]


def test_documents_need_no_pictures(small_unet, tmp_path):
    written = write_reports(tmp_path, Build(small_unet.problem, small_unet.plan), pictures=False)
    assert [path.name for path in written] == ["memory_map.json", "operators.csv", "report.html"]


def test_svg_has_no_date(small_unet, tmp_path):
    text = save(memory_figure(small_unet), tmp_path / "map.svg").read_text()
    assert "dc:date" not in text
    assert "matplotlib" not in text.lower().replace("matplotlib.axis", "").replace("matplotlib_", "")


def test_names_with_markup_do_not_break_the_picture(tmp_path):
    from tests.report import unet

    problem = unet.tiny_unet(8, 8)
    tensors = tuple(
        type(tensor)(f"${number} \\frac{{\n日<&>" * 5, tensor.lines, tensor.line_bytes, tensor.contiguous, tensor.role)
        for number, tensor in enumerate(problem.tensors)
    )
    operators = tuple(
        type(operator)(f"$ {operator.name} _^{{", operator.steps, operator.reads, operator.writes)
        for operator in problem.operators
    )
    odd = type(problem)(tensors, operators, problem.pools)
    save(memory_figure(memory_map(odd, unet.bump_plan(odd)), "$\\bad{"), tmp_path / "odd.svg")


def test_neighbouring_tensors_have_different_colours():
    colours = [np.array(tensor_colour(number)) for number in range(60)]
    for i, colour in enumerate(colours):
        for other in colours[i + 1 : i + 4]:
            assert np.abs(colour - other).max() > 0.1


def test_the_pareto_figure_has_a_panel_per_price_that_differs():
    assert len(pareto_figure(POINTS).axes) == 2
    assert len(pareto_figure(POINTS[:2]).axes) == 1
    assert len(pareto_figure(POINTS[:3]).axes) == 1
