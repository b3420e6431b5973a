import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.report.tables import render


def test_numbers_are_flush_right_and_texts_flush_left():
    table = render([("a", 1234567, 0.5), ("longer", 8, None)], ("name", "bytes", "x"), bold=False)
    assert table.splitlines() == [
        "name        bytes     x",
        "------  ---------  ----",
        "a       1,234,567  0.50",
        "longer          8     -",
    ]


def test_headers_are_bold_only_where_asked(monkeypatch):
    assert "\033[1m" in render([("a",)], ("name",), bold=True)
    assert "\033" not in render([("a",)], ("name",))  # captured output is no terminal


def test_no_color_is_respected_on_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033" in render([("a",)], ("name",))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in render([("a",)], ("name",))


def test_control_characters_of_names_do_not_reach_the_terminal():
    assert "\033" not in render([("\033[2Jevil\nname",)], ("name",), bold=False)
    assert len(render([("a\nb",)], ("name",), bold=False).splitlines()) == 3


def test_wide_characters_keep_columns_aligned():
    lines = render([("日本", "x"), ("ab", "y")], ("n", "m"), bold=False).splitlines()
    assert lines[2:] == ["日本  x", "ab    y"]


def test_a_row_of_the_wrong_length_is_an_error():
    with pytest.raises(ValueError, match="2 columns"):
        render([("a",)], ("x", "y"))


@given(st.lists(st.tuples(st.text("ab c", max_size=8), st.integers()), max_size=6))
def test_all_rows_are_equally_wide(rows):
    lines = render([(f"{text}.", number) for text, number in rows], ("text", "number"), bold=False).splitlines()
    assert len({len(line) for line in lines[2:]}) <= 1 or not rows
