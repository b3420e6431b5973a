"""Names from models become identifiers, and cannot break out of comments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.codegen.text.identifiers import Names, comment_text, identifier, project_identifier


@given(st.text())
def test_any_name_becomes_an_identifier(name):
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,48}", identifier(name))


@given(st.text())
def test_any_text_is_harmless_in_a_comment(text):
    safe = comment_text(text)
    assert all(" " <= c <= "~" for c in safe)
    assert not re.search(r"\*/|/\*|\?\?|\\", f"/{safe}/"[1:-1])


@pytest.mark.parametrize("name", ["string", "stdio", "int", "Float", "main", "math", "port", "MALLOC"])
def test_projects_are_not_called_like_headers_or_keywords(name):
    assert project_identifier(name) != name.lower()


def test_equal_names_are_numbered():
    names = Names(("net_run",))
    assert [names.unique("net_run"), names.unique("net_run"), names.unique("net_2")] == [
        "net_run_2",
        "net_run_3",
        "net_2",
    ]
