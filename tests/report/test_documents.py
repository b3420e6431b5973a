import csv
import io
import json
from dataclasses import replace

from tinyseg_tvm.planner.order_bound import least_live
from tinyseg_tvm.report.documents import OPERATOR_COLUMNS, memory_document, operators_csv
from tinyseg_tvm.report.text import operator_table, order_sentence, peak_table, ram_table


def test_blocks_reproduce_every_address(packed_unet):
    document = memory_document(packed_unet, "unet")
    placements = {
        tensor.name: placement.offsets
        for tensor, placement in zip(packed_unet.problem.tensors, packed_unet.plan.placements, strict=True)
    }
    tensors = [owner for owner in document["owners"] if owner["kind"] == "tensor"]
    assert len(tensors) == len(placements)
    for owner in tensors:
        offsets = [start + i * pitch for _, count, start, pitch in owner["blocks"] for i in range(count)]
        assert tuple(offsets) == placements[owner["name"]]


def test_the_curve_of_live_bytes_can_be_rebuilt(packed_unet):
    document = memory_document(packed_unet)
    rebuilt: list[int] = []
    changes = dict(document["live"])
    for step in range(document["steps"]):
        rebuilt.append(changes.get(step, rebuilt[-1] if rebuilt else 0))
    assert rebuilt == packed_unet.live.sum(axis=0).tolist()
    assert document["peak"]["bytes"] == max(rebuilt) == sum(owner["bytes"] for owner in document["peak"]["owners"])


def test_the_document_is_plain_json(small_unet):
    document = memory_document(small_unet, 'a "title"')
    assert json.loads(json.dumps(document)) == document


def test_operators_csv_has_a_row_per_operator(small_unet):
    rows = list(csv.DictReader(io.StringIO(operators_csv(small_unet, {"pool1": "max_pool2d"}))))
    assert [row["operator"] for row in rows] == [operator.name for operator in small_unet.problem.operators]
    assert tuple(rows[0]) == OPERATOR_COLUMNS
    pool = next(row for row in rows if row["operator"] == "pool1")
    assert (pool["kind"], pool["bytes_read"], pool["bytes_written"]) == ("max_pool2d", "3072", "768")


def test_text_reports_name_the_peak_and_sum_up_the_rest(small_unet):
    text = peak_table(small_unet)
    assert f"{small_unet.live_peak[0]:,} bytes" in text
    assert "others" not in text or text.count("\n") == 15
    assert "enc1_conv2" in text


def test_the_report_says_how_far_the_order_is_from_the_bound(packed_unet):
    problem, plan = packed_unet.problem, packed_unet.plan
    least = least_live(problem, plan.steps)
    assert least <= packed_unet.live_peak[0]
    assert "is optimal" in order_sentence(problem, plan, least)
    assert f"within 25.0 % of the bound: none has fewer than {least:,} bytes" in order_sentence(
        problem, plan, least * 5 // 4
    )


def test_the_operator_table_names_those_of_most_flash_and_sums_up_the_rest(small_unet):
    flash = {"dec1_conv2": 7000, "pool1": 2000}
    operators = tuple(
        replace(o, flash_bytes=flash.get(o.name, 10), kernel="conv2d portable" if o.name == "dec1_conv2" else "")
        for o in small_unet.problem.operators
    )
    memory = replace(small_unet, problem=replace(small_unet.problem, operators=operators))
    total = 9000 + 10 * (len(operators) - 2)
    lines = operator_table(memory).splitlines()
    assert f"{total:,} bytes of flash" in lines[0]
    assert lines[1].split() == ["operator", "kernel", "MACs", "scratch", "flash", "share"]
    assert lines[3].split()[:3] == ["dec1_conv2", "conv2d", "portable"]
    assert lines[3].split()[-3:] == ["7,000", f"{700000 / total:.0f}", "%"]
    assert lines[4].split()[0] == "pool1"
    assert lines[-1].startswith(f"{len(operators) - 12} others")
    assert lines[-1].split()[-3] == str(10 * (len(operators) - 12))


def test_the_ram_table_leaves_out_what_is_not_there():
    table = ram_table({"arena": 1000, "io": 0, "static": 24, "stack": 512, "slow": 0, "total": 1536})
    assert "1,536" in table
    assert "slow" not in table
