"""The file of tuning records: written and read, merged, of several boards, and refused where it is broken."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tinyseg_tvm.codegen.tuning_database import load_database, merged_databases, records_for, save_database
from tinyseg_tvm.codegen.tuning_records import TuningRecord, TuningRecords
from tinyseg_tvm.errors import TinySegError

TOOLS = (("arm-none-eabi-gcc", "13.2"), ("qemu-system-arm", "8.2"))
RECORDS = TuningRecords(
    "cortex-m4",
    (
        TuningRecord("conv", "kernel", 123, True, (("abc", (4, 2, 1)),), TOOLS),
        TuningRecord("conv", "other", 456, False),
    ),
    (("abc", (4, 2, 1)),),
    "desk",
)
SHELF = TuningRecords("cortex-m55", (TuningRecord("conv", "kernel", 7, True, (), (("gcc", "12"),)),), (), "shelf")
DATABASE = {"desk": RECORDS, "shelf": SHELF}


def test_records_are_read_as_they_were_written(tmp_path):
    save_database(DATABASE, tmp_path / "records.json")
    assert load_database(tmp_path / "records.json") == DATABASE
    assert [path.name for path in tmp_path.iterdir()] == ["records.json"]
    save_database({}, tmp_path / "records.json")
    assert load_database(tmp_path / "records.json") == {}


def test_a_record_is_a_line_so_that_files_can_be_compared(tmp_path):
    save_database(DATABASE, tmp_path / "a.json")
    slower = (replace(RECORDS.records[0], cycles=124), RECORDS.records[1])
    save_database(DATABASE | {"desk": replace(RECORDS, records=slower)}, tmp_path / "b.json")
    a, b = ((tmp_path / name).read_text().splitlines() for name in ("a.json", "b.json"))
    assert sum(one != other for one, other in zip(a, b, strict=True)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "no JSON", "not JSON"),
        (lambda _: "[1, 2]", "something else"),
        (lambda content: json.dumps(content | {"format": "other"}), "something else"),
        (lambda content: json.dumps(content | {"version": 1}), "version 1, this tool reads 2"),
        (lambda content: json.dumps(content | {"boards": 7}), "an entry is broken"),
        (lambda content: json.dumps(content | {"boards": {"desk": {}}}), "an entry is broken"),
        (lambda content: json.dumps(content | {"tools": []}), "its tools are not listed"),
        (lambda content: json.dumps(content).replace("[4, 2, 1]", '"x"'), "an entry is broken"),
        (lambda content: json.dumps(content).replace('"cortex-m4"', "4"), "an entry is broken"),
        (lambda content: json.dumps(content).replace("123", "-1"), "an entry is broken"),
        (lambda content: json.dumps(content).replace("123", '"much"'), "an entry is broken"),
        (lambda content: json.dumps(content).replace('"operator"', '"sister"'), "an entry is broken"),
    ],
)
def test_a_broken_file_is_refused(change, message, tmp_path):
    path = tmp_path / "records.json"
    save_database(DATABASE, path)
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(TinySegError, match=message):
        load_database(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TinySegError, match=r"nothing\.json: No such file.*tinyseg tune"):
        load_database(tmp_path / "nothing.json")


def test_a_build_takes_its_board_s_records_else_those_of_its_core():
    twin = replace(RECORDS, board="a twin")
    database = DATABASE | {"a twin": twin}
    assert records_for(database, "desk", "cortex-m4") is RECORDS
    assert records_for(database, "new", "cortex-m4") is twin
    assert records_for(database, "new", "cortex-m0").core != "cortex-m0"  # which is refused
    assert records_for({}, "new", "cortex-m0") == TuningRecords()


def test_boards_are_merged_one_by_one():
    more = replace(RECORDS, records=(TuningRecord("pool", "kernel", 9, True, (), TOOLS),))
    both = merged_databases(DATABASE, {"desk": more, "third": replace(SHELF, board="third")})
    assert {r.operator for r in both["desk"].records} == {"conv", "pool"}
    assert both["shelf"] == SHELF
    assert both["third"].records == SHELF.records
    with pytest.raises(TinySegError, match="two boards named 'desk', with the cores 'cortex-m4' and 'cortex-m55'"):
        merged_databases(DATABASE, {"desk": SHELF})
