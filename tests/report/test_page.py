"""The page's document is exact and survives being read again; its HTML is one file in which texts stay texts."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.report import unet
from tests.report.told import CHOICES, HOSTILE, told
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.memory import Kind, Owner
from tinyseg_tvm.report.page import page
from tinyseg_tvm.report.page_document import page_document, read_document
from tinyseg_tvm.report.write import write_reports


def expanded(runs):
    """Rows (address, end, first step, end step) of all rectangles."""
    return [
        (low + i * up, low + i * up + size, begin + i * later, end + i * longer)
        for count, _, low, size, begin, end, up, later, longer in runs
        for i in range(count)
    ]


def test_runs_are_the_rectangles_of_the_memory_map(packed_unet):
    document = page_document(Build(packed_unet.problem, packed_unet.plan))
    assert document["exact"]
    for owner, told_owner in zip(packed_unet.owners, document["owners"], strict=True):
        alive = owner.steps[:, 1] > owner.steps[:, 0]
        rows = np.concatenate((owner.addresses, owner.steps), axis=1)[alive]
        assert expanded(told_owner["runs"]) == [tuple(row) for row in rows.tolist()]


def test_the_order_of_steps_and_their_times_can_be_rebuilt():
    build = told()
    document = page_document(build)
    order = [
        number
        for number, count in zip(document["order"][::2], document["order"][1::2], strict=True)
        for _ in range(count)
    ]
    assert tuple(order) == build.plan.steps
    ends = np.cumsum(document["ends"])
    assert build.timeline is not None
    assert np.abs(ends - 1e6 * np.array(build.timeline.ends)).max() < 0.02
    assert [change[1] for each in document["stored"] for change in each["changes"]][-1] == 0


def test_operators_that_take_whole_tensors_are_marked():
    problem = unet.tiny_unet(16, 8)
    whole = replace(
        problem.operators[-1], steps=1,
        reads=tuple(replace(access, lines=(tuple(range(16)),)) for access in problem.operators[-1].reads),
        writes=tuple(replace(access, lines=(tuple(range(16)),)) for access in problem.operators[-1].writes),
    )  # fmt: skip
    problem = replace(problem, operators=(*problem.operators[:-1], whole))
    document = page_document(Build(problem, unet.bump_plan(problem)))
    assert [each["name"] for each in document["operators"] if each["whole"]] == ["logits"]


def test_lines_too_many_for_a_page_become_one_rectangle_for_each_address(small_unet, monkeypatch):
    """Lines 0, 1, 2, ... of a ring of three, each alive from its square to the square after the next."""
    line = np.arange(12)
    addresses = np.stack((64 * (line % 3), 64 * (line % 3) + 64), axis=1)
    ring = Owner("image", Kind.TENSOR, 0, addresses, np.stack((line**2, (line + 2) ** 2), axis=1))
    monkeypatch.setattr("tinyseg_tvm.report.page_document.MOST_RUNS", 5)
    build = Build(small_unet.problem, small_unet.plan)
    build.__dict__["memory"] = replace(small_unet, owners=(ring,))
    document = page_document(build)
    assert not document["exact"]
    found = expanded(document["owners"][0]["runs"])
    assert len(found) == 3
    for (low, high), (begin, end) in zip(addresses.tolist(), ring.steps.tolist(), strict=True):
        assert any(a <= low and high <= b and first <= begin and end <= last for a, b, first, last in found)


class Tags(HTMLParser):
    """Tags that are open, addresses, texts outside scripts and styles, and the scripts and styles."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.links, self.attributes, self.text, self.raw = [], [], [], "", []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        self.attributes += [name for name, _ in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.raw.append((self.open[-1], data))
        else:
            self.text += data


def test_the_page_is_well_formed_self_contained_and_keeps_texts_apart_from_markup():
    build = told()
    document = page_document(build, CHOICES)
    tags = Tags()
    text = page(document, against=document)
    tags.feed(text)
    assert tags.open == []
    assert tags.links == []
    assert not [name for name in tags.attributes if name.startswith("on") or name == "style"]
    style, data, script = tags.raw
    assert [style[0], data[0], script[0]] == ["style", "script", "script"]
    assert json.loads(data[1])["operators"][0]["name"] == HOSTILE
    assert text.count("<script") == 2
    assert HOSTILE in tags.text  # the title
    assert "http" not in style[1] + script[1].replace("http://www.w3.org/2000/svg", "")


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    text = page(page_document(told(), CHOICES))
    tags = Tags()
    tags.feed(text)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    digests = ["sha256-" + base64.b64encode(hashlib.sha256(tags.raw[n][1].encode()).digest()).decode() for n in (2, 0)]
    assert policy.replace("&#39;", "'") == (
        f"default-src 'none'; script-src '{digests[0]}'; style-src '{digests[1]}'; base-uri 'none'; form-action 'none'"
    )


def test_a_page_can_be_read_again_and_stands_in_another(tmp_path):
    write_reports(tmp_path / "reports", told("before"), pictures=False)
    document = read_document(tmp_path)
    assert document == {**json.loads(json.dumps(page_document(told("before")))), "against": None}
    assert read_document(tmp_path / "reports") == read_document(tmp_path / "reports" / "report.html") == document
    assert '"title":"before"' in page(page_document(told("after")), document)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(format=2), "format"),
        (lambda d: d.update(steps=5), "do not fit"),
        (lambda d: d["order"].__setitem__(0, 999), "do not fit"),
        (lambda d: d["owners"][0].update(pool=7), "do not fit"),
        (lambda d: d["owners"][0]["runs"][0].__setitem__(0, 1 << 40), "do not fit"),
        (lambda d: d["operators"][0].update(cycles="<b>"), "cycles"),
        (lambda d: d["facts"][0].update(value=["x"]), "value"),
        (lambda d: d.pop("tensors"), "tensors"),
    ],
)
def test_a_page_that_was_changed_is_refused(tmp_path, change, word):
    document = json.loads(json.dumps(page_document(told("x"))))
    change(document)
    (tmp_path / "report.html").write_text(page(document))
    with pytest.raises(TinySegError, match=word):
        read_document(tmp_path)


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no report\.html there"):
        read_document(tmp_path)
    (tmp_path / "report.html").write_text("<html>")
    with pytest.raises(UsageError, match="write it again"):
        read_document(tmp_path)
